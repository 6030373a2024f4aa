import Foundation
import Testing
import Tokencast

extension TokencastTests {
  /// Every public type, and what is printed of it.
  @Suite struct PublicTypesTests {
    init() async throws {
      try await Backend.reset()
    }

    @Test("No public type prints a secret, by description, debug description, dump or mirror")
    func secrets() async throws {
      let things = try await samples()
      for (name, thing) in things {
        var text = "\(thing) \(String(describing: thing)) \(String(reflecting: thing)) "
        dump(thing, to: &text)
        text += walked(thing)
        for secret in Self.secrets where text.contains(secret) {
          Issue.record("\(name) shows \(secret.prefix(3))…")
        }
      }
    }

    @Test("The samples are of every public type of the sources")
    func complete() async throws {
      let declared = try publicTypes().subtracting(Self.ofApples)
      #expect(declared.count > 35)
      let sampled = Set(try await samples().keys)
      #expect(declared.subtracting(sampled) == [])
    }

    /// Those that only a build with WebKit and UIKit has: the webviews' tests look at them. The last has no values.
    private static let ofApples: Set = ["AttachedWebView", "ApplicationTime", "ExtensionTime", "Surroundings", "StateDirectory"]
    private static let token = "acc3ss-s3cr3t"
    private static let secrets = [token, "r3fr3sh-s3cr3t", "passw0rd-s3cr3t", "client-s3cr3t", "h3ader-s3cr3t", "f1eld-s3cr3t"]

    /// Those that hold no secret and no other type's value stand under their name with themselves.
    private func samples() async throws -> [String: Any] {
      let session = memorySession()
      try await session.adopt(
        TokenSet(refreshToken: "r3fr3sh-s3cr3t", accessToken: Self.token, expiresIn: .seconds(600), account: "ada"))
      let token = try await session.accessToken()
      #expect(token.value == Self.token)
      let events = Heard<SessionEvent>()
      let subscription = try session.subscribe { events.append($0) }
      try await eventually { events.all.contains(.accessTokenChanged(token)) }
      let client = OAuthClient.secretInBody("id", secret: "client-s3cr3t")
      let ends = Heard<BackgroundEnd>()
      let phone = EndKeeper(ends: ends)
      let refreshing = AuthSession(profile: .rotation(Backend.url), storage: .memory(), backgroundTime: phone)
      try await refreshing.signIn(ada)
      _ = try await refreshing.rejected(try await refreshing.accessToken().generation)
      let refused = await sessionError {
        try await session.signIn(.fields(["username": "ada", "password": "passw0rd-s3cr3t"]))
      }
      let transition = try #require(session.history().first)
      let policy = PagePolicy(origins: ["https://a.example"], apis: [.init("https://a.example")], strategy: .reload)
      return [
        "API": policy.apis, "AccessToken": token, "Account": Account(id: "1", name: "Ada"),
        "AccountList": AccountList(accounts: [Account(id: "1", name: nil)], current: nil),
        "Accounts": Accounts(profile: .rotation(Backend.url), storage: .memory()), "AuthSession": session,
        "AuthSessionProtocol": session as any AuthSessionProtocol, "BackgroundEnd": try #require(ends.all.first),
        "BackgroundTime": phone as any BackgroundTime, "Cause": transition.cause,
        "Credentials": Credentials.password("ada", "passw0rd-s3cr3t"), "EndReason": EndReason.server("code"),
        "ExtraFields": ExtraFields(headers: ["X-A": "h3ader-s3cr3t"], fields: ["a": "f1eld-s3cr3t"]),
        "Generation": token.generation, "KeyFailure": KeyFailure.gone, "KeyWrapper": "the app's own",
        "LockedCause": LockedCause.noService, "Notice": Notice.online, "OAuthClient": client, "PagePolicy": policy,
        "ObservedSession": await ObservedSession(session), "Purpose": Purpose.refresh,
        "ReadOutcome": ReadOutcome.absent, "RequestFields": "the app's own", "SecureStorage": "the app's own",
        "ServerProfile": ServerProfile.oauth2(tokenURL: "https://id.example.com/token", client: client),
        "SessionError": try #require(refused), "SessionEvent": events.all, "SessionState": session.state,
        "Storage": Storage.memory(), "StorageFailure": StorageFailure.held, "Strategy": policy.strategy,
        "Subscription": subscription,
        "TokenSet": TokenSet(refreshToken: "r3fr3sh-s3cr3t", accessToken: Self.token), "Trail": Trail([transition]),
        "Transition": transition, "TryAgainCause": TryAgainCause.busy, "WebViews": session.webViews,
        "WriteOutcome": WriteOutcome.acknowledged,
      ]
    }

    private func publicTypes() throws -> Set<String> {
      let folder = repository.appendingPathComponent("ios/Sources/Tokencast")
      let found = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)?.allObjects
      let files = try #require(found as? [URL])
      let declaration = /(?m)^ *public (?:final )?(?:class|struct|enum|protocol|actor) (\w+)/
      return try files.filter { $0.pathExtension == "swift" }.reduce(into: []) { types, file in
        let text = try String(contentsOf: file, encoding: .utf8)
        for match in text.matches(of: declaration) { types.insert(String(match.1)) }
      }
    }

    /// Everything that mirrors lead to, as text.
    private func walked(_ thing: Any, depth: Int = 0) -> String {
      if depth > 6 { return "" }
      return Mirror(reflecting: thing).children.reduce(into: "") { text, child in
        text += "\(child.label ?? "") \(child.value) \(String(reflecting: child.value)) "
        text += walked(child.value, depth: depth + 1)
      }
    }
  }
}

private struct EndKeeper: BackgroundTime {
  let ends: Heard<BackgroundEnd>

  func begin(atMost _: Duration, end: BackgroundEnd) -> Int64? {
    ends.append(end)
    return 1
  }

  func finish(_: Int64) {}
}
