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
  private let core: TokencastFFI.Subscription

  init(_ core: TokencastFFI.Subscription) {
    self.core = core
  }

  /// Ends the subscription. More than once is as good as once.
  public func cancel() {
    // All that it can say is that the library has a defect.
    try? core.cancel()
  }

  deinit {
    cancel()
  }
}
