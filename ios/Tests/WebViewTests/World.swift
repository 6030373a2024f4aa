import Tokencast
import WebKit
import XCTest

/// A server, an app with a session, and its webviews.
@MainActor
final class World {
  let server: Server
  let app: Site
  let shop: Site
  let evil: Site
  let session: AuthSession
  private(set) var views: [WKWebView] = []
  let store: WKWebsiteDataStore
  private let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
  /// A webview does not keep its delegate.
  var host: Host?

  /// Somebody is signed in.
  init(tls: Bool = false, isKept: Bool = false) async throws {
    store = isKept ? .kept(in: folder) : .nonPersistent()
    (app, shop, evil) = (try Site(), try Site(host: "localhost"), try Site())
    server = try await Server(pages: [app, shop, evil].map(\.origin), tls: tls)
    for site in [app, shop, evil] {
      site.put("/", .init(body: Pages.connects(to: server.url)))
      site.put("/self", .init(body: Pages.selfRefreshing(server.url)))
      site.put("/self-refresh.js", .init(body: try Pages.module("self-refresh"), type: "text/javascript"))
      site.put("/tokencast.js", .init(body: try Pages.module("tokencast"), type: "text/javascript"))
    }
    let profile = ServerProfile.rotation(server.url).withSubject(server.url + "/api/me")
    session = AuthSession(profile: profile, storage: .memory())
    try await session.signIn(.password("ada", "lovelace"))
    if !tls { return }
    store.trustAnyServer()
    let door = bare()
    door.go(server.url + "/healthz")
    try await door.until("location.pathname === '/healthz' && document.readyState === 'complete'")
    server.ask = { method, path, body in
      let sent = body.map { ", body: JSON.stringify(\($0)), headers: { 'content-type': 'application/json' }" } ?? ""
      return await door.run("return (await fetch('\(path)', { method: '\(method)'\(sent) })).text()") as? String
    }
  }

  var policy: PagePolicy { PagePolicy(origins: [app.origin, shop.origin], allowsLoopbackHTTP: true) }

  func bare() -> WKWebView {
    let configuration = WKWebViewConfiguration()
    configuration.websiteDataStore = store
    return WKWebView(frame: .zero, configuration: configuration)
  }

  /// Opens an attached view.
  @discardableResult
  func open(_ url: String, _ policy: PagePolicy? = nil) throws -> WKWebView {
    let view = bare()
    try session.webViews.attach(view, policy: policy ?? self.policy)
    views.append(view)
    view.load(URLRequest(url: URL(string: url)!))
    return view
  }

  /// Opens a page and waits until it holds the session's token.
  func active(_ url: String, _ policy: PagePolicy? = nil) async throws -> WKWebView {
    let view = try open(url, policy)
    try await isCurrent(view)
    return view
  }

  func isCurrent(_ view: WKWebView) async throws {
    let here = try await session.accessToken().generation
    try await view.until("window.session?.state === 'active' && session.generation.number === \(here.number)")
  }

  /// What a call of the page's answers, through its client.
  func call(_ view: WKWebView) async -> Int? {
    await view.run("return (await session.fetch('\(server.url)/api/me')).status") as? Int
  }

  /// The thief's page, of this master's: tries all that a page can and hands over what it was given.
  func thief() throws -> String {
    let script = try Pages.file("tests/threats/src/scripts/thief.js")
      .replacingOccurrences(of: "{master}", with: evil.origin).replacingOccurrences(of: "{api}", with: server.url)
    return "<!doctype html><title>thief</title><link rel='icon' href='data:,'><script>\(script)</script>"
  }

  /// Waits until the thief has handed over `count` times; all that he did.
  func loot(_ count: Int = 1) async throws -> String {
    let loot = { @MainActor in self.evil.asked.filter { $0.what == "POST /loot" } }
    try await eventually { loot().count >= count }
    return loot().map(\.body).joined()
  }

  func end() {
    views = []
    for site in [app, shop, evil] { site.end() }
    server.end()
    try? FileManager.default.removeItem(at: folder)
  }
}

enum Pages {
  static func connects(to api: String) -> String {
    """
    <!doctype html><title>page</title><link rel="icon" href="data:,">
    <script>if (window.tokencast?.connect) window.session = tokencast.connect({ api: ["\(api)"] })</script>
    """
  }

  static func selfRefreshing(_ api: String) -> String {
    """
    <!doctype html><title>page</title><link rel="icon" href="data:,">
    <script type="module">
      import { connect } from "/tokencast.js";
      import { selfRefresh } from "/self-refresh.js";
      window.session = connect({ api: ["\(api)"] });
      window.lent = 0;
      selfRefresh(window.session, async ({ refreshToken, idempotencyKey }) => {
        window.lent += 1;
        const response = await fetch("\(api)/auth/refresh", {
          method: "POST",
          headers: { "idempotency-key": idempotencyKey },
          body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: refreshToken }),
        });
        const { access_token, refresh_token, expires_in } = await response.json();
        return { accessToken: access_token, refreshToken: refresh_token, expiresIn: expires_in };
      });
    </script>
    """
  }

  static func module(_ name: String) throws -> String { try file("bindings/web/dist/\(name).js") }

  static func file(_ path: String) throws -> String {
    let repository = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../..").standardized
    return try String(contentsOf: repository.appendingPathComponent(path), encoding: .utf8)
  }
}

extension WKWebView {
  /// What the body of an async function in the page's world returns; `nil` when it did not run to its end.
  func run(_ body: String) async -> Any? {
    nonisolated(unsafe) var value: Any?
    await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
      callAsyncJavaScript(body, in: nil, in: .page) { result in
        value = try? result.get()
        done.resume()
      }
    }
    return value
  }

  func until(_ condition: String) async throws {
    let start = ContinuousClock.now
    while await run("return Boolean(\(condition))") as? Bool != true {
      if ContinuousClock.now - start > .seconds(60) {
        let seen = await run("return [location.href, document.title, window.session?.state, window.session?.generation]")
        throw NeverTrue(condition: condition, seen: "\(seen ?? "nothing")")
      }
      try await Task.sleep(for: .milliseconds(10))
    }
  }

  func go(_ url: String) { load(URLRequest(url: URL(string: url)!)) }

  struct NeverTrue: Error { let condition, seen: String }
}

/// Waits for what others do.
func eventually(_ condition: @MainActor () async throws -> Bool) async throws {
  let start = ContinuousClock.now
  while try await !condition() {
    if ContinuousClock.now - start > .seconds(60) { throw CocoaError(.featureUnsupported) }
    try await Task.sleep(for: .milliseconds(5))
  }
}
