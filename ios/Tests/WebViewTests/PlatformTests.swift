import Foundation
import LocalAuthentication
import Tokencast
import UIKit
import XCTest

/// What only Apple's systems have, played by stand-ins: time in the background, notifications, the user's presence.
@MainActor
final class PlatformTests: XCTestCase, @unchecked Sendable {
  private let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)

  override func tearDown() async throws {
    try? FileManager.default.removeItem(at: folder)
  }

  func testAnExchangesTimeIsGivenBackWhenItIsOver() async throws {
    let (application, server) = (UIApplication(), try await server())
    defer { server.end() }
    let session = session(server, ApplicationTime(application))
    try await session.signIn(.password("ada", "lovelace"))
    _ = try await session.rejected(try await session.accessToken().generation)
    XCTAssertEqual(application.tasks.begun, 1)
    try await eventually { application.tasks.count == 0 }
  }

  /// 1. An exchange is on the wire, and the app's time is over.
  /// 2. The caller hears so, and the task is ended when no lock is held any longer.
  /// 3. The next call finds the session well.
  func testAnApplicationsTaskEndsAfterItsLocks() async throws {
    let (application, server) = (UIApplication(), try await server())
    defer { server.end() }
    try await endsAfterItsLocks(server, ApplicationTime(application)) { seen in
      application.tasks.atEachEnd(seen)
      return { application.tasks.expire() }
    }
    // The next call's task is given back, too.
    try await eventually { application.tasks.count == 0 }
  }

  func testAnExtensionsActivityEndsAfterItsLocks() async throws {
    let (activities, server) = (StubActivities.shared, try await server())
    defer { server.end() }
    activities.refuse(false)
    try await endsAfterItsLocks(server, ExtensionTime()) { seen in
      activities.atEachEnd(seen)
      return { activities.expire() }
    }
    try await eventually { activities.count == 0 }
  }

  func testAnExchangeGoesOnWhereNoTimeIsGiven() async throws {
    let (application, server) = (UIApplication(), try await server())
    defer { server.end() }
    application.tasks.refuse()
    StubActivities.shared.refuse(true)
    for time in [ApplicationTime(application), ExtensionTime()] as [any BackgroundTime] {
      let before = try await server.stat("exchanges")
      let session = session(server, time)
      try await session.signIn(.password("ada", "lovelace"))
      _ = try await session.rejected(try await session.accessToken().generation)
      let exchanges = try await server.stat("exchanges")
      XCTAssertEqual(exchanges, before + 1)
    }
    XCTAssertEqual([application.tasks.begun, StubActivities.shared.count], [0, 0])
  }

  func testALockedSessionIsReadWhenTheDeviceIsUnlocked() async throws {
    let (server, store) = (try await server(), Locked())
    defer { server.end() }
    let session = AuthSession(
      profile: .rotation(server.url), storage: .host(store, keyWrapper: Xor()), stateDirectory: folder)
    var surroundings: Surroundings? = Surroundings(of: session)
    let state = try await session.restored()
    XCTAssertEqual(state, .locked(.deviceLocked))
    store.unlock()
    NotificationCenter.default.post(name: UIApplication.protectedDataDidBecomeAvailableNotification, object: nil)
    try await eventually { session.state == .signedOut }
    weak var old = surroundings
    surroundings = nil
    XCTAssertNil(old)
  }

  func testASessionIsMadeOnlyForItsUser() async throws {
    var isMade = false
    let make = {
      isMade = true
      return AuthSession(profile: .rotation("https://api.example.com"), storage: .memory())
    }
    do {
      _ = try await AuthSession.afterUserPresence("Unlock", context: LAContext(), make: make)
      XCTFail("nobody was there")
    } catch SessionError.locked(.deviceLocked, _) {}
    XCTAssertFalse(isMade)
    _ = try await AuthSession.afterUserPresence("Unlock", context: Owner(), make: make)
    XCTAssert(isMade)
  }

  private func server() async throws -> Server { try await Server(pages: [], tls: false) }

  private func session(_ server: Server, _ time: any BackgroundTime) -> AuthSession {
    AuthSession(
      profile: .rotation(server.url), storage: .file(folder.appendingPathComponent("store"), keyWrapper: Xor()),
      stateDirectory: folder.appendingPathComponent("state"), backgroundTime: time)
  }

  /// - Parameter play: Is told what to do at each end of a task; answers how to let the time be over.
  private func endsAfterItsLocks(
    _ server: Server, _ time: any BackgroundTime, _ play: (@escaping @Sendable () -> Void) -> () -> Void
  ) async throws {
    let locks = folder.appendingPathComponent("state")
    let (session, held) = (session(server, time), Counts())
    try await session.signIn(.password("ada", "lovelace"))
    let token = try await session.accessToken()
    let endTime = play { held.add(heldLocks(in: locks)) }
    try await server.hold(true)
    let caller = Task { try await session.rejected(token.generation) }
    try await eventually { try await server.stat("held") == 1 }
    XCTAssertGreaterThan(heldLocks(in: locks), 0, "an exchange is under way")
    endTime()
    do {
      _ = try await caller.value
      XCTFail("there was no answer")
    } catch SessionError.tryAgain {}
    try await eventually { held.all.count >= 1 }
    XCTAssertEqual(held.all, [0], "whoever is suspended now holds nothing")
    try await server.hold(false)
    let next = try await session.accessToken()
    XCTAssertGreaterThan(next.generation, token.generation)
  }
}

/// How many locks of this folder's files somebody has.
private func heldLocks(in folder: URL) -> Int {
  let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)?.allObjects as? [URL] ?? []
  return files.filter { file in
    let descriptor = open(file.path, O_RDWR)
    if descriptor < 0 { return false }
    defer { close(descriptor) }
    return flock(descriptor, LOCK_EX | LOCK_NB) != 0
  }.count
}

private final class Counts: @unchecked Sendable {
  private let lock = NSLock()
  private var counts: [Int] = []

  func add(_ count: Int) { lock.withLock { counts.append(count) } }

  var all: [Int] { lock.withLock { counts } }
}

/// The owner, who passes.
private final class Owner: LAContext {
  override func evaluatePolicy(
    _ policy: LAPolicy, localizedReason: String, reply: @escaping @Sendable (Bool, (any Error)?) -> Void
  ) {
    reply(true, nil)
  }
}

/// A store that cannot be read before the device is unlocked, and is empty.
private final class Locked: SecureStorage, @unchecked Sendable {
  private let lock = NSLock()
  private var entries: [String: Data] = [:]
  private var isLocked = true

  func unlock() { lock.withLock { isLocked = false } }

  func entryID() -> String { "locked" }

  func read(_ name: String) -> ReadOutcome {
    lock.withLock { isLocked ? .unavailable(.deviceLocked) : entries[name].map(ReadOutcome.found) ?? .absent }
  }

  func write(_ bytes: Data, to name: String) -> WriteOutcome {
    lock.withLock {
      if isLocked { return .unavailable(.deviceLocked) }
      entries[name] = bytes
      return .acknowledged
    }
  }

  func delete(_ name: String) -> WriteOutcome {
    lock.withLock {
      entries[name] = nil
      return .acknowledged
    }
  }
}

private struct Xor: KeyWrapper {
  func wrap(_ dataKey: Data) -> Data { Data(dataKey.map { $0 ^ 0x5a }) }

  func unwrap(_ wrapped: Data) -> Data { wrap(wrapped) }
}
