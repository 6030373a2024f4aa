import Foundation
import Testing
import Tokencast

/// The switches of the one backend are everybody's: one test after the other. The limit is met by a hang only.
@Suite(.serialized, .timeLimit(.minutes(2))) struct TokencastTests {}

extension TokencastTests {
  /// The public API against the real library and the real backend.
  @Suite struct AuthSessionTests {
    init() async throws {
      try await Backend.reset()
    }

    @Test("A session signs in, reads, refreshes and signs out")
    func wholeStory() async throws {
      let session = memorySession()
      #expect(try await session.restored() == .signedOut)
      try await session.signIn(ada)
      #expect(session.state == .active(account: Backend.name))
      let first = try await session.accessToken(minTTL: .seconds(30))
      #expect(try await Backend.me(first) == 200)
      #expect(session.currentToken == first)

      try await Backend.advanceClock(seconds: 16 * 60)
      #expect(try await Backend.me(first) == 401)
      let second = try await session.rejected(first.generation)
      #expect(second != first && second.generation > first.generation)
      #expect(try await Backend.me(second) == 200)
      // A late report of the old generation costs nothing.
      let exchanges = try await Backend.stat("exchanges")
      #expect(try await session.rejected(first.generation) == second)
      #expect(try await Backend.stat("exchanges") == exchanges)

      try await session.signOut()
      #expect(session.state == .signedOut && session.currentToken == nil)
      await #expect(throws: SessionError.signInRequired(.signedOut, detail: "sign in again: nobody is signed in")) {
        try await session.accessToken()
      }
    }

    @Test("When background time ends on the wire the caller is told and nothing is lost")
    func backgroundTime() async throws {
      let phone = Phone()
      let session = AuthSession(
        profile: .rotation(Backend.url), storage: .memory(), backgroundTime: phone)
      try await session.signIn(ada)
      let first = try await session.accessToken()
      try await Backend.holdRefreshes(true)
      async let waiting = sessionError { _ = try await session.rejected(first.generation) }
      try await eventually { !phone.ends.all.isEmpty }
      phone.ends.all[0].tell()
      guard case .tryAgain = await waiting else {
        Issue.record("an exchange without time went on")
        return
      }
      try await eventually { phone.finished.all == [1] }
      try await Backend.holdRefreshes(false)
      let second = try await session.rejected(first.generation)
      #expect(try await Backend.me(second) == 200)
      try await eventually { phone.finished.all == [1, 2] }
    }

    @Test("A background time that throws counts as none given")
    func throwingBackgroundTime() async throws {
      let session = AuthSession(
        profile: .rotation(Backend.url), storage: .memory(), backgroundTime: BrokenPhone())
      try await session.signIn(ada)
      let first = try await session.accessToken()
      #expect(try await Backend.me(try await session.rejected(first.generation)) == 200)
    }

    @Test("Every listener gets the state and token first and then each new one")
    func listeners() async throws {
      let session = memorySession()
      try await session.signIn(ada)
      let first = try await session.accessToken()
      let heard = Heard<SessionEvent>()
      let subscription = try session.subscribe { heard.append($0) }
      try await eventually {
        heard.all == [.stateChanged(.active(account: Backend.name)), .accessTokenChanged(first)]
      }
      let second = try await session.rejected(first.generation)
      try await eventually { heard.all.last == .accessTokenChanged(second) }
      subscription.cancel()
      let count = heard.all.count
      try await session.signOut()
      #expect(heard.all.count == count)
    }

