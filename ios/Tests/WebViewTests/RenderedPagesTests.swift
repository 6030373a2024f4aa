import Tokencast
import WebKit
import XCTest

/// Pages that the backend renders for the access token in a cookie.
@MainActor
final class RenderedPagesTests: XCTestCase {
  func testTheFirstDocumentGoesWithItsCookie() async throws {
    let (world, view, _) = try await home()
    defer { world.end() }
    let title = await view.run("return document.title") as? String
    XCTAssertEqual(title, "Home")
    let seen = await view.run("return document.cookie") as? String
    XCTAssertEqual(seen, "", "scripts do not see it")
    let refused = try await world.server.stat("documents_refused")
    XCTAssertEqual(refused, 0)
  }

  /// 1. The server takes the token no longer, and its exchange is under way.
  /// 2. A form is sent: its body arrives once, with the new cookie.
  func testAFormThatIsSentDuringARefreshArrivesOnce() async throws {
    let (world, view, _) = try await home()
    defer { world.end() }
    try await world.server.expireAccessTokens()
    try await world.server.hold(true)
    let (session, token) = (world.session, try await world.session.accessToken())
    let refresh = Task { try await session.rejected(token.generation) }
    try await eventually { try await world.server.stat("refresh_requests") == 1 }
    _ = await view.run(
      "const form = document.getElementById('note'); form.elements.text.value = 'kept'; window.old = 1; form.requestSubmit()")
    try await world.server.hold(false)
    _ = try await refresh.value
    try await view.until("!window.old && document.querySelector('li')?.textContent === 'kept'")
    for (name, expected) in [("notes", 1), ("documents_refused", 0), ("exchanges", 1)] {
      let count = try await world.server.stat(name)
      XCTAssertEqual(count, expected, name)
    }
  }

  func testARejectedDocumentIsDroppedAndLoadedOnceMore() async throws {
    let (world, view, host) = try await home()
    defer { world.end() }
    let committed = host.committed
    try await world.server.expireAccessTokens()
    _ = await view.run("document.getElementById('next').click()")
    try await view.until("document.title === 'Next'")
    XCTAssertEqual(host.committed, committed + 1, "of the 401 nothing was shown")
    for (name, expected) in [("documents_refused", 1), ("exchanges", 1)] {
      let count = try await world.server.stat(name)
      XCTAssertEqual(count, expected, name)
    }
  }

  func testAPageIsReadyWhenItsCookieIsWritten() async throws {
    let world = try await World(tls: true)
    defer { world.end() }
    let policy = PagePolicy(origins: [world.server.url], cookie: "__Host-at")
    let view = world.bare()
    let page = try world.session.webViews.attach(view, policy: policy)
    await page.ready()
    let names = await world.store.httpCookieStore.allCookies().map(\.name)
    XCTAssertEqual(names, ["__Host-at"])
  }

  func testASignOutTakesTheCookieAway() async throws {
    let (world, view, _) = try await home()
    defer { world.end() }
    let before = await world.store.httpCookieStore.allCookies().map(\.name)
    XCTAssertEqual(before, ["__Host-at"])
    try await world.session.signOut()
    try await eventually { await world.store.httpCookieStore.allCookies().isEmpty }
    view.go(world.server.url + "/app/next")
    try await view.until("document.getElementById('refused')")
  }

  /// Somebody is signed in and looks at the first page.
  private func home() async throws -> (World, WKWebView, Host) {
    let world = try await World(tls: true)
    let (view, host) = (world.bare(), Host())
    let policy = PagePolicy(origins: [world.server.url], cookie: "__Host-at")
    let page = try world.session.webViews.attach(view, policy: policy, forwardedBy: host)
    host.page = page
    await page.ready()
    view.go(world.server.url + "/app")
    try await view.until("document.title === 'Home'")
    return (world, view, host)
  }
}
