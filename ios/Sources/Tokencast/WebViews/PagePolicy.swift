internal import TokencastFFI

/// Which pages may have access tokens, and how they go on after a 401.
public struct PagePolicy: Sendable, Equatable {
  /// The pages' origins, each `https://host` or `https://host:port`, compared whole.
  public var origins: [String]
  /// The APIs to which these pages may send the token; none stands for the profile's.
  public var apis: [API]
  /// How a page goes on after a 401.
  public var strategy: Strategy
  /// Keeps the token in a cookie of this name as well (`__Host-…`), for pages that a server renders.
  public var cookie: String?
  /// Counts `http` on loopback as well. For development only.
  public var allowsLoopbackHTTP: Bool

  /// A policy that injects, unless it says otherwise.
  public init(
    origins: [String], apis: [API] = [], strategy: Strategy = .inject, cookie: String? = nil, allowsLoopbackHTTP: Bool = false
  ) {
    self.origins = origins
    self.apis = apis
    self.strategy = strategy
    self.cookie = cookie
    self.allowsLoopbackHTTP = allowsLoopbackHTTP
  }

  /// An API and the statuses by which it rejects a token.
  public struct API: Sendable, Equatable {
    /// Scheme, host and port, as the policy's origins.
    public var origin: String
    /// Usually 401 alone.
    public var rejectedStatuses: [Int]

    /// An API that rejects by 401, unless it says otherwise.
    public init(_ origin: String, rejectedStatuses: [Int] = [401]) {
      self.origin = origin
      self.rejectedStatuses = rejectedStatuses
    }
  }

  /// How a page goes on after a 401.
  public enum Strategy: Sendable, Equatable {
    /// The app refreshes once; the asking page gets the token, all others are told and pull it.
    case inject
    /// A page with an older token is loaded again, by GET and where that is safe.
    case reload
    /// Pages of these origins are lent the **refresh token** for an exchange of their own. A hostile script there can take
    /// the session over: name only what you serve yourself.
    case dangerSelfRefresh(origins: [String])
  }
}

extension PagePolicy {
  /// - Parameter jar: The number of the store of cookies.
  func core(jar: Int64) -> TokencastFFI.PagePolicy {
    let lent: [String] = if case .dangerSelfRefresh(let origins) = strategy { origins } else { [] }
    return TokencastFFI.PagePolicy(
      origins: origins, api: apis.map { ApiOrigin(origin: $0.origin, rejected: $0.rejectedStatuses.map(Int64.init)) },
      allowLoopbackHttp: allowsLoopbackHTTP, reload: strategy == .reload, guardedPush: false, selfRefresh: lent,
      cookie: cookie.map { CookieUse(jar: jar, name: $0) })
  }
}
