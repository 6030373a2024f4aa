/// Runs `work` in a task of its own and waits for it, until the waiting task is cancelled.
package func waiting<Answer: Sendable>(
  for work: @escaping @Sendable () async throws -> Answer
) async throws -> Answer {
  let waiter = Waiter<Answer>()
  return try await withTaskCancellationHandler {
    try await withCheckedThrowingContinuation { continuation in
      waiter.wait(continuation)
      Task {
        do {
          waiter.end(with: .success(try await work()))
        } catch {
          waiter.end(with: .failure(error))
        }
      }
    }
  } onCancel: {
    waiter.end(with: .failure(CancellationError()))
  }
}

/// Resumes a continuation once, by whichever comes first: the answer or the cancellation.
private final class Waiter<Answer: Sendable>: Sendable {
  private enum State {
    case idle
    case waiting(CheckedContinuation<Answer, any Error>)
    case ended(Result<Answer, any Error>)
  }

  private let state = Lock<State>(.idle)

  func wait(_ continuation: CheckedContinuation<Answer, any Error>) {
    let early: Result<Answer, any Error>? = state.withLock { state in
      if case .ended(let result) = state { return result }
      state = .waiting(continuation)
      return nil
    }
    if let early { continuation.resume(with: early) }
  }

  func end(with result: Result<Answer, any Error>) {
    let continuation: CheckedContinuation<Answer, any Error>? = state.withLock { state in
      switch state {
      case .idle:
        state = .ended(result)
        return nil
      case .waiting(let continuation):
        state = .ended(result)
        return continuation
      case .ended:
        return nil
      }
    }
    continuation?.resume(with: result)
  }
}
