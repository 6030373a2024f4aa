/// What an app's own code asks of a session: ``AuthSession``, or a fake behind it in the app's tests (`FakeAuthSession` of
/// `TokencastTesting`).
///
/// Take `any AuthSessionProtocol` where a test wants to put something else; what each requirement promises is written at
/// ``AuthSession``.
public protocol AuthSessionProtocol: AnyObject, Sendable {
  /// The server, as the session was told.
  var profile: ServerProfile { get }

  /// The state now.
  var state: SessionState { get }

  /// The states, the current one first.
  var states: AsyncStream<SessionState> { get }

  /// The broadcast: the current token first, then each new one.
  var accessTokens: AsyncStream<AccessToken> { get }

  /// The token in memory if it has not expired.
  var currentToken: AccessToken? { get }

  /// The last transitions, oldest first.
  func history() -> [Transition]

  /// Signs in; returns when the session is saved.
  func signIn(_ credentials: Credentials) async throws

  /// Takes over tokens that the app got on its own.
  func adopt(_ tokens: TokenSet) async throws

  /// Takes over the cookies of a sign-in inside a webview, and names those to delete from its store.
  func adoptCookie(_ cookies: String, account: String?) async throws -> [String]

  /// An access token with at least `minTTL` left: the cached one, or that of the one refresh.
  func accessToken(minTTL: Duration) async throws -> AccessToken

  /// Tells that a server refused the token of `generation` (401), and waits for a newer one.
  func rejected(_ generation: Generation) async throws -> AccessToken

  /// The state after `.restoring` has passed.
  func restored() async throws -> SessionState

  /// Ends the session: memory at once; returns when the end is saved.
  func signOut() async throws

  /// Tells the session about its surroundings.
  func notify(_ notice: Notice)

  /// Hears every event, beginning with the current state and token, one at a time.
  func subscribe(_ listener: @escaping @Sendable (SessionEvent) throws -> Void) throws -> Subscription

  /// Ends the use of this session; the stored session stays.
  func close()
}

extension AuthSessionProtocol {
  /// An access token with at least ``AuthSession/defaultMinTTL`` left.
  public func accessToken() async throws -> AccessToken {
    try await accessToken(minTTL: AuthSession.defaultMinTTL)
  }

  /// As ``adoptCookie(_:account:)``, without a name for the account.
  public func adoptCookie(_ cookies: String) async throws -> [String] {
    try await adoptCookie(cookies, account: nil)
  }

  /// Hears every event on the main actor, in order, beginning with the current state and token.
  ///
  /// - Returns: What keeps the listener: `cancel()`, or letting go of it, ends the subscription. On the main actor nothing is
  ///   heard after `cancel()` has returned.
  public func subscribe(
    onMainActor listener: @escaping @MainActor @Sendable (SessionEvent) -> Void
  ) throws -> Subscription {
    let (events, queue) = AsyncStream.makeStream(of: SessionEvent.self)
    let source = try subscribe { event in queue.yield(event) }
    let delivering = Task { @MainActor in
      for await event in events {
        if Task.isCancelled { return }
        listener(event)
      }
    }
    return Subscription {
      delivering.cancel()
      source.cancel()
      queue.finish()
    }
  }
}

extension AuthSession: AuthSessionProtocol {}
