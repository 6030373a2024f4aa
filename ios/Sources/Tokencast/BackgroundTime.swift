internal import TokencastFFI

/// Asks the platform for time to finish an exchange when the app has left the screen, such as `beginBackgroundTask`. Called on
/// a thread of the library's own.
///
/// What it throws counts as "none given": the exchange goes on without.
public protocol BackgroundTime: Sendable {
  /// Asks for up to `atMost`, before an exchange goes on the wire. When the time ends early, tell `end`.
  ///
  /// - Returns: The platform's number of the task, above zero; `nil` when it gives none.
  func begin(atMost: Duration, end: BackgroundEnd) throws -> Int64?

  /// The exchange is over, or was ended because the time was, and holds no lock: the platform may stop the process.
  func finish(_ task: Int64) throws
}

/// How a host says that background time is over: the exchange's connection is dropped, then its lock released.
public struct BackgroundEnd: Sendable {
  let core: TokencastFFI.BackgroundEnd

  /// The time is over. Does not block; more than once is as good as once.
  public func tell() {
    // All that it can say is that the library has a defect.
    try? core.tell()
  }
}