    @Test("Streams begin with what is there now and end when the session is closed")
    func streams() async throws {
      let session = memorySession()
      _ = try await session.restored()
      var states = session.states.makeAsyncIterator()
      #expect(await states.next() == .signedOut)
      try await session.signIn(ada)
      #expect(await states.next() == .active(account: Backend.name))
      var tokens = session.accessTokens.makeAsyncIterator()
      let first = await tokens.next()
      #expect(first != nil && first == session.currentToken)
      let second = try await session.rejected(#require(first).generation)
      #expect(await tokens.next() == second)
      session.close()
      #expect(await tokens.next() == nil)
      #expect(await states.next() == nil)
      #expect(await session.accessTokens.first { _ in true } == nil)
    }

    @Test("A wrong password is a typed error with the core's words")
    func wrongPassword() async throws {
      let session = memorySession()
      let error = await sessionError { try await session.signIn(.password(Backend.name, "wr0ng-passw0rd")) }
      guard case .invalidCredentials(let code, _) = error else {
        Issue.record("not the error that was expected: \(String(describing: error))")
        return
      }
      #expect(code == "invalid_credentials")
      #expect(error?.localizedDescription == "the server refused the credentials (invalid_credentials)")
      #expect(error?.recoverySuggestion == "Let the user correct them.")
      #expect(try await session.restored() == .signedOut)
    }

    @Test("A server in trouble is no end of the session")
    func trouble() async throws {
      let session = memorySession()
      try await session.signIn(ada)
      let token = try await session.accessToken()
      let heard = Heard<SessionEvent>()
      let subscription = try session.subscribe { heard.append($0) }
      try await eventually { !heard.all.isEmpty }
      try await Backend.failRefreshes(times: 9, status: 503)
      let error = await sessionError { try await session.rejected(token.generation) }
      guard case .tryAgain(let after, .server, _) = error else {
        Issue.record("not the error that was expected: \(String(describing: error))")
        return
      }
      #expect(after > .zero)
      #expect(session.state == .active(account: Backend.name) && session.currentToken == nil)
      try await eventually {
        heard.all.contains { if case .refreshFailed(.tryAgain, _) = $0 { true } else { false } }
      }
      subscription.cancel()
    }

    @Test("Adopted tokens live until the server's verdict")
    func adoption() async throws {
      let session = memorySession()
      guard case .misconfigured = await sessionError({ try await session.adopt(TokenSet(refreshToken: "")) }) else {
        Issue.record("an empty refresh token was adopted")
        return
      }
      let tokens = TokenSet(
        refreshToken: "r3fr3sh", accessToken: "acc3ss", expiresIn: .seconds(60), account: Backend.name)
      try await session.adopt(tokens)
      let token = try await session.accessToken()
      #expect(token.value == "acc3ss" && token.expiresIn > .zero && token.expiresIn <= .seconds(60))
      guard case .signInRequired(.revoked, _) = await sessionError({ try await session.rejected(token.generation) })
      else {
        Issue.record("the server's verdict was not heard")
        return
      }
      #expect(session.state == .signInRequired(.revoked, account: Backend.name))
      // Why.
      let history = session.history()
      #expect(history.map(\.cause) == [.adopted, .rejected, .ended(.revoked)])
      #expect(history.last?.status == 401 && history.last?.serverCode == "invalid_token")
      guard case .signInRequired(_, _, let trail) = session.state else { return }
      #expect(Array(trail) == history)
      #expect(!history.contains { "\($0)".contains("r3fr3sh") || "\($0)".contains("acc3ss") })
    }

    @Test("A thousand callers on an expired token cause one exchange")
    func singleFlight() async throws {
      let session = memorySession()
      try await Backend.nextTokenIsDeadOnArrival()
      try await session.signIn(ada)
      #expect(session.currentToken == nil)
      let exchanges = try await Backend.stat("exchanges")
      let requests = try await Backend.stat("refresh_requests")
      try await Backend.holdRefreshes(true)
      let asking = Heard<Void>()
      let tokens = try await withThrowingTaskGroup(of: AccessToken.self) { group in
        for _ in 0..<1_000 {
          group.addTask {
            asking.append(())
            return try await session.accessToken()
          }
        }
        try await eventually { asking.all.count == 1_000 }
        try await eventually { try await Backend.stat("held") == 1 }
        try await Backend.holdRefreshes(false)
        return try await group.reduce(into: Set<AccessToken>()) { $0.insert($1) }
      }
      let current = try #require(session.currentToken)
      #expect(tokens == [current])
      #expect(try await Backend.stat("exchanges") == exchanges + 1)
      #expect(try await Backend.stat("refresh_requests") == requests + 1)
    }

    @Test("A cancelled task only stops waiting")
    func cancellation() async throws {
      let session = memorySession()
      try await Backend.nextTokenIsDeadOnArrival()
      try await session.signIn(ada)
      let exchanges = try await Backend.stat("exchanges")
      try await Backend.holdRefreshes(true)
      let caller = Task { try await session.accessToken() }
      try await eventually { try await Backend.stat("held") == 1 }
      caller.cancel()
      await #expect(throws: CancellationError.self) { try await caller.value }
      try await Backend.holdRefreshes(false)
      try await eventually { session.currentToken != nil }
      #expect(try await Backend.stat("exchanges") == exchanges + 1)
    }

    @Test("A task that was cancelled before it asks does not wait")
    func cancelledBefore() async throws {
      let session = memorySession()
      let caller = Task {
        while !Task.isCancelled { await Task.yield() }
        return try await session.restored()
      }
      caller.cancel()
      await #expect(throws: CancellationError.self) { try await caller.value }
    }

    @Test("Two sessions on one storage are one session")
    func shared() async throws {
      let storage = Storage.memory()
      let sessions = (0..<2).map { _ in AuthSession(profile: .rotation(Backend.url), storage: storage) }
      try await sessions[0].signIn(ada)
      #expect(try await sessions[0].accessToken() == sessions[1].accessToken())
      try await eventually { sessions[1].currentToken == sessions[0].currentToken }
    }

    #if os(Linux)
      @Test("An access group where there is no Keychain is the developer's")
      func accessGroup() async throws {
        for group in ["TEAM.com.example.shared", ""] {
          let storage = Storage.keychain("com.example.app", accessGroup: group)
          let session = AuthSession(profile: .rotation(Backend.url), storage: storage)
          guard case .misconfigured = await sessionError({ try await session.accessToken() }) else {
            Issue.record("the group \"\(group)\" was taken")
            return
          }
        }
      }
    #endif

    @Test("A closed session says so and keeps what is stored")
    func closing() async throws {
      let storage = Storage.memory()
      let session = AuthSession(profile: .rotation(Backend.url), storage: storage)
      try await session.signIn(ada)
      session.close()
      session.close()
      #expect(session.currentToken == nil)
      guard case .closed = await sessionError({ try await session.accessToken() }) else {
        Issue.record("a closed session answered")
        return
      }
      let next = AuthSession(profile: .rotation(Backend.url), storage: storage)
      #expect(try await next.restored() == .active(account: Backend.name))
      #expect(try await Backend.me(try await next.accessToken()) == 200)
    }

    @Test("A session that its app let go of ends its streams and listeners")
    func lettingGo() async throws {
      var states = try await restoredAndForgotten()
      while await states.next() != nil {}
    }

    @Test("Every server of the mission has its preset")
    func presets() throws {
      let base = "https://api.example.com"
      let client = OAuthClient.secretByBasic("app", secret: "s3cr3t")
      let profiles: [ServerProfile] = [
        .rotation(base), .exchangeOnce(base), .accessOnly(base), .perUser(base), .salted(base), .singleDevice(base),
        .cookie(base), .djangoSimplejwt(base), .oauth2(tokenURL: base, revokeURL: base, client: client),
        .genericOAuth2(tokenURL: base, client: client), .supabase(base, apiKey: "anon"),
        .keycloak(realmURL: base, client: client), .auth0(base, client: client), .firebase(apiKey: "key"),
        .cognito(region: "eu-central-1", clientID: "app"),
      ]
      for profile in profiles { try profile.validate() }
      #expect(Set(profiles.map(\.description)).count == 15)
      #expect(try profiles[0].withReuseLeeway(5).json().contains("\"reuse_leeway_seconds\":5"))
      #expect(try !profiles[0].withIdempotencyKey(nil).json().contains("Idempotency-Key"))
      #expect(throws: SessionError.self) { try profiles[0].withReuseLeeway(.nan).validate() }
      #expect(!"\(client) \(profiles)".contains("s3cr3t"))
    }

    @Test("A profile survives its JSON, and a bad one says what to mend in every call")
    func profiles() async throws {
      let profile = ServerProfile.rotation(Backend.url).withResourceOrigin("https://media.example.com")
      #expect(try ServerProfile.json(try profile.json()).json() == profile.json())
      let bad = ServerProfile.rotation("http://api.example.com")
      #expect(throws: SessionError.self) { try bad.validate() }
      let session = AuthSession(profile: bad, storage: .memory())
      #expect(session.state == .locked(.misconfigured))
      guard case .misconfigured(let what, let fix, _) = await sessionError({ try await session.accessToken() }) else {
        Issue.record("an unusable profile was used")
        return
      }
      #expect(what.contains("base") && fix.contains("https"))
    }

    @Test("Senseless arguments are refused")
    func nonsense() async throws {
      let session = memorySession()
      try await session.signIn(ada)
      for duration: Duration in [.seconds(-1), .nanoseconds(-1), .seconds(Int64.min)] {
        guard case .misconfigured = await sessionError({ try await session.accessToken(minTTL: duration) }) else {
          Issue.record("a negative life was asked for: \(duration)")
          continue
        }
      }
      #expect(try await session.accessToken(minTTL: .seconds(Int64.max)) == session.currentToken)
      guard case .misconfigured = await sessionError({ try await session.rejected(Generation(epoch: -1, number: 0)) })
      else {
        Issue.record("a negative generation was taken")
        return
      }
    }

    @Test("Nothing prints a secret")
    func secrets() async throws {
      let session = memorySession()
      let tokens = TokenSet(refreshToken: "r3fr3sh", accessToken: "acc3ss", expiresIn: .seconds(60))
      let heard = Heard<SessionEvent>()
      let subscription = try session.subscribe { heard.append($0) }
      try await session.adopt(tokens)
      try await session.signIn(ada)
      let token = try await session.accessToken()
      try await eventually { heard.all.last == .accessTokenChanged(token) }
      let refused = await sessionError {
        try await session.signIn(.fields(["username": "ada", "password": "acc3ss"]))
      }
      let profile = ServerProfile.rotation(Backend.url)
      let things: [Any] = [
        token, tokens, ada, session, session.state, profile, subscription, heard.all, Storage.memory(),
        refused as Any,
      ]
      var text = ""
      for thing in things {
        text += "\(thing) \(String(reflecting: thing)) "
        dump(thing, to: &text)
      }
      for secret in [token.value, "r3fr3sh", "acc3ss", Backend.password] {
        #expect(!text.contains(secret))
      }
      subscription.cancel()
    }

    @Test("Listeners that throw are survived and the session goes on")
    func throwingListeners() async throws {
      struct Thrown: Error {}
      let session = memorySession()
      let thrown = Heard<Int>()
      let heard = Heard<SessionEvent>()
      let failing = try (0..<3).map { number in
        try session.subscribe { _ in
          thrown.append(number)
          throw Thrown()
        }
      }
      let subscription = try session.subscribe { heard.append($0) }
      try await session.signIn(ada)
      let token = try await session.rejected(try await session.accessToken().generation)
      try await eventually { heard.all.last == .accessTokenChanged(token) && Set(thrown.all).count == 3 }
      #expect(try await Backend.me(token) == 200)
      for subscription in failing { subscription.cancel() }
      subscription.cancel()
    }
  }
}

private func restoredAndForgotten() async throws -> AsyncStream<SessionState>.Iterator {
  let session = memorySession()
  _ = try await session.restored()
  return session.states.makeAsyncIterator()
}

/// The session's error that a call throws; `nil` when it throws none or another.
func sessionError<Answer>(_ call: () async throws -> Answer) async -> SessionError? {
  do {
    _ = try await call()
    return nil
  } catch {
    return error as? SessionError
  }
}

private struct Phone: BackgroundTime {
  let ends = Heard<BackgroundEnd>()
  let finished = Heard<Int64>()

  func begin(atMost _: Duration, end: BackgroundEnd) -> Int64? {
    ends.append(end)
    return Int64(ends.all.count)
  }

  func finish(_ task: Int64) { finished.append(task) }
}

private struct BrokenPhone: BackgroundTime {
  func begin(atMost _: Duration, end _: BackgroundEnd) throws -> Int64? { throw CocoaError(.fileNoSuchFile) }

  func finish(_: Int64) throws { throw CocoaError(.fileNoSuchFile) }
}
