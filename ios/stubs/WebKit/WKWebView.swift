import CWebKitGTK
import Foundation
import FoundationNetworking

// Apple's `WebKit` as far as the glue and its tests need it, over WebKitGTK, with the names and signatures of Apple's
// documentation ("WKWebView", "WKNavigationDelegate", "WKUserContentController", "WKHTTPCookieStore" and their pages). Linux
// only; an app on Apple's systems never sees it.

@MainActor
open class WKWebView: WKObject {
  public let configuration: WKWebViewConfiguration
  public weak var navigationDelegate: (any WKNavigationDelegate)?

  nonisolated(unsafe) let view: UnsafeMutableRawPointer
  nonisolated(unsafe) let manager: UnsafeMutableRawPointer
  nonisolated(unsafe) private let window: UnsafeMutableRawPointer

  public init(frame: CGRect, configuration: WKWebViewConfiguration) {
    WebKitGTK.start()
    self.configuration = configuration
    manager = tc_manager_new()
    view = tc_view_new(configuration.websiteDataStore.network, manager)
    window = tc_window_new(view)
    super.init()
    let me = Unmanaged.passUnretained(self).toOpaque()
    tc_on_decide(view, { WKWebView.from($3).decides($1!, kind: $2) }, me)
    tc_on_load(view, { WKWebView.from($2).loads(event: $1) }, me)
    tc_on_process_ended(view, { view, _, me in WKWebView.from(me).processEnded() }, me)
    configuration.userContentController.show(in: self)
  }

  deinit {
    let me = Unmanaged.passUnretained(self).toOpaque()
    tc_forget(manager, me)
    tc_window_destroy(window)
    tc_forget(view, me)
  }

  public var url: URL? { tc_url(view).flatMap { URL(string: String(cString: $0)) } }

  @discardableResult
  public func load(_ request: URLRequest) -> WKNavigation? {
    tc_load(view, request.url?.absoluteString ?? "about:blank")
    return WKNavigation()
  }

  /// The arguments and the result are what JSON can say.
  public func callAsyncJavaScript(
    _ functionBody: String, arguments: [String: Any] = [:], in frame: WKFrameInfo? = nil, in contentWorld: WKContentWorld,
    completionHandler: ((Result<Any, any Error>) -> Void)? = nil
  ) {
    let names = arguments.keys.joined(separator: ", ")
    let body = "const {\(names)} = JSON.parse(stubArguments); return JSON.stringify(await (async () => {\(functionBody)\n})())"
    let json = (try? JSONSerialization.data(withJSONObject: arguments)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    tc_call(view, body, json, contentWorld.name, Later.done, Later.keep { view, result in
      let text = tc_call_finish(view, result).map(taken)
      let value = text.flatMap { try? JSONSerialization.jsonObject(with: Data($0.utf8), options: .fragmentsAllowed) }
      completionHandler?(text == nil ? .failure(CocoaError(.featureUnsupported)) : .success(value ?? NSNull()))
    })
  }

  /// Not Apple's: ends the process that renders the page.
  public func endProcess() { tc_end_process(view) }

  private func decides(_ decision: UnsafeMutableRawPointer, kind: Int32) -> gboolean {
    guard let delegate = navigationDelegate else { return 0 }
    g_object_ref(decision)
    if kind == WEBKIT_POLICY_DECISION_TYPE_NAVIGATION_ACTION.rawValue {
      let action = WKNavigationAction(tc_request_of(decision))
      Task {
        tc_decide(decision, await delegate.webView(self, decidePolicyFor: action) == .allow ? 1 : 0)
        g_object_unref(decision)
      }
    } else if kind == WEBKIT_POLICY_DECISION_TYPE_RESPONSE.rawValue {
      let response = WKNavigationResponse(tc_response_of(decision), isForMainFrame: tc_is_main(decision) != 0)
      Task {
        tc_decide(decision, await delegate.webView(self, decidePolicyFor: response) == .allow ? 1 : 0)
        g_object_unref(decision)
      }
    } else {
      g_object_unref(decision)
      return 0
    }
    return 1
  }

  private func loads(event: Int32) {
    if event == WEBKIT_LOAD_COMMITTED.rawValue { navigationDelegate?.webView(self, didCommit: WKNavigation()) }
  }

  private func processEnded() { navigationDelegate?.webViewWebContentProcessDidTerminate(self) }

  /// Every signal comes on the main thread.
  nonisolated private static func from(_ data: UnsafeMutableRawPointer?) -> OnMain {
    OnMain(view: Unmanaged<WKWebView>.fromOpaque(data!).takeUnretainedValue())
  }

  private struct OnMain: @unchecked Sendable {
    let view: WKWebView

    func decides(_ decision: UnsafeMutableRawPointer, kind: Int32) -> gboolean {
      return MainActor.assumeIsolated { view.decides(decision, kind: kind) }
    }
    func loads(event: Int32) { MainActor.assumeIsolated { view.loads(event: event) } }
    func processEnded() { MainActor.assumeIsolated { view.processEnded() } }
  }
}

@MainActor
open class WKWebViewConfiguration: NSObject {
  public var userContentController = WKUserContentController()
  public var websiteDataStore = WKWebsiteDataStore.nonPersistent()

