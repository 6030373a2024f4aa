import Foundation
import Testing
import Tokencast

extension TokencastTests {
  /// Several accounts, the app's own request fields and a webview's cookies, against the real library and backend.
  @Suite struct AccountsTests {
    init() async throws {
      try await Backend.reset()
    }

    @Test("Accounts are added, listed, switched and removed")
    func wholeStory() async throws {
      let storage = Storage.memory()
      let accounts = Accounts(profile: .rotation(Backend.url), storage: storage)
      #expect(try await accounts.list() == AccountList(accounts: [], current: nil))
      #expect(try await accounts.current() == nil)
      let one = try await accounts.add("1", name: "Ada at work")
      try await one.signIn(ada)
      let two = try await accounts.add("2")
      try await two.signIn(ada)
      #expect(try await one.accessToken() != two.accessToken())
      #expect(try await accounts.switchTo("2").currentToken == two.currentToken)
      // Another object on the same storage, as after a start.
      let both = [Account(id: "1", name: "Ada at work"), Account(id: "2", name: nil)]
      let next = Accounts(profile: .rotation(Backend.url), storage: storage)
      #expect(try await next.list() == AccountList(accounts: both, current: "2"))

      let revoked = try await Backend.stat("revocations")
      try await accounts.remove("2")
      #expect(try await Backend.stat("revocations") == revoked + 1)
      #expect(try await accounts.list() == AccountList(accounts: [both[0]], current: nil))
      guard case .closed = await sessionError({ _ = try await two.accessToken() }) else {
        Issue.record("the session of a removed account is open")
        return
      }
      for refused in [
        await sessionError { _ = try await accounts.open("2") },
        await sessionError { _ = try await accounts.add("a\nb") },
      ] {
        guard case .misconfigured = refused else {
          Issue.record("what is no account was taken for one")
          return
        }
      }
      #expect(try await Backend.me(try await one.accessToken()) == 200)
    }

    @Test("The app adds fields, and one that throws loses nothing")
    func requestFields() async throws {
      let app = App()
      let session = AuthSession(
        profile: .rotation(Backend.url), storage: .memory(), requestFields: app)
      try await session.signIn(ada)
      let first = try await session.accessToken()
      let requests = try await Backend.stat("refresh_requests")
      app.answers.append(nil)
      guard case .tryAgain(_, .app, _) = await sessionError({ _ = try await session.rejected(first.generation) }) else {
        Issue.record("an app without fields is no reason to try again")
        return
      }
      #expect(session.history().last?.cause == .noFields)
      #expect(try await Backend.stat("refresh_requests") == requests)
      app.answers.append(ExtraFields(fields: ["refresh_token": "s3cr3t"]))
      let refused = await sessionError { _ = try await session.rejected(first.generation) }
      guard case .misconfigured = refused, !"\(String(describing: refused))".contains("s3cr3t") else {
        Issue.record("the profile's field was the app's to give")
        return
      }
      app.answers.append(ExtraFields(headers: ["X-App": "1.2"], fields: ["device": "iphone"]))
      #expect(try await Backend.me(try await session.rejected(first.generation)) == 200)
      #expect(app.asked.all == [.signIn, .refresh, .refresh, .refresh])
      #expect(!"\(ExtraFields(headers: ["A": "s3cr3t"]))".contains("s3cr3t"))
    }

    @Test("Cookies and an access token alone are handed over")
    func handedOver() async throws {
      let session = AuthSession(profile: .cookie(Backend.url), storage: .memory())
      let names = try await session.adoptCookie("theme=dark; csrf=c; refresh=r", account: "ada")
      #expect(names == ["refresh", "csrf"])
      #expect(session.state == .active(account: "ada") && session.currentToken == nil)
      guard case .misconfigured = await sessionError({ _ = try await session.adoptCookie("refresh=r") }) else {
        Issue.record("a cookie is missing")
        return
      }
      try await session.adopt(.cookies("refresh=r2; csrf=c2", accessToken: "acc3ss"))
      #expect(try await session.accessToken().value == "acc3ss")
      let accessOnly = AuthSession(profile: .accessOnly(Backend.url), storage: .memory())
      try await accessOnly.adopt(.onlyAccessToken("acc3ss"))
      #expect(try await accessOnly.accessToken().value == "acc3ss")
    }
  }
}

/// Answers with the newest of its answers; `nil` is thrown.
private final class App: RequestFields {
  struct Broken: Error {}

  let asked = Heard<Purpose>()
  let answers = Heard<ExtraFields?>()

  func fields(for purpose: Purpose) throws -> ExtraFields {
    asked.append(purpose)
    guard let answer = answers.all.last else { return ExtraFields() }
    guard let answer else { throw Broken() }
    return answer
  }
}
