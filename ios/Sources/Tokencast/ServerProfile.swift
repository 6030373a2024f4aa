import Foundation
internal import TokencastFFI

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// One server described as data: how to sign in, refresh and revoke there, and how to read its answers.
///
/// A profile that cannot be used is told by every call of its session: `.misconfigured`, with the field and the mend.
/// ``validate()`` tells it at once.
public struct ServerProfile: Sendable {
  let core: Result<TokencastFFI.ServerProfile, SessionError>
  /// Where its access tokens go; read at the first request.
  private let origins = Lock<[Origin]?>(nil)

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

  /// One-time exchange of a pair; endpoints as in `rotation(_:)`.
  public static func exchangeOnce(_ base: String) -> ServerProfile {
    ServerProfile { try .exchangeOnce(base: base) }
  }

  /// Renewal by the expired access token, without a refresh token; endpoints as in `rotation(_:)`.
  public static func accessOnly(_ base: String) -> ServerProfile {
    ServerProfile { try .accessOnly(base: base) }
  }

  /// One refresh token for each user, sent with the access token; endpoints as in `rotation(_:)`.
  public static func perUser(_ base: String) -> ServerProfile {
    ServerProfile { try .perUser(base: base) }
  }

  /// A refresh token signed with the user's salt: a new password ends all sessions; endpoints as in `rotation(_:)`.
  public static func salted(_ base: String) -> ServerProfile {
    ServerProfile { try .salted(base: base) }
  }

  /// One device at a time: each sign-in ends the session before it; endpoints as in `rotation(_:)`.
  public static func singleDevice(_ base: String) -> ServerProfile {
    ServerProfile { try .singleDevice(base: base) }
  }

  /// The refresh token in a cookie, with CSRF double submit and rotation; endpoints as in `rotation(_:)`.
  public static func cookie(_ base: String) -> ServerProfile {
    ServerProfile { try .cookie(base: base) }
  }

  /// The token endpoint of the reference backend, with a sign-in by the password grant for tests.
  public static func oauth2(tokenURL: String, revokeURL: String? = nil, client: OAuthClient) -> ServerProfile {
    ServerProfile { try .oauth2(tokenUrl: tokenURL, revokeUrl: revokeURL, client: client.core.get()) }
  }

  /// Any server that keeps to RFC 6749 §6: adopt its tokens, name its resources with `withResourceOrigin(_:)`.
  public static func genericOAuth2(tokenURL: String, revokeURL: String? = nil, client: OAuthClient) -> ServerProfile {
    ServerProfile { try .genericOauth2(tokenUrl: tokenURL, revokeUrl: revokeURL, client: client.core.get()) }
  }

  /// Django REST framework with simplejwt at its usual paths below `base`. From documents, not run.
  public static func djangoSimplejwt(_ base: String) -> ServerProfile {
    ServerProfile { try .djangoSimplejwt(base: base) }
  }

  /// Supabase Auth of the project at `base` with its publishable (anon) key. From documents, not run.
  public static func supabase(_ base: String, apiKey: String) -> ServerProfile {
    ServerProfile { try .supabase(base: base, apiKey: apiKey) }
  }

  /// Keycloak's realm, such as `https://id.example.com/realms/app`. From documents, not run.
  public static func keycloak(realmURL: String, client: OAuthClient) -> ServerProfile {
    ServerProfile { try .keycloak(realmUrl: realmURL, client: client.core.get()) }
  }

  /// Auth0's tenant, such as `https://example.eu.auth0.com`. From documents, not run.
  public static func auth0(_ base: String, client: OAuthClient) -> ServerProfile {
    ServerProfile { try .auth0(base: base, client: client.core.get()) }
  }

  /// Firebase Authentication with the project's web API key. From documents, not run.
  public static func firebase(apiKey: String) -> ServerProfile {
    ServerProfile { try .firebase(apiKey: apiKey) }
  }

  /// An app client without a secret of an Amazon Cognito user pool. From documents, not run.
  public static func cognito(region: String, clientID: String) -> ServerProfile {
    ServerProfile { try .cognito(region: region, clientId: clientID) }
  }

