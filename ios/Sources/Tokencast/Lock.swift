#if canImport(os)
  import os
#else
  import Synchronization
#endif

/// A value under an unfair lock. Never await inside, and never call the app's code.
package final class Lock<Value>: @unchecked Sendable {
  #if canImport(os)
    private let lock: OSAllocatedUnfairLock<Value>

    package init(_ value: Value) {
      lock = OSAllocatedUnfairLock(uncheckedState: value)
    }

    package func withLock<Answer>(_ body: (inout Value) -> Answer) -> Answer {
      lock.withLockUnchecked(body)
    }
  #else
    // Says of what is inside that it may be touched wherever the lock is held, which Mutex asks of it.
    private struct Held: @unchecked Sendable {
      var value: Value
    }

    private let lock: Mutex<Held>

    package init(_ value: Value) {
      lock = Mutex(Held(value: value))
    }

    // Not inlined into an async function: Swift 6.0.3 aborts on `Mutex.withLock` there.
    @inline(never)
    package func withLock<Answer>(_ body: (inout Value) -> Answer) -> Answer {
      lock.withLock { held in
        #if THREAD_SANITIZER
          let place = Unmanaged.passUnretained(self).toOpaque()
          acquired(place)
          defer { releasing(place) }
        #endif
        nonisolated(unsafe) let answer = body(&held.value)
        return answer
      }
    }
  #endif
}

#if THREAD_SANITIZER
  // The sanitizer does not see into Linux's `Mutex`: it is told what that does. `cargo xtask test swift` defines the name.
  @_silgen_name("__tsan_acquire") private func acquired(_ place: UnsafeMutableRawPointer)
  @_silgen_name("__tsan_release") private func releasing(_ place: UnsafeMutableRawPointer)
#endif
