import Foundation
internal import TokencastFFI

/// A signed-in (or not signed-in) user of one server.
///
/// Making one does no I/O and cannot fail: the session restores itself and ``state`` says so. A set-up that is wrong shows as
/// `.locked(.misconfigured)`, and every call says what to mend. Two sessions on one entry of one storage are one session.
public final class AuthSession: Sendable {
  /// The minimum life of a token that a caller gets when it names none.
  public static let defaultMinTTL: Duration = .seconds(10)

  /// The server, as the session was told.
  public let profile: ServerProfile

  let core: Result<TokencastFFI.AuthSession, SessionError>
  private let mirror: SessionMirror

  /// The open webviews: attach each, and its pages get every new token.
  public let webViews: WebViews

  /// - Parameters:
  ///   - profile: The server.
  ///   - storage: Where the session's record lives.
  ///   - entry: The entry's name, for apps with several sessions.
  ///   - stateDirectory: A private folder that all processes of the app share, for lock files. Needed on iOS unless the
  ///     storage is in memory; other systems have a place for it.
  ///   - persistsAccessToken: Keeps the access token in the record too, so that a restart or another process need not
  ///     refresh.
  ///   - readOnly: Only reads, as an app extension does: it never refreshes, writes nothing and takes no lock. It serves the
  ///     token of the process that owns the entry, whose session is made with `persistsAccessToken`, and waits for its next
  ///     one. ``signIn(_:)``, ``adopt(_:)`` and ``signOut()`` throw `.misconfigured`.
  ///   - backgroundTime: How to ask the platform for time when the app is in the background.
  ///   - requestFields: What the app adds to its sign-in, refresh and revocation requests.
  public convenience init(
    profile: ServerProfile,
    storage: Storage,
    entry: String? = nil,
    stateDirectory: URL? = nil,
    persistsAccessToken: Bool = false,
    readOnly: Bool = false,
    backgroundTime: (any BackgroundTime)? = nil,
    requestFields: (any RequestFields)? = nil
  ) {
    let core = Result { () throws -> TokencastFFI.AuthSession in
      let options = SessionOptions(
        entry: entry, stateDir: stateDirectory?.path, persistAccessToken: persistsAccessToken, readOnly: readOnly)
      return try TokencastFFI.AuthSession(
        profile: profile.core.get(), storage: storage.core.get(), options: options,
        backgroundTime: backgroundTime.map(BackgroundTimeAdapter.init),
        requestFields: requestFields.map(RequestFieldsAdapter.init))
    }.mapError(SessionError.init(any:))
    self.init(core: core, profile: profile)
  }

  init(core: Result<TokencastFFI.AuthSession, SessionError>, profile: ServerProfile) {
    self.core = core
    self.profile = profile
    mirror = SessionMirror(core: try? core.get())
    webViews = WebViews(of: core)
    mirror.follow()
  }

  deinit {
    mirror.close()
  }

  /// The state now.
  public var state: SessionState { mirror.state }

  /// The states, the current one first. A slow reader gets the latest.
  public var states: AsyncStream<SessionState> { mirror.states() }

  /// The broadcast: the current token first, then each new one, already saved. A slow reader gets the latest.
  public var accessTokens: AsyncStream<AccessToken> { mirror.accessTokens() }

  /// The token in memory if it has not expired. No I/O, and no call into the core.
  public var currentToken: AccessToken? { mirror.token(with: .zero) }

  /// Why the session is as it is: its last 64 transitions, oldest first, kept over restarts. What another process noted is in
  /// it once this one notes something, too. No I/O.
  public func history() -> [Transition] {
    // All that it can say is that the library has a defect, or the set-up.
    (try? core.get().history().map(Transition.init)) ?? []
  }

  /// Signs in with the profile's sign-in request. Returns when the session is saved.
  ///
  /// - Throws: ``SessionError``; `.invalidCredentials` when the user should correct them, `.storageFailed` when there is no
  ///   session because it could not be saved.
  public func signIn(_ credentials: Credentials) async throws {
    try await asking { core in try await core.signIn(credentials: credentials.makeCore()) }
  }