  /// Reads a profile from JSON.
  public static func json(_ text: String) -> ServerProfile {
    ServerProfile { try .fromJson(text: text) }
  }

  /// This profile and one more origin whose resources take the access token, such as `https://media.example.com`.
  public func withResourceOrigin(_ origin: String) -> ServerProfile {
    ServerProfile { try core.get().withResourceOrigin(origin: origin) }
  }

  /// This profile and where the server tells whose an access token is: `url` is asked with a GET, and what stands at the
  /// JSON pointer `at` of its answer names the user. Pages that refresh themselves need it.
  public func withSubject(_ url: String, at: String = "/sub") -> ServerProfile {
    ServerProfile { try core.get().withSubject(url: url, at: at) }
  }

  /// This profile for a server that accepts a spent refresh token again for so many seconds (its "leeway", "reuse
  /// interval" or "grace period"). Too long a value loses sessions: state what the server is set to.
  public func withReuseLeeway(_ seconds: TimeInterval) -> ServerProfile {
    // More than a day is no leeway, and a number that no integer holds would end the process.
    let millis = seconds.isNaN ? -1 : Int64(min(max(seconds, -1), 86_400) * 1000)
    return ServerProfile { try core.get().withReuseLeeway(millis: millis) }
  }

  /// This profile for a server that keeps the idempotency contract with that header; with `nil` for one that does not.
  public func withIdempotencyKey(_ header: String?) -> ServerProfile {
    ServerProfile { try core.get().withIdempotencyKey(header: header) }
  }

  /// The origins that may see an access token, such as `https://api.example.com`.
  ///
  /// - Throws: ``SessionError/misconfigured(what:fix:detail:)`` when the profile cannot be used.
  public func resourceOrigins() throws -> [String] {
    do {
      return try core.get().resourceOrigins()
    } catch {
      throw SessionError(any: error)
    }
  }

  /// Whether an access token may be sent to `url`. A profile that cannot be used sends none anywhere.
  public func maySend(to url: URL) -> Bool {
    guard let origin = Origin(url) else { return false }
    if let known = origins.withLock({ $0 }) { return known.contains(origin) }
    let read = ((try? resourceOrigins()) ?? []).compactMap { URL(string: $0).flatMap(Origin.init) }
    origins.withLock { $0 = read }
    return read.contains(origin)
  }

  /// Whether the response says that the access token was not accepted, and not something that a newer one would not mend: its
  /// status is one of the profile's, and its `WWW-Authenticate` names no other error than `invalid_token` (RFC 6750 §3.1).
  public func rejects(_ response: HTTPURLResponse) -> Bool {
    let challenge = response.value(forHTTPHeaderField: "WWW-Authenticate")
    return (try? core.get().rejects(status: Int64(response.statusCode), challenge: challenge)) ?? false
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

/// How an app names itself to an OAuth 2.0 server (RFC 6749 §2.3). A secret that ships inside an app is none.
public struct OAuthClient: Sendable {
  let core: Result<TokencastFFI.OAuthClient, SessionError>

  private init(_ make: () throws -> TokencastFFI.OAuthClient) {
    core = Result(catching: make).mapError(SessionError.init(any:))
  }

  /// A client without a secret, as an app should be (RFC 8252 §8.5).
  public static func publicClient(_ id: String) -> OAuthClient {
    OAuthClient { try .publicClient(id: id) }
  }

  /// A client that sends its secret in the body.
  public static func secretInBody(_ id: String, secret: String) -> OAuthClient {
    OAuthClient { try .secretInBody(id: id, secret: secret) }
  }

  /// A client that sends its secret by HTTP Basic.
  public static func secretByBasic(_ id: String, secret: String) -> OAuthClient {
    OAuthClient { try .secretByBasic(id: id, secret: secret) }
  }
}

extension OAuthClient: CustomStringConvertible {
  public var description: String { "OAuthClient" }
}
