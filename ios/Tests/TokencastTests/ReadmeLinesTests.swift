import Foundation
import Testing
import Tokencast

/// The README's Swift lines, run.
private func readme(api: String, password: String) async throws -> [SessionState] {
  let session = AuthSession(profile: .rotation(api), storage: .memory())
  try await session.signIn(.password("ada", password))
  let show = Task { await session.states.first { $0 == .signedOut } }  // the current state, then each other one
  let token = try await session.accessToken(minTTL: .seconds(30))  // cached, or joins the one refresh
  let next = try await session.rejected(token.generation)  // after a 401: the one that follows
  for await newest in session.accessTokens where newest == next { break }  // the broadcast
  let signedIn = session.state
  try await session.signOut()
  return [signedIn, await show.value].compactMap { $0 }
}

extension TokencastTests {
  @Suite struct ReadmeLinesTests {
    @Test("The README's lines run")
    func linesRun() async throws {
      try await Backend.reset()
      let states = try await readme(api: Backend.url, password: Backend.password)
      #expect(states == [.active(account: "ada"), .signedOut])
    }
  }
}
