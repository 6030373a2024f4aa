import Tokencast
import UIKit
import WebKit
import XCTest

/// One exchange reaches every open page, in each of the three ways.
@MainActor
final class PagesTests: XCTestCase, @unchecked Sendable {
  func testA401InOneOfThreePagesBringsOneExchangeToAll() async throws {
    let world = try await World()
    defer { world.end() }
    var views: [WKWebView] = []
    for site in [world.app, world.shop, world.app] { views.append(try await world.active(site.origin + "/")) }
    try await world.server.expireAccessTokens()
    let status = await world.call(views[0])
    XCTAssertEqual(status, 200)
    for view in views { try await world.isCurrent(view) }
    let exchanges = try await world.server.stat("exchanges")
    XCTAssertEqual(exchanges, 1)
  }

  func testThirtyTwoPagesThatCallAtOnceShareOneExchange() async throws {
    let world = try await World()
    defer { world.end() }
    let views = try (0..<32).map { try world.open([world.app, world.shop][$0 % 2].origin + "/") }
    for view in views { try await world.isCurrent(view) }
    try await world.server.expireAccessTokens()
    let url = world.server.url + "/api/me"
    for view in views { _ = await view.run("session.fetch('\(url)').then(({ status }) => { window.answer = status })") }
    for view in views {
      try await view.until("window.answer === 200")
      try await world.isCurrent(view)
    }
    let exchanges = try await world.server.stat("exchanges")
    XCTAssertEqual(exchanges, 1)
  }

  func testAPageThatIsReloadedComesBackWithTheNewToken() async throws {
    let world = try await World()
    defer { world.end() }
    var policy = world.policy
    policy.strategy = .reload
    let view = try await world.active(world.app.origin + "/", policy)
    let other = try await world.active(world.shop.origin + "/")
    _ = await view.run("window.isOld = true")
    try await world.server.expireAccessTokens()
    let status = await world.call(other)
    XCTAssertEqual(status, 200)
    try await view.until("!window.isOld")
    try await world.isCurrent(view)
    XCTAssertEqual(world.app.asked.filter { $0.what == "GET /" }.count, 2)
    let exchanges = try await world.server.stat("exchanges")
    XCTAssertEqual(exchanges, 1)
  }

  func testAPageThatRefreshesItselfServesTheOthersToo() async throws {
    let world = try await World()
    defer { world.end() }
    var policy = world.policy
    policy.strategy = .dangerSelfRefresh(origins: [world.app.origin])
    let view = try await world.active(world.app.origin + "/self", policy)
    let other = try await world.active(world.shop.origin + "/")
    try await world.server.expireAccessTokens()
    let status = await world.call(view)
    XCTAssertEqual(status, 200)
    try await world.isCurrent(other)
    let lent = await view.run("return window.lent") as? Int
    let exchanges = try await world.server.stat("exchanges")
    XCTAssertEqual([lent, exchanges], [1, 1])
  }

  func testViewsOfOneConfigurationAreKeptApart() async throws {
    let world = try await World()
    defer { world.end() }
    let first = world.bare()
    let second = WKWebView(frame: .zero, configuration: first.configuration)
    for (view, site) in [(first, world.app), (second, world.shop)] {
      try world.session.webViews.attach(view, policy: world.policy)
      view.go(site.origin + "/")
    }
    for view in [first, second] {
      try await world.isCurrent(view)
      let status = await world.call(view)
      XCTAssertEqual(status, 200)
    }
  }

  func testAPageWhoseProcessEndedIsAttachedAnew() async throws {
    let world = try await World()
    defer { world.end() }
    let view = try await world.active(world.app.origin + "/")
    view.endProcess()
    try await eventually { await view.run("return 1") == nil || view.url == nil }
    view.go(world.app.origin + "/")
    try await world.isCurrent(view)
  }

  func testAWebviewThatIsLetGoOfDetachesItsPage() async throws {
    let world = try await World()
    defer { world.end() }
    var view: WKWebView? = world.bare()
    weak var page = try world.session.webViews.attach(view!, policy: world.policy)
    view!.go(world.app.origin + "/")
    try await world.isCurrent(view!)
    XCTAssertNotNil(page)
    view = nil
    try await eventually { page == nil }
  }

