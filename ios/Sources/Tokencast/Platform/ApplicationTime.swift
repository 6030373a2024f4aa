#if canImport(UIKit) && !os(watchOS)
  import Foundation
  import UIKit

  /// Time to finish an exchange when the app has left the screen, by `beginBackgroundTask`. When it ends, the exchange's
  /// connection is dropped, then its locks are released, and only then the task is ended: iOS kills who is suspended with a
  /// lock. That takes the core half a second at most.
  ///
  /// ```swift
  /// let session = AuthSession(profile: profile, storage: .keychain(), backgroundTime: ApplicationTime(.shared))
  /// ```
  public final class ApplicationTime: BackgroundTime {
    private let application: UIApplication

    /// - Parameter application: Usually `.shared`.
    @MainActor
    public init(_ application: UIApplication) {
      self.application = application
    }

    public func begin(atMost: Duration, end: BackgroundEnd) throws -> Int64? {
      // `finish` ends the task, also after this: until then the system does not suspend the app.
      let task = application.beginBackgroundTask(withName: "Tokencast") { end.tell() }
      // The platform's numbers may begin at zero; ours are above it.
      return task == .invalid ? nil : Int64(task.rawValue) + 1
    }

    public func finish(_ task: Int64) throws {
      application.endBackgroundTask(UIBackgroundTaskIdentifier(rawValue: Int(task - 1)))
    }
  }
#endif
