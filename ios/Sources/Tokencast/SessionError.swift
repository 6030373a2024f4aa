import Foundation

/// What a caller of a session can do about a failure. `detail` says it in words, without secrets.
public enum SessionError: Error, Sendable, Equatable {
  /// There is no session: show the sign-in.
  case signInRequired(EndReason, detail: String)
  /// The server did not accept the credentials of a sign-in: let the user correct them.
  case invalidCredentials(code: String, detail: String)
  /// Nothing is lost: try again, not before `after`.
  case tryAgain(after: Duration, TryAgainCause, detail: String)
  /// The storage cannot be read now: wait for the user to unlock the device or keyring.
  case locked(LockedCause, detail: String)
  /// What was asked could not be made durable.
  case storageFailed(StorageFailure, detail: String)
  /// The set-up is wrong: a developer has to mend it.
  case misconfigured(what: String, fix: String, detail: String)
  /// The session object was closed.
  case closed(detail: String)
  /// A fault in this library.
  case defect
}

extension SessionError {
  /// What the app should do, in one sentence for its developer: the core's words, which a test compares.
  public var advice: String {
    switch self {
    case .signInRequired: "Show the sign-in."
    case .invalidCredentials: "Let the user correct them."
    case .tryAgain(let after, _, _): "Try again, not before \(after.milliseconds) ms have passed."
    case .locked: "Wait for the user to unlock the device or keyring, then notify the session that it is unlocked."
    case .storageFailed: "Try again; if it stays, tell the user that the device cannot save."
    case .misconfigured(_, let fix, _): fix
    case .closed: "Make a new session."
    case .defect: "Report it with what led to it."
    }
  }
}

extension SessionError: LocalizedError {
  /// What happened, in words, without secrets.
  public var errorDescription: String? {
    switch self {
    case .signInRequired(_, let detail), .invalidCredentials(_, let detail), .tryAgain(_, _, let detail),
      .locked(_, let detail), .storageFailed(_, let detail), .misconfigured(_, _, let detail), .closed(let detail):
      detail
    case .defect:
      "a fault in the library"
    }
  }

  /// The same as ``advice``.
  public var recoverySuggestion: String? { advice }
}
