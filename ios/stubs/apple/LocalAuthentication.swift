// For type-checking on Linux only. Signatures as on the pages of Apple's documentation that each names.

/// "LAContext"
open class LAContext {
  public init() {}
  /// "evaluatePolicy(_:localizedReason:reply:)", as Swift imports it for async functions
  open func evaluatePolicy(_ policy: LAPolicy, localizedReason: String) async throws -> Bool { false }
}

/// "LAPolicy"
public enum LAPolicy: Int, Sendable { case deviceOwnerAuthenticationWithBiometrics = 1, deviceOwnerAuthentication = 2 }
