internal import TokencastFFI

/// Something that happened to a session, in order, latest wins.
public enum SessionEvent: Sendable, Equatable {
  /// The broadcast: a new access token, already saved.
  case accessTokenChanged(AccessToken)
  /// The session's state is another one.
  case stateChanged(SessionState)
  /// A refresh failed; the session goes on. With the time until the next attempt may be made.
  case refreshFailed(SessionError, retryIn: Duration?)
  /// A save failed; the new token lives in memory and saving is tried again.
  case storageDegraded(StorageFailure)
}

/// Keeps a listener: `cancel()`, or letting go of it, ends the subscription. A call that is under way may still finish.
public final class Subscription: Sendable {
  private let ending: Lock<(@Sendable () -> Void)?>

  /// One that does `end` when it is cancelled, once: for fakes of a session.
  public init(_ end: @escaping @Sendable () -> Void) {
    ending = Lock(end)
  }

  convenience init(_ core: TokencastFFI.Subscription) {
    // All that it can say is that the library has a defect.
    self.init { try? core.cancel() }
  }

  /// Ends the subscription. More than once is as good as once.
  public func cancel() {
    let end = ending.withLock { ending in
      defer { ending = nil }
      return ending
    }
    end?()
  }

  deinit {
    cancel()
  }
}

extension Subscription: CustomStringConvertible, CustomReflectable {
  /// Says only what it is.
  public var description: String { "Subscription" }

  /// Empty: what is heard may hold a token.
  public var customMirror: Mirror { Mirror(self, children: []) }
}
