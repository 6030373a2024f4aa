#if canImport(LocalAuthentication)
  import LocalAuthentication

  extension AuthSession {
    /// Makes a session after the user has shown to be the device's owner (Face ID, Touch ID or the passcode). Nothing is read
    /// before, so no token is in memory; what is read then serves until the session is closed.
    ///
    /// - Parameters:
    ///   - reason: What the system's question says.
    ///   - make: Makes the session.
    /// - Throws: What the context throws, an `LAError`, when the user did not pass: there is no session then.
    public static func afterUserPresence(
      _ reason: String, context: LAContext = LAContext(), make: () -> AuthSession
    ) async throws -> AuthSession {
      guard try await context.evaluatePolicy(.deviceOwnerAuthentication, localizedReason: reason) else {
        throw SessionError.locked(.deviceLocked, detail: "the user did not pass")
      }
      return make()
    }
  }
#endif
