// What Apple's Foundation has and Linux's has not, for type-checking only; compiled among the checked sources.
import Foundation

extension ProcessInfo {
  /// "performExpiringActivity(withReason:using:)"
  func performExpiringActivity(withReason reason: String, using block: @escaping @Sendable (Bool) -> Void) {}
}

extension FileManager {
  /// "containerURL(forSecurityApplicationGroupIdentifier:)"
  func containerURL(forSecurityApplicationGroupIdentifier groupIdentifier: String) -> URL? { nil }
}

/// "FileProtectionType"
struct FileProtectionType: Sendable {
  static let completeUntilFirstUserAuthentication = FileProtectionType()
}

extension FileAttributeKey {
  /// "protectionKey"
  static let protectionKey = FileAttributeKey(rawValue: "stub")
}
