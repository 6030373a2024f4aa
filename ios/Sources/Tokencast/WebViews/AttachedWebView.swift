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
    private let atSessionsEnd: Subscription
    private var lastSlot: Int64 = 0
    /// Questions of documents. Each is answered once, by whoever takes it out.
    private var slots: [Int64: CheckedContinuation<String?, Never>] = [:]
    private var held: [Int64: CheckedContinuation<Void, Never>] = [:]
    /// Documents that are loaded again when they may be.
    private var dropped: [Int64: URL] = [:]
    /// How the document that is about to be committed was asked for.
    private var method = ""

    init(
      _ webView: WKWebView, pages: TokencastFFI.WebViews, policy: TokencastFFI.PagePolicy, atSessionsEnd: Subscription
    ) throws {
      (self.pages, self.policy, self.webView, self.atSessionsEnd) = (pages, policy, webView, atSessionsEnd)
      super.init()
      try enter()
    }

    deinit {
      _ = try? pages.detach(page: id)  // with the webview its documents went, too: nobody is there to hear the answers
      for slot in slots.values { slot.resume(returning: nil) }
      for request in held.values { request.resume() }
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
      id = try Result { try pages.attach(policy: policy, host: Host(self)) }.mapError(SessionError.init(any:)).get()
    }

    /// What the relay says: a document's text, or whether the view is shown.
    func received(_ message: WKScriptMessage, _ answer: CheckedContinuation<String?, Never>) {
      let (said, frame) = (message.body as? [String: Any] ?? [:], message.frameInfo)
      if let visible = said["visible"] as? Bool, frame.isMainFrame {
        perform { try pages.onVisibility(page: id, visible: visible) }
      }
      guard let text = said["text"] as? String else { return answer.resume(returning: nil) }
      lastSlot += 1
      slots[lastSlot] = answer
      let sender = PageSender(
        origin: frame.securityOrigin.serialized, isMainFrame: frame.isMainFrame, doc: said["doc"] as? String)
      perform { try pages.onMessage(page: id, sender: sender, text: text, slot: lastSlot) }
    }

    /// All that a call into the core can say here is that the library has a defect: then nothing is to be done.
    private func perform(_ call: () throws -> [PageAction]) {
      perform((try? call()) ?? [])
    }

    fileprivate func perform(_ actions: [PageAction]) {
      for action in actions {
        switch action {
        case .reply(let slot, let message): slots.removeValue(forKey: slot)?.resume(returning: try? message.expose())
        case .notify(_, let message): if let text = try? message.expose() { tell(text) }
        case .reloadSame: load(webView?.url)
        case .setCookie(_, let op, let origin, let name, let value): write(op, origin, name, (try? value.expose()) ?? "")
        case .deleteCookie(_, let op, let origin, let name): write(op, origin, name, nil)
        case .release(let op):
          held.removeValue(forKey: op)?.resume()
          load(dropped.removeValue(forKey: op))
        case .push: break  // a page that can ask is never pushed to: no policy of this layer wants it
        }
      }
    }

    /// For whichever document is shown: what is told this way holds no secret.
    private func tell(_ text: String) {
      webView?.callAsyncJavaScript("globalThis.tokencastDeliver?.(text)", arguments: ["text": text], in: nil, in: Door.world)
    }

    /// By GET: a reload would send the body of a POST once more.
    private func load(_ url: URL?) {
      if let url { webView?.load(URLRequest(url: url)) }
    }

    /// Only the core knows when the next write may begin, so each ends with its word of how it went. Without a value the cookie
    /// is taken away.
    private func write(_ op: Int64, _ origin: String, _ name: String, _ value: String?) {
      let (store, url) = (webView?.configuration.websiteDataStore.httpCookieStore, URL(string: origin))
      let header = ["Set-Cookie": "\(name)=\(value ?? ""); Path=/; Secure; HttpOnly; SameSite=Lax"]
      let cookie = url.flatMap { HTTPCookie.cookies(withResponseHeaderFields: header, for: $0).first }
      Task { [pages] in
        if value != nil, let cookie { await store?.setCookie(cookie) }
        let found = await store?.allCookies().filter { $0.name == name && $0.domain == url?.host }
        if value == nil { for cookie in found ?? [] { await store?.deleteCookie(cookie) } }
        let isDone = found.map { found in value == nil || found.contains { $0.value == value } }
        try? pages.cookieDone(op: op, ok: isDone ?? false)
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

  extension WKSecurityOrigin {
    /// As the HTML standard writes it; `null` for an opaque one.
    fileprivate var serialized: String {
      `protocol`.isEmpty ? "null" : "\(`protocol`)://\(host)\(port == 0 ? "" : ":\(port)")"
    }
  }
#endif