  public override init() {}
}

public final class WKNavigation: NSObject {}

@MainActor
public protocol WKNavigationDelegate: AnyObject {
  func webView(_ webView: WKWebView, decidePolicyFor navigationAction: WKNavigationAction) async -> WKNavigationActionPolicy
  func webView(
    _ webView: WKWebView, decidePolicyFor navigationResponse: WKNavigationResponse
  ) async -> WKNavigationResponsePolicy
  func webView(_ webView: WKWebView, didCommit navigation: WKNavigation!)
  func webViewWebContentProcessDidTerminate(_ webView: WKWebView)
}

/// Optional methods, as Apple's are.
extension WKNavigationDelegate {
  public func webView(_ webView: WKWebView, decidePolicyFor action: WKNavigationAction) async -> WKNavigationActionPolicy {
    .allow
  }
  public func webView(
    _ webView: WKWebView, decidePolicyFor response: WKNavigationResponse
  ) async -> WKNavigationResponsePolicy { .allow }
  public func webView(_ webView: WKWebView, didCommit navigation: WKNavigation!) {}
  public func webViewWebContentProcessDidTerminate(_ webView: WKWebView) {}
}

public enum WKNavigationActionPolicy: Int, Sendable { case cancel, allow, download }
public enum WKNavigationResponsePolicy: Int, Sendable { case cancel, allow, download }

@MainActor
public final class WKNavigationAction: NSObject {
  public let request: URLRequest
  /// WebKitGTK does not say whose request it is: each counts as the main frame's.
  public let targetFrame: WKFrameInfo?

  init(_ request: UnsafeMutableRawPointer) {
    var copy = URLRequest(url: URL(string: String(cString: tc_request_url(request))) ?? URL(string: "about:blank")!)
    copy.httpMethod = tc_request_method(request).map { String(cString: $0) } ?? "GET"
    self.request = copy
    targetFrame = WKFrameInfo(isMainFrame: true, securityOrigin: WKSecurityOrigin("null"))
  }
}

@MainActor
public final class WKNavigationResponse: NSObject {
  public let response: URLResponse
  public let isForMainFrame: Bool

  init(_ response: UnsafeMutableRawPointer, isForMainFrame: Bool) {
    let url = URL(string: String(cString: tc_response_url(response))) ?? URL(string: "about:blank")!
    let status = Int(tc_response_status(response))
    self.response = HTTPURLResponse(url: url, statusCode: status, httpVersion: nil, headerFields: nil)!
    self.isForMainFrame = isForMainFrame
  }
}

@MainActor
public final class WKFrameInfo: NSObject {
  public let isMainFrame: Bool
  public let securityOrigin: WKSecurityOrigin

  init(isMainFrame: Bool, securityOrigin: WKSecurityOrigin) {
    (self.isMainFrame, self.securityOrigin) = (isMainFrame, securityOrigin)
  }
}

@MainActor
public final class WKSecurityOrigin: NSObject {
  public let `protocol`: String
  public let host: String
  public let port: Int

  init(_ serialized: String) {
    let url = serialized == "null" ? nil : URLComponents(string: serialized)
    (self.protocol, host, port) = (url?.scheme ?? "", url?.host ?? "", url?.port ?? 0)
  }
}
