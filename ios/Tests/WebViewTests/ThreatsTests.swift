import Tokencast
import WebKit
import XCTest

/// Who is not the app's page, in the app's webview. The naive bridge beside ours must fall to the same page.
@MainActor
final class ThreatsTests: XCTestCase, @unchecked Sendable {
  func testAStrangersPageGetsNothing() async throws {
    try await isSpared { world in world.evil.origin + "/thief" }
  }

  func testAFrameOfAStrangersGetsNothing() async throws {
    try await isSpared { world in
      world.app.put("/framed", .init(body: "<iframe src='\(world.evil.origin)/thief'></iframe>"))
      return world.app.origin + "/framed"
    }
  }

  func testAFrameOfTheAppsOwnOriginGetsNothing() async throws {
    try await isSpared { world in
      world.app.put("/reader", .init(body: "<iframe src='/thief'></iframe>"))
      return world.app.origin + "/reader"
    }
  }

  func testASandboxedUploadOnTheAppsHostGetsNothing() async throws {
    try await isSpared { world in
      let sandbox = ["Content-Security-Policy": "sandbox allow-scripts"]
      world.app.put("/upload", .init(body: try world.thief(), headers: sandbox))
      return world.app.origin + "/upload"
    }
  }

  /// 1. A page's call is rejected, and the exchange waits at the server.
  /// 2. Meanwhile the view goes to a stranger's page.
  /// 3. The answer belongs to a document that is gone.
  func testAnAnswerToADocumentThatIsGoneReachesNobody() async throws {
    let world = try await World()
    defer { world.end() }
    world.evil.put("/thief", .init(body: try world.thief()))
    let view = try await world.active(world.app.origin + "/")
    let other = try await world.active(world.shop.origin + "/")
    try await world.server.expireAccessTokens()
    try await world.server.hold(true)
    _ = await view.run("void session.fetch('\(world.server.url)/api/me').catch(() => {})")
    try await eventually { try await world.server.stat("refresh_requests") == 1 }
    view.go(world.evil.origin + "/thief")
    _ = try await world.loot()
    try await world.server.hold(false)
    try await world.isCurrent(other)
    let token = try await world.session.accessToken()
    let loot = try await world.loot()
    XCTAssertFalse(loot.contains(token.value))
    let exchanges = try await world.server.stat("exchanges")
    XCTAssertEqual(exchanges, 1)
  }

  func testAPageThatWasSignedOutHearsItAndHasNoToken() async throws {
    let world = try await World()
    defer { world.end() }
    let views = [try await world.active(world.app.origin + "/"), try await world.active(world.shop.origin + "/")]
    try await world.session.signOut()
    for view in views {
      try await view.until("session.state === 'ended' && session.generation === undefined")
      let status = await world.call(view)
      XCTAssertNotEqual(status, 200)
    }
  }

  /// The naive app answers whoever calls its handler; ours is shown the same page.
  private func isSpared(by page: (World) throws -> String) async throws {
    let world = try await World()
    defer { world.end() }
    for site in [world.app, world.evil] { site.put("/thief", .init(body: try world.thief())) }
    let url = try page(world)
    let token = try await world.session.accessToken()

    let control = world.bare()
    control.configuration.userContentController.addScriptMessageHandler(
      Naive(token.value), contentWorld: .page, name: "naive")
    control.go(url)
    let brought = try await world.loot()
    XCTAssert(brought.contains(token.value), "the naive bridge must fall")
    control.go("about:blank")

    // Another token: what the control brought is not ours.
    let fresh = try await world.session.rejected(token.generation)
    try world.open(url)
    _ = try await world.loot(2)
    let own = try await world.active(world.shop.origin + "/")
    let status = await world.call(own)
    XCTAssertEqual(status, 200, "the app's own page works")
    let loot = try await world.loot(2)
    XCTAssertFalse(loot.contains(fresh.value))
  }
}

private final class Naive: NSObject, WKScriptMessageHandlerWithReply {
  private let token: String

  init(_ token: String) { self.token = token }

  func userContentController(_ controller: WKUserContentController, didReceive message: WKScriptMessage) async -> (Any?, String?)
  {
    (token, nil)
  }
}
