import Foundation
import Tokencast

/// A session for an app's unit tests: no server, no storage, no clock of its own. It does what its script says and notes what
/// it was asked.
///
/// Without a script it behaves as a session with a server that likes everybody: a sign-in succeeds, each refresh brings the next
/// token, `access-1.1`, `access-1.2`, … named by its generation.
///
///     let session = FakeAuthSession(signedInAs: "ada")
///     session.failNext(.refresh, with: .tryAgain(after: .seconds(5), .offline, detail: "offline"))
///     let model = ProfileModel(session: session)
///     await model.load()
///     #expect(model.message == "You are offline.")
public final class FakeAuthSession: AuthSessionProtocol {
  /// What a script can make fail or wait.
  public enum Step: Sendable, Hashable {
    /// A sign-in, or tokens and cookies that are handed over.
    case signIn
    /// The exchange behind ``accessToken(minTTL:)`` and ``rejected(_:)``.
    case refresh
    /// A sign-out.
    case signOut
  }

  /// What the session was asked. Holds no credentials.
  public enum Call: Sendable, Equatable {
    /// ``FakeAuthSession/signIn(_:)``
    case signIn
    /// ``FakeAuthSession/adopt(_:)``
    case adopt
    /// ``FakeAuthSession/adoptCookie(_:account:)``
    case adoptCookie(account: String?)
    /// ``FakeAuthSession/accessToken(minTTL:)``
    case accessToken(minTTL: Duration)
    /// ``FakeAuthSession/rejected(_:)``
    case rejected(Generation)
    /// ``FakeAuthSession/restored()``
    case restored
    /// ``FakeAuthSession/signOut()``
    case signOut
    /// ``FakeAuthSession/notify(_:)``
    case notify(Notice)
    /// ``FakeAuthSession/close()``
    case close
  }

  /// The server of which `data(for:authorizedBy:)` takes origins and statuses.
  public let profile: ServerProfile

  let script: Lock<Script>

  /// - Parameters:
  ///   - state: Where it begins.
  ///   - profile: The server that it pretends to be signed in to.
  public init(
    state: SessionState = .signedOut, profile: ServerProfile = .rotation("https://api.example.com")
  ) {
    self.profile = profile
    script = Lock(Script(state: state))
  }

  /// One that is signed in and has its first token.
  public convenience init(
    signedInAs account: String?, profile: ServerProfile = .rotation("https://api.example.com")
  ) {
    self.init(profile: profile)
    tell { script in script.begin(account) }
  }

  deinit {
    end()
  }

  // MARK: The script

  /// The calls so far, in order.
  public var calls: [Call] { script.withLock { $0.calls } }

  /// How many exchanges a server would have seen: refreshes that callers shared count once.
  public var refreshes: Int { script.withLock { $0.refreshes } }

  /// What ``history()`` answers; nothing at first.
  public var pastTransitions: [Transition] {
    get { script.withLock { $0.history } }
    set { script.withLock { $0.history = newValue } }
  }

  /// The next such step fails with `error`; several stand in line. `.signInRequired` at a refresh ends the session, as a server's
  /// verdict does.
  public func failNext(_ step: Step, with error: SessionError) {
    script.withLock { $0.failures[step, default: []].append(error) }
  }

  /// Such steps wait from now on, until ``release(_:)``.
  public func hold(_ step: Step) {
    script.withLock { script in _ = script.held.insert(step) }
  }

  /// Lets the steps that wait go on.
  public func release(_ step: Step) {
    let waiting = script.withLock { script in
      script.held.remove(step)
      return script.gates.removeValue(forKey: step) ?? []
    }
    for gate in waiting { gate.resume() }
  }

  /// The state becomes another one, as if something had happened to the session: streams and listeners hear it. Only an active
  /// session keeps its token.
  public func become(_ state: SessionState) {
    tell { script in script.become(state) }
  }

  /// A new token, as if a refresh had brought it: streams and listeners hear it.
  @discardableResult
  public func renew(value: String? = nil, expiresIn: Duration = .seconds(900)) -> AccessToken {
    tell { script in script.renew(value: value, expiresIn: expiresIn) }
  }

