import Tokencast
import WebKit
import XCTest

/// Pages that the backend renders for the access token in a cookie.
@MainActor
final class RenderedPagesTests: XCTestCase, @unchecked Sendable {
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
    let (world, view, host) = try await home()
    defer { world.end() }
    let refresh = try await heldRefresh(world)
    try await send("kept", in: view)
    try await eventually { host.asked.last == "POST /app/notes" }
    try await world.server.hold(false)
    _ = try await refresh.value
    try await view.until("!window.old && document.querySelector('li')?.textContent === 'kept'")
    try await isCounted(world, ["notes": 1, "forms_sent_back": 0, "documents_refused": 0, "exchanges": 1])
  }

  func testALinkThatIsFollowedDuringARefreshWaits() async throws {
    let (world, view, host) = try await home()
    defer { world.end() }
    let refresh = try await heldRefresh(world)
    _ = await view.run("document.getElementById('next').click()")
    try await eventually { host.asked.last == "GET /app/next" }
    let documents = try await world.server.stat("documents")
    XCTAssertEqual(documents, 1, "it is not sent yet")
    try await world.server.hold(false)
    _ = try await refresh.value
    try await view.until("document.title === 'Next'")
    try await isCounted(world, ["documents": 2, "documents_refused": 0, "exchanges": 1])
  }

  /// 1. The server takes the token no longer, and nobody knows.
  /// 2. A form is sent; the server sends it back (307), and there it waits for the exchange.
  /// 3. Its whole body arrives, once.
  func testAFormThatIsSentBackWaitsAndArrivesOnce() async throws {
    let (world, view, host) = try await home()
    defer { world.end() }
    try await world.server.expireAccessTokens()
    let text = String(repeating: "long ", count: 2_000) + "end"
    try await send(text, in: view)
    try await view.until("!window.old && document.querySelector('li')?.textContent === '\(text)'")
    XCTAssertEqual(host.asked.suffix(3), ["POST /app/notes", "POST /app/notes?retried=1", "GET /app"])
    try await isCounted(world, ["notes": 1, "forms_sent_back": 1, "documents_refused": 0, "exchanges": 1])
  }

  /// What the two above hold on.
  func testAHostThatDoesNotHandItsRequestsOnLosesTheForm() async throws {
    let (world, view, host) = try await home()
    defer { world.end() }
    host.handsRequestsOn = false
    try await world.server.expireAccessTokens()
    try await send("lost", in: view)
    // Refused for good, it is gone; the page's client asks for that address once more, by GET.
    try await view.until("!window.old && document.title === 'Home'")
    try await isCounted(world, ["notes": 0, "forms_sent_back": 1])
  }

  func testARejectedDocumentIsDroppedAndLoadedOnceMore() async throws {
    let (world, view, host) = try await home()
    defer { world.end() }
    let committed = host.committed
    try await world.server.expireAccessTokens()
    _ = await view.run("document.getElementById('next').click()")
    try await view.until("document.title === 'Next'")
    XCTAssertEqual(host.committed, committed + 1, "of the 401 nothing was shown")
    try await isCounted(world, ["documents_refused": 1, "exchanges": 1])
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

  /// The server takes the token no longer, and holds the exchange that is under way.
  private func heldRefresh(_ world: World) async throws -> Task<AccessToken, any Error> {
    try await world.server.expireAccessTokens()
    try await world.server.hold(true)
    let (session, token) = (world.session, try await world.session.accessToken())
    let refresh = Task { try await session.rejected(token.generation) }
    try await eventually { try await world.server.stat("refresh_requests") == 1 }
    return refresh
  }

  private func send(_ text: String, in view: WKWebView) async throws {
    _ = await view.run(
      "const form = document.getElementById('note'); form.elements.text.value = '\(text)'; window.old = 1; form.requestSubmit()")
  }

  private func isCounted(_ world: World, _ expected: [String: Int]) async throws {
    for (name, expected) in expected {
      let count = try await world.server.stat(name)
      XCTAssertEqual(count, expected, name)
    }
  }

  /// Somebody is signed in and looks at the first page.
  private func home() async throws -> (World, WKWebView, Host) {
    let world = try await World(tls: true)
    let (view, host) = (world.bare(), Host())
    world.host = host
    let policy = PagePolicy(origins: [world.server.url], cookie: "__Host-at")
    let page = try world.session.webViews.attach(view, policy: policy, forwardedBy: host)
    host.page = page
    await page.ready()
    view.go(world.server.url + "/app")
    try await view.until("document.title === 'Home'")
    return (world, view, host)
  }
}
