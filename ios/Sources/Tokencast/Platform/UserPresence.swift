#if canImport(LocalAuthentication)
  import LocalAuthentication

  extension AuthSession {
    /// Makes a session after the user has shown to be the device's owner (Face ID, Touch ID or the passcode). Nothing is read
    /// before, so no token is in memory; what is read then serves until the session is closed.
    ///
    /// - Parameters:
    ///   - reason: What the system's question says.
    ///   - context: What asks, for an app that sets its texts or ends it.
    ///   - isolation: The actor on which `make` runs: the caller's.
    ///   - make: Makes the session.
    /// - Throws: What the context throws, an `LAError`, when the user did not pass: there is no session then.
    public static func afterUserPresence(
      _ reason: String, context: LAContext = LAContext(), isolation: isolated (any Actor)? = #isolation,
      make: () -> AuthSession
    ) async throws -> AuthSession {
      let isOwner = try await withCheckedThrowingContinuation { answer in
        context.evaluatePolicy(.deviceOwnerAuthentication, localizedReason: reason) { isOwner, error in
          answer.resume(with: error.map(Result.failure) ?? .success(isOwner))
        }
      }
      if isOwner { return make() }
      throw SessionError.locked(.deviceLocked, detail: "the user did not pass")
    }
  }
#endif
