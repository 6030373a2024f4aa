internal import TokencastFFI

/// What a user gives to sign in: named fields for the profile's sign-in request.
public struct Credentials: Sendable {
  let makeCore: @Sendable () throws -> TokencastFFI.Credentials

  /// A user name and a password, in the fields `username` and `password`.
  public static func password(_ username: String, _ password: String) -> Credentials {
    Credentials { try .password(username: username, password: password) }
  }

  /// Fields for servers that want other names, codes or assertions.
  ///
  /// - Parameters:
  ///   - fields: By their names.
  ///   - account: The account's name as the app shows it, kept with the session and never sent on its own.
  public static func fields(_ fields: [String: String], account: String? = nil) -> Credentials {
    Credentials { try .fields(fields: fields, account: account) }
  }
}

extension Credentials: CustomStringConvertible, CustomReflectable {
  public var description: String { "Credentials" }

  public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Tokens that the app got on its own (a web sign-in, a migration) and hands over for good.
public struct TokenSet: Sendable {
  let makeCore: @Sendable () throws -> TokencastFFI.TokenSet

  /// - Parameters:
  ///   - refreshToken: Buys the next access token.
  ///   - accessToken: The access token that came with it, if at hand.
  ///   - expiresIn: What is left of its life; when `nil` its JWT claims tell, else the profile's default holds.
  ///   - account: The account's name as the app shows it.
  public init(
    refreshToken: String, accessToken: String? = nil, expiresIn: Duration? = nil, account: String? = nil
  ) {
    makeCore = {
      try TokencastFFI.TokenSet(
        refreshToken: refreshToken, accessToken: accessToken, expiresInMs: expiresIn?.milliseconds, account: account)
    }
  }

  private init(makeCore: @escaping @Sendable () throws -> TokencastFFI.TokenSet) {
    self.makeCore = makeCore
  }

  /// An access token alone, for a server that renews by it.
  public static func onlyAccessToken(
    _ accessToken: String, expiresIn: Duration? = nil, account: String? = nil
  ) -> TokenSet {
    TokenSet {
      try .onlyAccessToken(accessToken: accessToken, expiresInMs: expiresIn?.milliseconds, account: account)
    }
  }

  /// The session's cookies, written as a `Cookie` header has them: `refresh=…; csrf=…`. (After a sign-in inside a webview:
  /// ``AuthSession/adoptCookie(_:account:)``, which knows what is left there.)
  public static func cookies(
    _ cookies: String, accessToken: String? = nil, expiresIn: Duration? = nil, account: String? = nil
  ) -> TokenSet {
    TokenSet {
      try .cookies(
        cookies: cookies, accessToken: accessToken, expiresInMs: expiresIn?.milliseconds, account: account)
    }
  }
}

extension TokenSet: CustomStringConvertible, CustomReflectable {
  public var description: String { "TokenSet" }

  public var customMirror: Mirror { Mirror(self, children: []) }
}
