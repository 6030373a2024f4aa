// For type-checking on Linux only. Signatures as on the pages of Apple's documentation that each names.
import Foundation

/// "UIApplication"
@MainActor open class UIApplication: Sendable {
  /// "shared"
  public static let shared = UIApplication()

  private init() {}

  /// "willEnterForegroundNotification"
  public nonisolated static let willEnterForegroundNotification = Notification.Name("stub1")
  /// "didEnterBackgroundNotification"
  public nonisolated static let didEnterBackgroundNotification = Notification.Name("stub2")
  /// "protectedDataDidBecomeAvailableNotification"
  public nonisolated static let protectedDataDidBecomeAvailableNotification = Notification.Name("stub3")

  /// "beginBackgroundTask(withName:expirationHandler:)"; safe from any thread
  public nonisolated func beginBackgroundTask(
    withName taskName: String?, expirationHandler handler: (@MainActor @Sendable () -> Void)? = nil
  ) -> UIBackgroundTaskIdentifier { .invalid }

  /// "endBackgroundTask(_:)"; safe from any thread
  public nonisolated func endBackgroundTask(_ identifier: UIBackgroundTaskIdentifier) {}
}

/// "UIBackgroundTaskIdentifier"
public struct UIBackgroundTaskIdentifier: RawRepresentable, Hashable, Sendable {
  public let rawValue: Int
  public init(rawValue: Int) { self.rawValue = rawValue }
  /// "invalid"
  public static let invalid = UIBackgroundTaskIdentifier(rawValue: 0)
}
