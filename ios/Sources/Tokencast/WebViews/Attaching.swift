#if canImport(WebKit)
  import Foundation
  import WebKit

  extension WebViews {
    /// Attaches a webview, which stays so until it goes away. Its next document is the first with a bridge.
    ///
    /// - Parameters:
    ///   - webView: It is not kept.
    ///   - origins: Whose pages get tokens: scheme, host and port, compared whole.
    @MainActor @discardableResult
    public func attach(_ webView: WKWebView, origins: [String]) throws -> AttachedWebView {
      try attach(webView, policy: PagePolicy(origins: origins))
    }

    /// Attaches a webview.
    ///
    /// The page becomes the webview's navigation delegate. A host that has one of its own names it: it is made the webview's,
    /// and hands on what ``AttachedWebView`` implements of `WKNavigationDelegate`.
    ///
    /// - Throws: ``SessionError``, `.misconfigured` when the policy cannot work, or when the webview has a navigation delegate
    ///   that was not named.
    @MainActor @discardableResult
    public func attach(
      _ webView: WKWebView, policy: PagePolicy, forwardedBy delegate: (any WKNavigationDelegate)? = nil
    ) throws -> AttachedWebView {
      let before = Door.page(of: webView)
      if let other = webView.navigationDelegate, other !== delegate, other !== before {
        throw SessionError.misconfigured(
          what: "the webview has a navigation delegate of the host's",
          fix: "attach with `forwardedBy:` and hand its calls on to the page that `attach` returns",
          detail: "attach would replace the webview's navigation delegate")
      }
      let store = webView.configuration.websiteDataStore
      // Views with one store of cookies have one jar.
      let policy = policy.core(jar: Int64(Int(bitPattern: ObjectIdentifier(store))))
      let page = try AttachedWebView(
        webView, pages: core(), policy: policy, atSessionsEnd: endingServiceWorkers(in: store))
      before?.detach()
      try Door.open(on: webView.configuration.userContentController)
      webView.navigationDelegate = delegate ?? page
      objc_setAssociatedObject(webView, Door.key, page, .OBJC_ASSOCIATION_RETAIN_NONATOMIC)
      return page
    }
  }

  /// The handler that a content controller keeps, which several webviews may share. It keeps nothing itself: the page is found
  /// by the webview from which a message came, so neither keeps the other alive.
  @MainActor
  final class Door: NSObject, WKScriptMessageHandlerWithReply {
    /// The isolated world of the relay. Only there is a handler: one in the page's own world its scripts could watch.
    static let world = WKContentWorld.world(name: "tokencast")
    /// An address that nobody else has.
    static let key = UnsafeRawPointer(UnsafeMutablePointer<UInt8>.allocate(capacity: 1))
    private static let name = "tokencast"

    /// As what a webview is attached.
    static func page(of webView: WKWebView) -> AttachedWebView? {
      objc_getAssociatedObject(webView, key) as? AttachedWebView
    }

    static func open(on content: WKUserContentController) throws {
      if objc_getAssociatedObject(content, key) != nil { return }
      let send = "(text) => webkit.messageHandlers.\(name).postMessage(JSON.parse(text))"
      let scripts = [("(\(try script("relay")))(\(send))", world), (try script("tokencast.inject"), .page)]
      for (source, world) in scripts {
        content.addUserScript(
          WKUserScript(source: source, injectionTime: .atDocumentStart, forMainFrameOnly: true, in: world))
      }
      let door = Door()
      content.addScriptMessageHandler(door, contentWorld: world, name: name)
      objc_setAssociatedObject(content, key, door, .OBJC_ASSOCIATION_RETAIN_NONATOMIC)
    }

    func userContentController(
      _ controller: WKUserContentController, didReceive message: WKScriptMessage
    ) async -> (Any?, String?) {
      let answer: String? = await withCheckedContinuation { answer in
        guard let page = message.webView.flatMap(Door.page(of:)) else { return answer.resume(returning: nil) }
        page.received(message, answer)
      }
      return answer.map { ($0, nil) } ?? (nil, "no answer")
    }

    private static func script(_ name: String) throws -> String {
      guard let file = Bundle.module.url(forResource: name, withExtension: "js") else {
        throw SessionError.misconfigured(
          what: "the library's scripts are not in the app", fix: "copy the package's resource bundle into the app",
          detail: "\(name).js is missing")
      }
      return try String(contentsOf: file, encoding: .utf8)
    }
  }
#endif
