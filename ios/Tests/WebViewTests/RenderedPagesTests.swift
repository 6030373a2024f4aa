import Tokencast
import WebKit
import XCTest

/// Pages that the backend renders for the access token in a cookie.
@MainActor
final class RenderedPagesTests: XCTestCase {
  func testTheFirstDocumentWaitsForItsCookie() async throws {
    let (world, view, _) = try await home()
    defer { world.end() }
    let title = await view.run("return document.title") as? String
    XCTAssertEqual(title, "Home")
    let seen = await view.run("return document.cookie") as? String
    XCTAssertEqual(seen, "", "scripts do not see it")
    let refused = try await world.server.stat("documents_refused")
    XCTAssertEqual(refused, 0)
  }

  /// 1. More than half of the token's life is over, the server takes it no longer, and its exchange does not come back.
  /// 2. A form is sent: it waits, and goes with the new cookie, the same request with its body.
  func testAFormThatIsSentDuringARefreshWaitsAndIsNotLost() async throws {
    let begun = ContinuousClock.now
    let (world, view, _) = try await home(life: 8)
    defer { world.end() }
    try await eventually { ContinuousClock.now - begun > .seconds(5) }
    let before = try await world.server.stat("refresh_requests")
    try await world.server.expireAccessTokens()
    try await world.server.hold(true)
    _ = await view.run(
      "const form = document.getElementById('note'); form.elements.text.value = 'kept'; window.old = 1; form.requestSubmit()")
    try await eventually { try await world.server.stat("refresh_requests") > before }
    try await world.server.hold(false)
    try await view.until("!window.old && document.querySelector('li')?.textContent === 'kept'")
    for (name, expected) in [("notes", 1), ("forms_sent_back", 0), ("documents_refused", 0)] {
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
  private func home(life: Int = 900) async throws -> (World, WKWebView, Host) {
    let world = try await World(tls: true, life: life)
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
