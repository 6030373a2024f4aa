#if canImport(Darwin) || TOKENCAST_TYPECHECK
  import Foundation

  /// Where lock files and the install marker of a session lie on Apple's systems. The marker goes with the app, the Keychain
  /// stays: what a former installation left is not taken for a session.
  public enum StateDirectory {
    /// In Application Support: for an app without extensions.
    public static func application() throws -> URL {
      let support = try FileManager.default.url(
        for: .applicationSupportDirectory, in: .userDomainMask, appropriateFor: nil, create: true)
      return try made(support.appendingPathComponent("tokencast", isDirectory: true))
    }

    /// In the container that an app shares with its extensions.
    ///
    /// - Parameter group: As it stands in the entitlement `com.apple.security.application-groups`.
    /// - Throws: `SessionError.misconfigured` when the process has no such group.
    public static func shared(group: String) throws -> URL {
      guard let container = FileManager.default.containerURL(forSecurityApplicationGroupIdentifier: group) else {
        throw SessionError.misconfigured(
          what: "the process has no app group of that name", fix: "add the group to the target's App Groups capability",
          detail: "there is no container for the app group")
      }
      return try made(container.appendingPathComponent("tokencast", isDirectory: true))
    }

    /// Not in backups, and readable after the first unlock as the session's record is.
    private static func made(_ folder: URL) throws -> URL {
      try FileManager.default.createDirectory(
        at: folder, withIntermediateDirectories: true,
        attributes: [.protectionKey: FileProtectionType.completeUntilFirstUserAuthentication])
      var (folder, values) = (folder, URLResourceValues())
      values.isExcludedFromBackup = true
      try folder.setResourceValues(values)
      return folder
    }
  }

  extension AuthSession {
    /// The app's session as an app extension or a widget sees it: it never refreshes and writes nothing, and serves what the
    /// app saved, whose session is made with `persistsAccessToken` and the same group, application and access group.
    public static func reader(
      of profile: ServerProfile, application: String, accessGroup: String, group: String
    ) throws -> AuthSession {
      AuthSession(
        profile: profile, storage: .keychain(application, accessGroup: accessGroup),
        stateDirectory: try StateDirectory.shared(group: group), persistsAccessToken: true, readOnly: true)
    }
  }
#endif
