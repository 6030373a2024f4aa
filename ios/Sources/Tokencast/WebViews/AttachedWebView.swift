#if canImport(WebKit)
  import Foundation
  internal import TokencastFFI
  import WebKit

  /// A webview that is attached to a session, until it goes away. It decides nothing: what comes in goes to the core, and each
  /// of the core's actions is one call of WebKit.
  ///
  /// It is the webview's navigation delegate unless the host has one of its own, which then hands the four calls below on.
  @MainActor
  public final class AttachedWebView: NSObject {
    private let pages: TokencastFFI.WebViews
    private let policy: TokencastFFI.PagePolicy
    private var id: Int64 = 0
    private weak var webView: WKWebView?
    private var lastSlot: Int64 = 0
    /// Questions of documents. Each is answered once, by whoever takes it out.
    private var slots: [Int64: CheckedContinuation<String?, Never>] = [:]
    private var held: [Int64: CheckedContinuation<Void, Never>] = [:]
    /// Documents that are loaded again when they may be.
    private var dropped: [Int64: URL] = [:]
    /// How the document that is about to be committed was asked for.
    private var method = ""
    /// One after the other, in the order in which the core asks.
    private var cookieWork: Task<Void, Never>?

    init(_ webView: WKWebView, pages: TokencastFFI.WebViews, policy: TokencastFFI.PagePolicy) throws {
      (self.pages, self.policy, self.webView) = (pages, policy, webView)
      super.init()
      try enter()
    }

    deinit {
      for case .reply(let slot, let message) in (try? pages.detach(page: id)) ?? [] {
        slots.removeValue(forKey: slot)?.resume(returning: try? message.expose())
      }
      slots.values.forEach { $0.resume(returning: nil) }
      held.values.forEach { $0.resume() }
    }

    /// Waits until the view can be shown without a 401: on resume, and before the first load. Five seconds at most.
    public func ready() async {
      let (pages, id) = (pages, id)
      try? await waiting { try await pages.ready(page: id) }
    }

    /// Ends it before the webview goes: its pages get no more tokens.
    public func detach() {
      perform { try pages.detach(page: id) }
    }

    private func enter() throws {
      do {
        id = try pages.attach(policy: policy, host: Host(self))
      } catch {
        throw SessionError(any: error)
      }
    }

    func received(_ message: WKScriptMessage, _ answer: CheckedContinuation<String?, Never>) {
      guard let said = Relayed(message.body) else { return answer.resume(returning: nil) }
      let frame = message.frameInfo
      if let visible = said.visible, frame.isMainFrame { perform { try pages.onVisibility(page: id, visible: visible) } }
      guard let text = said.text else { return answer.resume(returning: nil) }
      lastSlot += 1
      let slot = lastSlot
      slots[slot] = answer
      let sender = PageSender(origin: frame.securityOrigin.serialized, isMainFrame: frame.isMainFrame, doc: said.doc)
      perform { try pages.onMessage(page: id, sender: sender, text: text, slot: slot) }
    }

    /// All that a call into the core can say here is that the library has a defect: then nothing is to be done.
    private func perform(_ call: () throws -> [PageAction]) {
      perform((try? call()) ?? [])
    }

    fileprivate func perform(_ actions: [PageAction]) {
      for action in actions {
        switch action {
        case .reply(let slot, let message): slots.removeValue(forKey: slot)?.resume(returning: try? message.expose())
        case .notify(_, let message): tell(try? message.expose())
        case .reloadSame: load(webView?.url)
        case .setCookie(_, let op, let origin, let name, let value): write(op, origin, name, try? value.expose())
        case .deleteCookie(_, let op, let origin, let name): delete(op, origin, name)
        case .release(let op):
          held.removeValue(forKey: op)?.resume()
          load(dropped.removeValue(forKey: op))
        case .push: break  // a page that can ask is never pushed to: no policy of this layer wants it
        }
      }
    }

    /// For whichever document is shown: what is told this way holds no secret.
    private func tell(_ text: String?) {
      let arguments = text.map { ["text": $0] } ?? [:]
      webView?.callAsyncJavaScript("globalThis.tokencastDeliver?.(text)", arguments: arguments, in: nil, in: Door.world)
    }

    /// By GET: a reload would send the body of a POST once more.
    private func load(_ url: URL?) {
      if let url { webView?.load(URLRequest(url: url)) }
    }

    private func write(_ op: Int64, _ origin: String, _ name: String, _ value: String?) {
      let header = ["Set-Cookie": "\(name)=\(value ?? ""); Path=/; Secure; HttpOnly; SameSite=Lax"]
      let cookie = URL(string: origin).flatMap { HTTPCookie.cookies(withResponseHeaderFields: header, for: $0).first }
      changeCookies(op) { store in
        guard let cookie else { return false }
        await store.setCookie(cookie)
        return await store.allCookies().contains { ($0.name, $0.domain, $0.value) == (name, cookie.domain, cookie.value) }
      }
    }

    private func delete(_ op: Int64, _ origin: String, _ name: String) {
      let host = URL(string: origin)?.host
      changeCookies(op) { store in
        for cookie in await store.allCookies() where cookie.name == name && cookie.domain == host {
          await store.deleteCookie(cookie)
        }
        return true
      }
    }

    private func changeCookies(_ op: Int64, _ change: @escaping @MainActor (WKHTTPCookieStore) async -> Bool) {
      let (store, before) = (webView?.configuration.websiteDataStore.httpCookieStore, cookieWork)
      cookieWork = Task { [pages] in
        await before?.value
        var isDone = false
        if let store { isDone = await change(store) }
        try? pages.cookieDone(op: op, ok: isDone)
      }
    }
  }

  extension AttachedWebView: WKNavigationDelegate {
    /// Hand on, or be asked first: a document's request may have to wait until its cookie is good.
    public func webView(_ webView: WKWebView, decidePolicyFor action: WKNavigationAction) async -> WKNavigationActionPolicy {
      guard let frame = action.targetFrame, let url = action.request.url else { return .allow }
      let method = action.request.httpMethod ?? "GET"
      if frame.isMainFrame { self.method = method }
      if let op = try? pages.onDocumentRequest(page: id, url: url.absoluteString, method: method) {
        await withCheckedContinuation { held[op] = $0 }  // released from a later turn of the main loop
      }
      return .allow
    }

    /// Hand on: what the server rejects is dropped before anything of it is shown, and loaded once more.
    public func webView(
      _ webView: WKWebView, decidePolicyFor response: WKNavigationResponse
    ) async -> WKNavigationResponsePolicy {
      guard response.isForMainFrame, let http = response.response as? HTTPURLResponse, let url = http.url else { return .allow }
      let status = Int64(http.statusCode)
      let op = try? pages.onDocumentResponse(page: id, url: url.absoluteString, method: method, status: status)
      guard let op else { return .allow }
      dropped[op] = url
      return .cancel
    }

    /// Hand on: another document stands in the main frame.
    public func webView(_ webView: WKWebView, didCommit navigation: WKNavigation!) {
      dropped = [:]  // whoever went on meanwhile is not called back
      perform { try pages.onCommitted(page: id, url: webView.url?.absoluteString ?? "", method: method) }
    }

    /// Hand on: the page's process ended. What the webview loads next is attached anew.
    public func webViewWebContentProcessDidTerminate(_ webView: WKWebView) {
      perform { try pages.onGone(page: id, reason: .processTerminated) }
      try? enter()
    }
  }

  /// Posts to the main thread, in order. It keeps no page alive.
  private final class Host: PageHost, @unchecked Sendable {
    private weak var page: AttachedWebView?  // never set again

    init(_ page: AttachedWebView) { self.page = page }

    func perform(actions: [PageAction]) throws {
      DispatchQueue.main.async { [weak page] in MainActor.assumeIsolated { page?.perform(actions) } }
    }
  }

  /// What the relay says: a document's text, or whether the view is shown.
  private struct Relayed: Decodable {
    var doc: String?
    var text: String?
    var visible: Bool?

    init?(_ body: Any) {
      guard let body = body as? String, let said = try? JSONDecoder().decode(Self.self, from: Data(body.utf8)) else { return nil }
      self = said
    }
  }

  extension WKSecurityOrigin {
    /// As the HTML standard writes it; `null` for an opaque one.
    fileprivate var serialized: String {
      `protocol`.isEmpty ? "null" : "\(`protocol`)://\(host)\(port == 0 ? "" : ":\(port)")"
    }
  }
#endif