  /// The token that is there has expired: the next caller causes a refresh.
  public func expireToken() {
    script.withLock { $0.token = nil }
  }

  // MARK: The session

  /// The state now.
  public var state: SessionState { script.withLock { $0.state } }

  /// The states, the current one first. A slow reader gets the latest.
  public var states: AsyncStream<SessionState> { stream(\.stateStreams) { $0.state } }

  /// The current token first, then each new one. A slow reader gets the latest.
  public var accessTokens: AsyncStream<AccessToken> { stream(\.tokenStreams) { $0.token } }

  /// The token that is there.
  public var currentToken: AccessToken? { script.withLock { $0.current } }

  /// The transitions of the script.
  public func history() -> [Transition] { pastTransitions }

  /// Succeeds with the account `ada`, unless the script says otherwise.
  public func signIn(_ credentials: Credentials) async throws {
    try await begin(.signIn, account: "ada")
  }

  /// Succeeds, unless the script says otherwise.
  public func adopt(_ tokens: TokenSet) async throws {
    try await begin(.adopt, account: nil)
  }

  /// Succeeds and names the cookies that were handed over, unless the script says otherwise.
  public func adoptCookie(_ cookies: String, account: String?) async throws -> [String] {
    try await begin(.adoptCookie(account: account), account: account)
    return cookies.split(separator: ";").compactMap { cookie in
      cookie.split(separator: "=").first.map { $0.trimmingCharacters(in: .whitespaces) }
    }
  }

  /// The token that is there, if enough of its life is left, else that of the next refresh.
  public func accessToken(minTTL: Duration) async throws -> AccessToken {
    note(.accessToken(minTTL: minTTL))
    let cached = script.withLock { script in script.current.flatMap { $0.serves(minTTL) ? $0 : nil } }
    if let cached { return cached }
    return try await refreshed()
  }

  /// The token that is there, if it is another one, else that of the next refresh.
  public func rejected(_ generation: Generation) async throws -> AccessToken {
    note(.rejected(generation))
    let newer = script.withLock { script in script.current.flatMap { $0.generation > generation ? $0 : nil } }
    if let newer { return newer }
    script.withLock { $0.token = nil }
    return try await refreshed()
  }

  /// The first state that is not `.restoring`.
  public func restored() async throws -> SessionState {
    note(.restored)
    let open = states
    return try await waiting {
      for await state in open where state != .restoring { return state }
      throw SessionError.closed(detail: "the session was closed")
    }
  }

  /// Signs out, unless the script says otherwise. Memory is signed out in any case.
  public func signOut() async throws {
    note(.signOut)
    tell { script in script.become(.signedOut) }
    try await step(.signOut)
  }

  /// Only notes it.
  public func notify(_ notice: Notice) {
    note(.notify(notice))
  }

  /// The listener hears the state and the token first, then what the script does, on the thread of the script. What it throws
  /// is not heard.
  public func subscribe(_ listener: @escaping @Sendable (SessionEvent) throws -> Void) throws -> Subscription {
    let number = try script.withLock { script -> Result<Int, SessionError> in
      if script.isClosed { return .failure(.closed(detail: "the session was closed")) }
      script.listeners.append((script.nextListener, listener))
      script.nextListener += 1
      return .success(script.nextListener - 1)
    }.get()
    let (state, token) = script.withLock { ($0.state, $0.current) }
    try? listener(.stateChanged(state))
    if let token { try? listener(.accessTokenChanged(token)) }
    return Subscription { [weak self] in
      self?.script.withLock { script in script.listeners.removeAll { $0.number == number } }
    }
  }

  /// Ends the streams; each later call that asks throws `.closed`.
  public func close() {
    note(.close)
    end()
  }
}

extension FakeAuthSession: CustomStringConvertible, CustomReflectable {
  /// Its state.
  public var description: String { "FakeAuthSession(\(state))" }

  /// Its state and what it was asked.
  public var customMirror: Mirror { Mirror(self, children: ["state": state, "calls": calls]) }
}
