import Foundation
import Testing
import Tokencast

extension TokencastTests {
  /// Sealed files, and stores and key wrappers of the host's own, well-behaved or not.
  @Suite final class HostStorageTests {
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)

    init() async throws {
      try await Backend.reset()
    }

    deinit {
      try? FileManager.default.removeItem(at: folder)
    }

    private func session(_ storage: Storage) -> AuthSession {
      AuthSession(
        profile: .rotation(Backend.url), storage: storage, stateDirectory: folder.appendingPathComponent("state"))
    }

    @Test("A sealed file is restored by the next session and shows no secret")
    func sealedFile() async throws {
      let store = folder.appendingPathComponent("store")
      let first = session(.file(store, keyWrapper: Xor()))
      try await first.signIn(ada)
      let token = try await first.accessToken()
      first.close()
      let files = try FileManager.default.contentsOfDirectory(at: store, includingPropertiesForKeys: nil)
      let written = try files.map { String(decoding: try Data(contentsOf: $0), as: UTF8.self) }
      #expect(!written.isEmpty && !written.contains { $0.contains(token.value) })
      let second = session(.file(store, keyWrapper: Xor()))
      #expect(try await second.restored() == .active(account: Backend.name))
      #expect(try await Backend.me(try await second.accessToken()) == 200)
    }

    @Test("A store of the host's sees sealed bytes only")
    func sealedBytes() async throws {
      let store = DictionaryStore(folder.path)
      let session = session(.host(store, keyWrapper: Xor()))
      try await session.signIn(ada)
      let token = try await session.accessToken()
      let written = store.entries.values.map { String(decoding: $0, as: UTF8.self) }
      #expect(!written.isEmpty && !written.contains { $0.contains(token.value) || $0.contains("refresh") })
    }

    @Test("A reader beside the owner gets its token and changes nothing")
    func reader() async throws {
      let store = DictionaryStore(folder.path)
      let profile = ServerProfile.rotation(Backend.url)
      let owner = AuthSession(
        profile: profile, storage: .host(store, keyWrapper: Xor()),
        stateDirectory: folder.appendingPathComponent("state"), persistsAccessToken: true)
      try await owner.signIn(ada)
      let reader = AuthSession(
        profile: profile, storage: .host(store, keyWrapper: Xor()),
        stateDirectory: folder.appendingPathComponent("state"), readOnly: true)
      let token = try await reader.accessToken()
      #expect(try await owner.accessToken().value == token.value)
      #expect(try await Backend.me(token) == 200)
      let exchanges = try await Backend.stat("refresh_requests")
      let written = store.entries
      let refused = [
        await sessionError { try await reader.signIn(ada) },
        await sessionError { try await reader.adopt(TokenSet(refreshToken: "r")) },
        await sessionError { try await reader.signOut() },
      ]
      for error in refused {
        guard case .misconfigured = error else {
          Issue.record("a reader changed the session: \(String(describing: error))")
          return
        }
      }
      #expect(try await Backend.stat("refresh_requests") == exchanges)
      #expect(store.entries == written)
      // It waits for the owner's next one.
      async let waiting = reader.rejected(token.generation)
      let renewed = try await owner.rejected(token.generation)
      #expect(try await waiting.value == renewed.value)
      #expect(try await Backend.stat("refresh_requests") == exchanges + 1)
    }

    @Test("A store that throws at a read locks the session")
    func throwingRead() async throws {
      let store = DictionaryStore(folder.path)
      store.failing = ["read"]
      let session = session(.host(store, keyWrapper: Xor()))
      #expect(try await session.restored() == .locked(.unavailable))
      guard case .locked(.unavailable, _) = await sessionError({ try await session.accessToken() }) else {
        Issue.record("a session that cannot be read answered")
        return
      }
      store.failing = []
      try await session.signIn(ada)
      #expect(session.state == .active(account: Backend.name))
    }

