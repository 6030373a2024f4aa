import Foundation
import Testing
import Tokencast
import TokencastTesting

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// An app's model, written against the protocol: the example of how a fake is used.
@MainActor private final class Balance {
  private let session: any AuthSessionProtocol
  private(set) var message = ""

  init(session: any AuthSessionProtocol) {
    self.session = session
  }

  func load() async {
    do {
      let token = try await session.accessToken()
      message = "asked with \(token.generation)"
    } catch SessionError.tryAgain(_, .offline, _) {
      message = "You are offline."
    } catch SessionError.signInRequired {
      message = "Please sign in."
    } catch {
      message = "Something is wrong."
    }
  }
}

@Suite(.timeLimit(.minutes(1))) struct FakeAuthSessionTests {
  private let session = FakeAuthSession(signedInAs: "ada")
  private let offline = SessionError.tryAgain(after: .seconds(5), .offline, detail: "offline")

  @Test("An app's model is tested without a server")
  @MainActor func example() async {
    let model = Balance(session: session)
    await model.load()
    #expect(model.message == "asked with 1.1")
    session.expireToken()
    session.failNext(.refresh, with: offline)
    await model.load()
    #expect(model.message == "You are offline.")
    session.become(.signInRequired(.passwordChanged, account: "ada"))
    await model.load()
    #expect(model.message == "Please sign in.")
    let asked = FakeAuthSession.Call.accessToken(minTTL: AuthSession.defaultMinTTL)
    #expect(session.calls == [asked, asked, asked])
  }

  @Test("Callers share a refresh that is held")
  func sharedRefresh() async throws {
    session.expireToken()
    session.hold(.refresh)
    let tokens = try await withThrowingTaskGroup(of: AccessToken.self) { group in
      for _ in 0..<100 { group.addTask { [session] in try await session.accessToken() } }
      while session.calls.count < 100 { await Task.yield() }
      session.release(.refresh)
      return try await group.reduce(into: Set<AccessToken>()) { $0.insert($1) }
    }
    let current = try #require(session.currentToken)
    #expect(tokens == [current])
    #expect(session.refreshes == 1)
  }

  @Test("A cancelled task stops waiting and the refresh goes on")
  func cancellation() async throws {
    let first = try #require(session.currentToken)
    session.hold(.refresh)
    let caller = Task { [session] in try await session.rejected(first.generation) }
    while session.refreshes == 0 { await Task.yield() }
    caller.cancel()
    await #expect(throws: CancellationError.self) { try await caller.value }
    var tokens = session.accessTokens.makeAsyncIterator()
    session.release(.refresh)
    let second = await tokens.next()
    #expect(second == session.currentToken && second?.generation == Generation(epoch: 1, number: 2))
  }

  @Test("A late report of an old token costs no refresh")
  func lateReport() async throws {
    let first = try #require(session.currentToken)
    let second = session.renew()
    #expect(try await session.rejected(first.generation) == second)
    #expect(session.refreshes == 0)
  }

  @Test("A sign-out during a refresh wins")
  func signOutWins() async throws {
    session.expireToken()
    session.hold(.refresh)
    let caller = Task { [session] in try await session.accessToken() }
    while session.refreshes == 0 { await Task.yield() }
    try await session.signOut()
    session.release(.refresh)
    await #expect(throws: SessionError.self) { try await caller.value }
    #expect(session.state == .signedOut && session.currentToken == nil)
  }

  @Test("A verdict at a refresh ends the session")
  func verdict() async throws {
    session.expireToken()
    session.failNext(.refresh, with: .signInRequired(.revoked, detail: "revoked"))
    await #expect(throws: SessionError.signInRequired(.revoked, detail: "revoked")) { try await session.accessToken() }
    #expect(session.state == .signInRequired(.revoked, account: "ada"))
  }

  @Test("A sign-in succeeds, or fails as the script says")
  func signIn() async throws {
    let session = FakeAuthSession()
    let wrong = SessionError.invalidCredentials(code: "invalid_credentials", detail: "wrong")
    session.failNext(.signIn, with: wrong)
    await #expect(throws: wrong) { try await session.signIn(.password("ada", "wr0ng")) }
    #expect(session.state == .signedOut)
    try await session.signIn(.password("ada", "lovelace"))
    #expect(session.state == .active(account: "ada"))
    try await session.adopt(TokenSet(refreshToken: "r"))
    #expect(try await session.adoptCookie("refresh=r; csrf=c") == ["refresh", "csrf"])
    #expect(session.calls == [.signIn, .signIn, .adopt, .adoptCookie(account: nil)])
    #expect(session.currentToken?.generation == Generation(epoch: 3, number: 1))
  }

  @Test("Streams and listeners hear what the script does, and end with the session")
  func heard() async throws {
    let session = FakeAuthSession(state: .restoring)
    let states = session.states
    let first = Task { await states.first { $0 == .signedOut } }
    async let restored = session.restored()
    session.become(.signedOut)
    #expect(try await restored == .signedOut)
    #expect(await first.value == .signedOut)
    let events = EventLog()
    let subscription = try session.subscribe { events.append($0) }
    try await session.signIn(.password("ada", "lovelace"))
    let token = try #require(session.currentToken)
    #expect(events.all == [.stateChanged(.signedOut), .stateChanged(.active(account: "ada")), .accessTokenChanged(token)])
    subscription.cancel()
    session.renew()
    #expect(events.all.count == 3)
    session.close()
    #expect(await session.accessTokens.first { _ in true } == nil)
    await #expect(throws: SessionError.self) { try await session.accessToken() }
  }

  @Test("Its origins are those of its profile")
  func origins() async {
    let elsewhere = URLRequest(url: URL(string: "https://elsewhere.example")!)
    await #expect {
      try await URLSession.shared.data(for: elsewhere, authorizedBy: session)
    } throws: { error in
      guard case .misconfigured(let what, _, _) = error as? SessionError else { return false }
      return what.contains("https://elsewhere.example")
    }
    #expect(session.calls.isEmpty)
  }

  @Test("Nothing prints a token")
  func secrets() throws {
    session.renew(value: "s3cr3t")
    var text = "\(session) \(String(reflecting: session))"
    dump(session, to: &text)
    #expect(!text.contains("s3cr3t"))
  }
}

private final class EventLog: @unchecked Sendable {
  private let lock = NSLock()
  private var events: [SessionEvent] = []

  func append(_ event: SessionEvent) { lock.withLock { events.append(event) } }

  var all: [SessionEvent] { lock.withLock { events } }
}
