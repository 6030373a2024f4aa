// For type-checking on Linux only. Signatures as on the pages of Apple's documentation that each names.

/// "LAContext"
open class LAContext {
  public init() {}
  /// "evaluatePolicy(_:localizedReason:reply:)"; nobody passes
  open func evaluatePolicy(
    _ policy: LAPolicy, localizedReason: String, reply: @escaping @Sendable (Bool, (any Error)?) -> Void
  ) {
    reply(false, nil)
  }
}

/// "LAPolicy"
public enum LAPolicy: Int, Sendable { case deviceOwnerAuthenticationWithBiometrics = 1, deviceOwnerAuthentication = 2 }