    @Test("A locked session is read again when it is unlocked")
    func unlocking() async throws {
      let store = DictionaryStore(folder.path)
      let first = session(.host(store, keyWrapper: Xor()))
      try await first.signIn(ada)
      first.close()
      store.failing = ["read"]
      let second = session(.host(store, keyWrapper: Xor()))
      #expect(try await second.restored() == .locked(.unavailable))
      store.failing = []
      second.notify(.unlocked)
      try await eventually { second.state == .active(account: Backend.name) }
    }

    @Test("A write that throws is no acknowledgement")
    func throwingWrite() async throws {
      let store = DictionaryStore(folder.path)
      let session = session(.host(store, keyWrapper: Xor()))
      _ = try await session.restored()
      store.failing = ["write"]
      guard case .storageFailed = await sessionError({ try await session.signIn(ada) }) else {
        Issue.record("a sign-in that was not saved succeeded")
        return
      }
      #expect(session.state == .signedOut && session.currentToken == nil)
    }

    @Test("A store that throws when asked for its name is refused")
    func throwingName() async throws {
      let store = DictionaryStore(folder.path)
      store.failing = ["entryID"]
      let session = session(.host(store, keyWrapper: Xor()))
      guard case .misconfigured = await sessionError({ try await session.accessToken() }) else {
        Issue.record("a store without a name was taken")
        return
      }
    }

    @Test(
      "A key wrapper that throws is a typed error",
      arguments: [
        (KeyFailure.locked as any Error & Sendable, LockedCause.deviceLocked),
        (KeyFailure.transient, .unavailable),
        (CocoaError(.fileNoSuchFile), .unavailable),
      ])
    func throwingWrapper(thrown: any Error & Sendable, cause: LockedCause) async throws {
      let session = session(.file(folder.appendingPathComponent("store"), keyWrapper: Failing(thrown: thrown)))
      _ = try await session.restored()
      guard case .locked(cause, _) = await sessionError({ try await session.signIn(ada) }) else {
        Issue.record("a key that did not serve was no error")
        return
      }
    }

    @Test("A key that is gone ends the session with its reason")
    func lostKey() async throws {
      let store = folder.appendingPathComponent("store")
      let first = session(.file(store, keyWrapper: Xor()))
      try await first.signIn(ada)
      first.close()
      let second = session(.file(store, keyWrapper: Failing(thrown: KeyFailure.gone)))
      guard case .signInRequired(.keyLost, _, _) = try await second.restored() else {
        Issue.record("a lost key was not told")
        return
      }
    }
  }
}

/// No encryption: enough to tell wrapped from not.
private struct Xor: KeyWrapper {
  func wrap(_ dataKey: Data) -> Data { Data(dataKey.map { $0 ^ 0x5A }) }

  func unwrap(_ wrapped: Data) -> Data { wrap(wrapped) }
}

private struct Failing: KeyWrapper {
  let thrown: any Error & Sendable

  func wrap(_: Data) throws -> Data { throw thrown }

  func unwrap(_: Data) throws -> Data { throw thrown }
}

private final class DictionaryStore: SecureStorage, @unchecked Sendable {
  private let lock = NSLock()
  private let name: String
  private var stored: [String: Data] = [:]
  private var broken: Set<String> = []

  init(_ name: String) {
    self.name = name
  }

  var entries: [String: Data] { lock.withLock { stored } }

  var failing: Set<String> {
    get { lock.withLock { broken } }
    set { lock.withLock { broken = newValue } }
  }

  func entryID() throws -> String {
    try trying("entryID") { _ in name }
  }

  func read(_ name: String) throws -> ReadOutcome {
    try trying("read") { stored in stored[name].map { .found($0) } ?? .absent }
  }

  func write(_ bytes: Data, to name: String) throws -> WriteOutcome {
    try trying("write") { stored in
      stored[name] = bytes
      return .acknowledged
    }
  }

  func delete(_ name: String) throws -> WriteOutcome {
    try trying("delete") { stored in
      stored[name] = nil
      return .acknowledged
    }
  }

  private func trying<Answer>(_ method: String, _ body: (inout [String: Data]) -> Answer) throws -> Answer {
    try lock.withLock {
      if broken.contains(method) { throw CocoaError(.fileNoSuchFile) }
      return body(&stored)
    }
  }
}
