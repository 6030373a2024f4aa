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
    private let lock = Mutex(())
    // Beside the mutex: one inside may only be touched by what can be sent elsewhere. By a pointer, because each access to a
    // variable of a class is checked for overlapping ones, which the lock excludes.
    private let value: UnsafeMutablePointer<Value>

    package init(_ value: Value) {
      self.value = .allocate(capacity: 1)
      self.value.initialize(to: value)
    }

    deinit {
      value.deinitialize(count: 1)
      value.deallocate()
    }

    // Not inlined into an async function: Swift 6.0.3 aborts on `Mutex.withLock` there.
    @inline(never)
    package func withLock<Answer>(_ body: (inout Value) -> Answer) -> Answer {
      lock.withLock { _ in
        #if THREAD_SANITIZER
          acquired(value)
          defer { releasing(value) }
        #endif
        nonisolated(unsafe) let answer = body(&value.pointee)
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
