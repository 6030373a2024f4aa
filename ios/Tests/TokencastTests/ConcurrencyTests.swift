import Foundation
import Testing
import Tokencast

extension TokencastTests {
  /// Many threads, one session. `cargo xtask test swift` runs these with the thread sanitizer too.
  @Suite struct ConcurrencyTests {
    init() async throws {
      try await Backend.reset()
    }

    @Test("A thousand readers during a refresh cause one exchange, and see no token but the old and the new one")
    func readersDuringARefresh() async throws {
      let session = memorySession()
      try await session.signIn(ada)
      let first = try await session.accessToken()
      let exchanges = try await Backend.stat("exchanges")
      try await Backend.holdRefreshes(true)
      let seen = Heard<AccessToken?>()
      let got = try await withThrowingTaskGroup(of: AccessToken.self) { group in
        for number in 0..<1_000 {
          group.addTask {
            seen.append(session.currentToken)
            return number.isMultiple(of: 2)
              ? try await session.rejected(first.generation) : try await session.accessToken()
          }
        }
        try await eventually { try await Backend.stat("held") == 1 }
        try await eventually { seen.all.count == 1_000 }
        try await Backend.holdRefreshes(false)
        return try await group.reduce(into: Set<AccessToken>()) { $0.insert($1) }
      }
      let second = try #require(session.currentToken)
      #expect(got.contains(second) && got.isSubset(of: [first, second]))
      #expect(Set(seen.all.compactMap { $0 }).isSubset(of: [first, second]))
      #expect(try await Backend.stat("exchanges") == exchanges + 1)
    }

    @Test("Events come on the main actor, in order, and none after the end")
    @MainActor func mainActor() async throws {
      let session = memorySession()
      try await session.signIn(ada)
      var heard: [SessionEvent] = []
      let subscription = try session.subscribe(onMainActor: { event in
        MainActor.assertIsolated()
        heard.append(event)
      })
      // Latest wins: each is waited for before the next comes.
      let first = try await session.accessToken()
      try await eventually { heard.last == .accessTokenChanged(first) }
      let second = try await session.rejected(first.generation)
      try await eventually { heard.last == .accessTokenChanged(second) }
      try await session.signOut()
      try await eventually { heard.last == .stateChanged(.signedOut) }
      #expect(
        heard == [
          .stateChanged(.active(account: Backend.name)), .accessTokenChanged(first), .accessTokenChanged(second),
          .stateChanged(.signedOut),
        ])
      subscription.cancel()
      let count = heard.count
      try await session.signIn(ada)
      try await eventually { session.currentToken != nil }
      for _ in 0..<100 { await Task.yield() }
      #expect(heard.count == count)
    }

    @Test("A sign-out during a refresh wins: no token comes back")
    func signOutWins() async throws {
      let session = memorySession()
      try await session.signIn(ada)
      let first = try await session.accessToken()
      let tokens = Heard<AccessToken>()
      let subscription = try session.subscribe { if case .accessTokenChanged(let token) = $0 { tokens.append(token) } }
      try await Backend.holdRefreshes(true)
      async let waiting = sessionError { _ = try await session.rejected(first.generation) }
      try await eventually { try await Backend.stat("held") == 1 }
      async let leaving: Void = session.signOut()
      try await eventually { session.state == .signedOut }
      #expect(session.currentToken == nil)
      try await Backend.holdRefreshes(false)
      try await leaving
      guard case .signInRequired(.signedOut, _) = await waiting else {
        Issue.record("a caller got a token after the sign-out")
        return
      }
      #expect(session.state == .signedOut && session.currentToken == nil)
      #expect(tokens.all == [first])
      subscription.cancel()
    }

    @Test("A task that is cancelled after its answer keeps it")
    func cancelledAfter() async throws {
      let session = memorySession()
      try await session.signIn(ada)
      let answered = Heard<Void>()
      let caller = Task {
        let token = try await session.accessToken()
        answered.append(())
        while !Task.isCancelled { await Task.yield() }
        return token
      }
      try await eventually { answered.all.count == 1 }
      caller.cancel()
      #expect(try await caller.value == session.currentToken)
    }

    @Test("A hundred tasks that are cancelled in a refresh leave one exchange, and later callers its token")
    func cancelledDuring() async throws {
      let session = memorySession()
      try await session.signIn(ada)
      let first = try await session.accessToken()
      let exchanges = try await Backend.stat("exchanges")
      try await Backend.holdRefreshes(true)
      let callers = (0..<100).map { _ in Task { try await session.rejected(first.generation) } }
      try await eventually { try await Backend.stat("held") == 1 }
      for caller in callers { caller.cancel() }
      for caller in callers {
        await #expect(throws: CancellationError.self) { try await caller.value }
      }
      try await Backend.holdRefreshes(false)
      #expect(try await session.accessToken().generation > first.generation)
      #expect(try await Backend.stat("exchanges") == exchanges + 1)
    }

    @Test("A session that its app let go of during a refresh ends without a call back")
    func letGo() async throws {
      let storage = Storage.memory()
      let tokens: AsyncStream<AccessToken>
      do {
        let session = AuthSession(profile: .rotation(Backend.url), storage: storage)
        try await session.signIn(ada)
        let first = try await session.accessToken()
        tokens = session.accessTokens
        try await Backend.holdRefreshes(true)
        let caller = Task { [weak session] in _ = try await session?.rejected(first.generation) }
        try await eventually { try await Backend.stat("held") == 1 }
        caller.cancel()
        _ = await caller.result
      }
      var count = 0
      for await _ in tokens { count += 1 }
      #expect(count <= 1)
      try await Backend.holdRefreshes(false)
      // The exchange went on, and nothing was lost with it.
      let next = AuthSession(profile: .rotation(Backend.url), storage: storage)
      #expect(try await next.restored() == .active(account: Backend.name))
      #expect(try await Backend.me(try await next.accessToken()) == 200)
    }

    @Test("A state object for SwiftUI follows the session")
    @MainActor func observed() async throws {
      let session = memorySession()
      _ = try await session.restored()
      let observed = ObservedSession(session)
      #expect(observed.state == .signedOut && !observed.isSignedIn)
      try await session.signIn(ada)
      try await eventually { observed.isSignedIn }
      try await session.signOut()
      try await eventually { observed.state == .signedOut }
    }
  }
}
