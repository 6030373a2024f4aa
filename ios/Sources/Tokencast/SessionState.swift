/// The state of a session. "Refreshing" is none: a caller that needs a token waits for it.
public enum SessionState: Sendable, Equatable {
  /// The record is being read; ends on its own.
  case restoring
  /// The storage cannot be read now. The session is kept and tried again on `notify(.unlocked)`.
  case locked(LockedCause)
  /// No session, and none was lost.
  case signedOut
  /// Signed in; with the account's name, when the sign-in gave one.
  case active(account: String?)
  /// The session ended without the user's wish: show a sign-in, with the reason and whose session it was. `history` is what
  /// led there; ``AuthSession/history()`` has more of it.
  case signInRequired(EndReason, account: String?, history: Trail = Trail())
}

/// Why a session ended.
public enum EndReason: Sendable, Equatable {
  /// The user signed out, or never signed in.
  case signedOut
  /// The refresh token reached its end.
  case expired
  /// The server no longer knows the refresh token.
  case revoked
  /// A spent refresh token was presented, by a thief or by the owner after a thief.
  case reuseDetected
  /// The password was changed.
  case passwordChanged
  /// Another device signed in and the server allows one.
  case signedInElsewhere
  /// The platform's key that opened the storage is gone.
  case keyLost
  /// The stored record was unreadable or gone.
  case storeLost
  /// The record belongs to an earlier installation of the app.
  case staleInstall
  /// A page that refreshed by itself handed over tokens of another account, or ones that the server refused.
  case handoverRefused
  /// An exchange was cut in the middle and the server did not accept its repetition.
  case interruptedRotation
  /// Another code of the server.
  case server(String)
}

/// Why the stored session cannot be read now.
public enum LockedCause: Sendable, Equatable {
  /// The device or the keyring is locked.
  case deviceLocked
  /// There is no secret service on this system.
  case noService
  /// The storage did not answer within its deadline.
  case timedOut
  /// The record was written by a newer version of this library.
  case newerFormat
  /// The entry that an active session used is gone; the next start decides.
  case vanished
  /// The set-up is wrong; every call says how to mend it.
  case misconfigured
  /// Anything else that may pass.
  case unavailable
}

/// Why something could not be saved.
public enum StorageFailure: Sendable, Equatable {
  /// The storage cannot be reached now.
  case unavailable(LockedCause)
  /// A write was refused or its outcome is unknown.
  case unconfirmed
  /// What is stored is not what was written.
  case readBackDiffers
  /// Another process or a hung write holds the record.
  case held
  /// The record would be larger than 256 KiB.
  case tooLarge
}

/// What is in the way of an answer.
public enum TryAgainCause: Sendable, Equatable {
  /// The server could not be reached.
  case offline
  /// The server's certificate was not accepted: a captive portal, a wrong clock, or an attack.
  case untrusted
  /// Another process or call is at work.
  case busy
  /// The server answered, but not with a verdict.
  case server
  /// The app's own ``RequestFields`` had no answer: nothing was sent.
  case app
}

/// What the host tells the session about its surroundings.
public enum Notice: Sendable, Equatable {
  /// The app is visible.
  case foreground
  /// The app left the screen.
  case background
  /// The device or keyring was unlocked.
  case unlocked
  /// The network is back.
  case online
}
