// What Apple's Foundation has and Linux's has not, for type-checking only; compiled among the checked sources.
import Foundation

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
