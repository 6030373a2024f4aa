/// Adds headers and body fields of the app's own to sign-in, refresh and revocation, such as a device's id or an attestation.
/// It sees no token, and can override nothing that the profile places: such a field is `.misconfigured`, before anything
/// leaves.
///
/// Called on a thread of the library's own; reading a session's token and state is fine there, waiting for one is not. What it
/// throws keeps the request from being sent: callers get `.tryAgain` with the cause `.app`, and nothing is lost.
public protocol RequestFields: Sendable {
  /// What to add to the request that is about to be made. Asked once for each refresh; its repeats carry the same.
  func fields(for purpose: Purpose) throws -> ExtraFields
}

/// Which of the profile's requests is about to be made.
public enum Purpose: Sendable, Equatable {
  /// The user's sign-in.
  case signIn
  /// The exchange that brings the next access token.
  case refresh
  /// The revocation of what a session lived by.
  case revoke
}

/// Headers and body fields by name. No text shows their values.
public struct ExtraFields: Sendable {
  let headers: [String: String]
  let fields: [String: String]

  /// Headers and form fields by their names.
  public init(headers: [String: String] = [:], fields: [String: String] = [:]) {
    self.headers = headers
    self.fields = fields
  }
}

extension ExtraFields: CustomStringConvertible, CustomReflectable {
  public var description: String { "ExtraFields(headers: \(headers.keys.sorted()), fields: \(fields.keys.sorted()))" }

  public var customMirror: Mirror { Mirror(self, children: []) }
}
