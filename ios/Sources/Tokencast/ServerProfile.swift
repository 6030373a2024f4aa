import Foundation
internal import TokencastFFI

/// One server described as data: how to sign in, refresh and revoke there, and how to read its answers.
///
/// A profile that cannot be used is told by every call of its session: `.misconfigured`, with the field and the mend.
/// ``validate()`` tells it at once.
public struct ServerProfile: Sendable {
  let core: Result<TokencastFFI.ServerProfile, SessionError>

  private init(_ make: () throws -> TokencastFFI.ServerProfile) {
    core = Result(catching: make).mapError(SessionError.init(any:))
  }

  /// A backend with refresh token rotation (RFC 9700 §4.14.2) and the endpoints `/auth/login`, `/auth/refresh` and
  /// `/auth/logout` below `base`, such as `https://api.example.com`.
  public static func rotation(_ base: URL) -> ServerProfile {
    rotation(base.absoluteString)
  }

  /// As `rotation(_:)` with a URL.
  public static func rotation(_ base: String) -> ServerProfile {
    ServerProfile { try .rotation(base: base) }
  }

  /// Reads a profile from JSON.
  public static func json(_ text: String) -> ServerProfile {
    ServerProfile { try .fromJson(text: text) }
  }

  /// This profile and one more origin whose resources take the access token, such as `https://media.example.com`.
  public func withResourceOrigin(_ origin: String) -> ServerProfile {
    ServerProfile { try core.get().withResourceOrigin(origin: origin) }
  }

  /// Throws what is wrong with the profile: ``SessionError/misconfigured(what:fix:detail:)``.
  public func validate() throws {
    _ = try core.get()
  }

  /// The profile as JSON.
  public func json() throws -> String {
    do {
      return try core.get().toJson()
    } catch {
      throw SessionError(any: error)
    }
  }
}

extension ServerProfile: CustomStringConvertible {
  public var description: String { "ServerProfile(\((try? core.get().id()) ?? "unusable"))" }
}
