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
    // The value stands beside the mutex: one inside it may only be touched by what can be sent elsewhere.
    private let lock = Mutex(())
    private var value: Value

    package init(_ value: Value) {
      self.value = value
    }

    // Not inlined into an async function: Swift 6.0.3 aborts on `Mutex.withLock` there.
    @inline(never)
    package func withLock<Answer>(_ body: (inout Value) -> Answer) -> Answer {
      var answer: Answer?
      lock.withLock { _ in answer = body(&value) }
      return answer!  // set just above
    }
  #endif
}