  /// Of the public types that are here alone, with a page that holds the token and asks for the next one.
  func testNoPublicTypePrintsASecret() async throws {
    let world = try await World()
    defer { world.end() }
    let view = world.bare()
    let page = try world.session.webViews.attach(view, policy: world.policy)
    view.go(world.app.origin + "/")
    try await world.isCurrent(view)
    let token = try await world.session.accessToken().value
    let things: [Any] = [
      page, world.session.webViews, ApplicationTime(.shared), ExtensionTime(), Surroundings(of: world.session),
    ]
    for thing in things {
      var text = "\(thing) \(String(reflecting: thing)) \(Mirror(reflecting: thing).children.map { "\($0)" })"
      dump(thing, to: &text, maxDepth: 12)
      XCTAssertFalse(text.contains(token), "\(type(of: thing))")
    }
  }

  func testAServiceWorkerEndsWithTheSession() async throws {
    let world = try await World(isKept: true)
    defer { world.end() }
    world.app.put("/worker.js", .init(body: "self.onfetch = () => {}", type: "text/javascript"))
    let view = try await world.active(world.app.origin + "/")
    let count = "return (await navigator.serviceWorker.getRegistrations()).length"
    _ = await view.run("await navigator.serviceWorker.register('/worker.js'); await navigator.serviceWorker.ready")
    let before = await view.run(count) as? Int
    XCTAssertEqual(before, 1)
    try await world.session.signOut()
    try await eventually { await view.run(count) as? Int == 0 }
  }

  func testAHostsOwnDelegateIsNeverReplaced() async throws {
    let world = try await World()
    defer { world.end() }
    let (view, host) = (world.bare(), Host())
    view.navigationDelegate = host
    XCTAssertThrowsError(try world.session.webViews.attach(view, policy: world.policy)) { error in
      guard case .misconfigured = error as? SessionError else { return XCTFail("\(error)") }
    }
    XCTAssert(view.navigationDelegate === host)
    host.page = try world.session.webViews.attach(view, policy: world.policy, forwardedBy: host)
    XCTAssert(view.navigationDelegate === host)
    view.go(world.app.origin + "/")
    try await world.isCurrent(view)
    XCTAssertEqual(host.committed, 1)
  }

  func testAnOriginThatIsNoneSaysSo() async throws {
    let world = try await World()
    defer { world.end() }
    XCTAssertThrowsError(try world.session.webViews.attach(world.bare(), origins: ["app.example.com"])) { error in
      guard case .misconfigured = error as? SessionError else { return XCTFail("\(error)") }
    }
  }
}

/// An app's own delegate, which hands on.
@MainActor
final class Host: NSObject, WKNavigationDelegate {
  var page: AttachedWebView?
  var handsRequestsOn = true
  private(set) var committed = 0
  /// Each document's request, such as `GET /next`.
  private(set) var asked: [String] = []

  func webView(_ webView: WKWebView, decidePolicyFor navigationAction: WKNavigationAction) async -> WKNavigationActionPolicy {
    let (request, url) = (navigationAction.request, navigationAction.request.url)
    asked.append("\(request.httpMethod ?? "") \(url?.path ?? "")\((url?.query).map { "?" + $0 } ?? "")")
    if !handsRequestsOn { return .allow }
    return await page?.webView(webView, decidePolicyFor: navigationAction) ?? .allow
  }

  func webView(
    _ webView: WKWebView, decidePolicyFor navigationResponse: WKNavigationResponse
  ) async -> WKNavigationResponsePolicy {
    await page?.webView(webView, decidePolicyFor: navigationResponse) ?? .allow
  }

  func webView(_ webView: WKWebView, didCommit navigation: WKNavigation!) {
    committed += 1
    page?.webView(webView, didCommit: navigation)
  }

  func webViewWebContentProcessDidTerminate(_ webView: WKWebView) {
    page?.webViewWebContentProcessDidTerminate(webView)
  }
}
