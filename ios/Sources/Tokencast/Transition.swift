import Foundation

/// One thing that happened to a session. Holds no secret, no account and no text of a server but its error code;
/// `description` is one plain English sentence.
public struct Transition: Sendable, Equatable, CustomStringConvertible {
  /// When, on the device's calendar; the last time, if it happened several times.
  public let at: Date
  /// What.
  public let cause: Cause
  /// The status that the server answered with, if it was the server's doing.
  public let status: Int?
  /// The server's error code: at most 64 characters of a name.
  public let serverCode: String?
  /// The token set that it happened to.
  public let generation: Generation
  /// How often it happened to that token set.
  public let times: Int
  /// The process that noted it, as the system numbers them.
  public let process: Int
  /// It in one plain English sentence.
  public let description: String

  /// One that no session noted: for fakes of a session, and for previews.
  public init(
    at: Date, cause: Cause, status: Int? = nil, serverCode: String? = nil,
    generation: Generation = Generation(epoch: 1, number: 1), times: Int = 1, process: Int = 1, description: String
  ) {
    self.at = at
    self.cause = cause
    self.status = status
    self.serverCode = serverCode
    self.generation = generation
    self.times = times
    self.process = process
    self.description = description
  }
}

/// What led to the end of a session, oldest first. Equal to every other: the way to a state is no part of it.
public struct Trail: Sendable, Equatable, RandomAccessCollection {
  let transitions: [Transition]

  /// One that holds nothing.
  public init() { transitions = [] }

  /// One of these, oldest first: for fakes of a session.
  public init(_ transitions: [Transition]) { self.transitions = transitions }

  public var startIndex: Int { transitions.startIndex }
  public var endIndex: Int { transitions.endIndex }
  public subscript(index: Int) -> Transition { transitions[index] }

  public static func == (_: Trail, _: Trail) -> Bool { true }
}

/// What happened to a session. The guide `why-signed-out` says what each means and what to do.
public enum Cause: Sendable, Equatable {
  /// The user signed in.
  case signedIn
  /// The app handed over tokens that it had.
  case adopted
  /// A start found the session.
  case restored
  /// The server gave new tokens.
  case renewed
  /// Another process had renewed: its tokens are used.
  case takenOver
  /// Another process had signed in or out since: its session is used.
  case displaced
  /// A refresh found that an earlier one had begun and not ended: the process died in it, or its answer was lost.
  case interrupted(since: Date)
  /// A refresh did not reach the server.
  case offline
  /// The server's certificate was not accepted; nothing was sent.
  case untrusted
  /// The request may have reached the server, and no readable answer came back.
  case answerLost
  /// The server answered, but not with a verdict.
  case serverBusy
  /// The server said that a newer token exists, and no other process has it.
  case superseded
  /// Another process was at work for too long.
  case busy
  /// The platform took back the app's time in the background during a refresh.
  case backgroundTimeOver
  /// The app's ``RequestFields`` had no answer: no request was sent.
  case noFields
  /// The set-up is wrong.
  case misconfigured
  /// A server refused the access token.
  case rejected
  /// New tokens were refused as soon as they came: refreshes pause.
  case paused
  /// The storage did not take what must be noted before a refresh, so none was made.
  case storageFailed(StorageFailure)
  /// The storage did not take new tokens, or the end of a session: memory alone has them.
  case saveFailed(StorageFailure)
  /// Tokens that lived in memory only are saved.
  case savedLater
  /// The stored session could not be read.
  case locked(LockedCause)
  /// The stored session can be read again.
  case unlocked
  /// The user asked to sign out: no token is served from here on.
  case signOutAsked
  /// The storage did not take the sign-out; it is noted in the app's own folder, and no start restores the session.
  case signOutNoted
  /// The sign-out is saved.
  case signedOut
  /// The session is over.
  case ended(EndReason)
}