  /// Takes over tokens that the app got on its own. From then on the session owns them: presenting the refresh token
  /// elsewhere would end it. Returns when they are saved.
  public func adopt(_ tokens: TokenSet) async throws {
    try await asking { core in try await core.adopt(tokens: tokens.makeCore()) }
  }

  /// Takes over the cookies of a sign-in inside a webview, written as a `Cookie` header has them (`refresh=…; csrf=…`): those
  /// that its store holds for the profile's refresh endpoint. The first access token is then bought with them.
  ///
  /// Returns when they are saved. Then, and not before, delete the cookies of the returned names from the webview's store. After
  /// a crash before that, hand over again what is left there: it is recognised, and the session stays as it is.
  ///
  /// - Parameters:
  ///   - cookies: As a `Cookie` header has them.
  ///   - account: The account's name as the app shows it.
  /// - Returns: The names of the cookies to delete from the webview's store.
  /// - Throws: ``SessionError``; `.misconfigured` when a cookie is missing or none, `.storageFailed`: delete nothing, call again.
  public func adoptCookie(_ cookies: String, account: String? = nil) async throws -> [String] {
    try await asking { core in try await core.adoptCookie(cookies: cookies, account: account) }
  }

  /// An access token with at least `minTTL` left (at most half of its life is asked for): the cached one, or that of the one
  /// refresh. While refreshes fail, a token that is still valid is returned even if it has less left.
  ///
  /// Cancelling the task only ends the waiting, with `CancellationError`; the exchange goes on.
  public func accessToken(minTTL: Duration = defaultMinTTL) async throws -> AccessToken {
    if minTTL >= .zero, let token = mirror.token(with: minTTL) { return token }
    return AccessToken(
      try await asking { core in try await core.accessToken(minTtlMs: minTTL.milliseconds) })
  }

  /// Tells that a server refused the token of `generation` (401), and waits for a newer one. A late report of an older
  /// generation costs nothing: the answer is the current token.
  public func rejected(_ generation: Generation) async throws -> AccessToken {
    mirror.forget(generation)
    return AccessToken(try await asking { core in try await core.rejected(generation: generation.core) })
  }

  /// The state after `.restoring` has passed.
  public func restored() async throws -> SessionState {
    SessionState(try await asking { core in try await core.restored() })
  }

  /// Ends the session: memory at once; returns when the end is saved. The refresh token is revoked at the server then or,
  /// without a network, later.
  ///
  /// - Throws: ``SessionError``; after `.storageFailed` memory is signed out and the call can be repeated.
  public func signOut() async throws {
    mirror.forget(nil)
    try await asking { core in try await core.signOut() }
  }

  /// Tells the session about its surroundings.
  public func notify(_ notice: Notice) {
    // All that it can say is that the library has a defect.
    try? core.get().notify(notice: notice.core)
  }

  /// Hears every event, beginning with the current state and token, one at a time on a thread of the library's own. What the
  /// listener throws is noted in the log, and the session goes on.
  ///
  /// - Returns: What keeps the listener: `cancel()`, or letting go of it, ends the subscription.
  public func subscribe(_ listener: @escaping @Sendable (SessionEvent) throws -> Void) throws -> Subscription {
    do {
      return Subscription(try core.get().subscribe(listener: ListenerAdapter(listener)))
    } catch {
      throw SessionError(any: error)
    }
  }

  /// Ends the use of this session: calls throw `.closed`, the token leaves memory, the streams end. The stored session
  /// stays.
  public func close() {
    mirror.close()
    try? core.get().closeSession()
  }

  func look() {
    mirror.look()
  }

  /// Asks the core, in a task of its own: Rust does not hear of a task that was cancelled.
  private func asking<Answer: Sendable>(
    _ question: @escaping @Sendable (TokencastFFI.AuthSession) async throws -> Answer
  ) async throws -> Answer {
    let core = try core.get()
    let mirror = mirror
    return try await waiting {
      defer { mirror.look() }
      do {
        return try await question(core)
      } catch {
        throw SessionError(any: error)
      }
    }
  }
}

extension AuthSession: CustomStringConvertible, CustomReflectable {
  public var description: String { "AuthSession(\(state))" }

  public var customMirror: Mirror { Mirror(self, children: ["state": state]) }
}
