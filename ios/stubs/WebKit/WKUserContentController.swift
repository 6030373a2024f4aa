import CWebKitGTK
import Foundation

@MainActor
open class WKUserContentController: WKObject {
  public private(set) var userScripts: [WKUserScript] = []
  private var handlers: [Registered] = []
  private var views: [Weak] = []

  public override init() {}

  public func addUserScript(_ userScript: WKUserScript) {
    userScripts.append(userScript)
    for view in views.compactMap(\.view) { showScripts(in: view) }
  }

  public func addScriptMessageHandler(
    _ handler: any WKScriptMessageHandlerWithReply, contentWorld: WKContentWorld, name: String
  ) {
    precondition(!handlers.contains { $0.name == name && $0.world === contentWorld }, "Apple's raises here, too")
    handlers.append(Registered(handler: handler, world: contentWorld, name: name))
    for view in views.compactMap(\.view) {
      showScripts(in: view)
      open(handlers.last!, in: view)
    }
  }

  func show(in view: WKWebView) {
    views.append(Weak(view: view))
    showScripts(in: view)
    for handler in handlers { open(handler, in: view) }
  }

  private func showScripts(in view: WKWebView) {
    tc_remove_scripts(view.manager)
    for handler in handlers { tc_add_script(view.manager, handler.facts, handler.world.name, 0, 1) }
    for script in userScripts {
      let atStart: gboolean = script.injectionTime == .atDocumentStart ? 1 : 0
      tc_add_script(view.manager, script.source, script.world.name, script.isForMainFrameOnly ? 1 : 0, atStart)
    }
  }

  private func open(_ registered: Registered, in view: WKWebView) {
    let call = Incoming { [weak view, handler = registered.handler] asked, reply in
      guard let view, let message = WKScriptMessage(taken(tc_string(asked)), from: view) else { return }
      let (asked, reply) = (g_object_ref(asked)!, tc_reply_ref(reply)!)
      nonisolated(unsafe) let (question, answer) = (asked, reply)
      Task { [weak controller = view.configuration.userContentController] in
        guard let controller else { return tc_reply(answer, question, nil, "gone") }
        let (text, error) = await handler.userContentController(controller, didReceive: message)
        tc_reply(answer, question, text as? String, error)
        g_object_unref(question)
      }
    }
    registered.calls.append(call)
    tc_on_message(
      view.manager, registered.name + "Native", registered.world.name,
      { _, asked, reply, data in
        nonisolated(unsafe) let (asked, reply) = (asked!, reply!)
        let call = Unmanaged<Incoming>.fromOpaque(data!).takeUnretainedValue()
        MainActor.assumeIsolated { call.act(asked, reply) }
        return 1
      }, Unmanaged.passUnretained(call).toOpaque())
  }

  private final class Registered {
    let handler: any WKScriptMessageHandlerWithReply
    let world: WKContentWorld
    let name: String
    var calls: [Incoming] = []

    init(handler: any WKScriptMessageHandlerWithReply, world: WKContentWorld, name: String) {
      (self.handler, self.world, self.name) = (handler, world, name)
    }

    /// WebKitGTK does not say which frame sent a message, Apple's WebKit does. So a script of ours in the handler's world says
    /// it, in each frame and before any other script: what it sees are the engine's own values, which no page can change in a
    /// world that is not its own.
    @MainActor var facts: String {
      """
      (() => {
        const native = webkit.messageHandlers.\(name)Native;
        const postMessage = (body) => native.postMessage(JSON.stringify({ body, origin: self.origin, main: self === top }));
        Object.defineProperty(webkit.messageHandlers, "\(name)", { value: { postMessage } });
        globalThis.stubKeeps = webkit.messageHandlers;
      })()
      """
    }
  }

  private final class Incoming: @unchecked Sendable {
    let act: @MainActor (UnsafeMutableRawPointer, UnsafeMutableRawPointer) -> Void

    init(_ act: @escaping @MainActor (UnsafeMutableRawPointer, UnsafeMutableRawPointer) -> Void) { self.act = act }
  }

  private struct Weak { weak var view: WKWebView? }
}

@MainActor
public protocol WKScriptMessageHandlerWithReply: AnyObject {
  func userContentController(
    _ userContentController: WKUserContentController, didReceive message: WKScriptMessage
  ) async -> (Any?, String?)
}

@MainActor
public final class WKScriptMessage: NSObject {
  public let body: Any
  public let frameInfo: WKFrameInfo
  public private(set) weak var webView: WKWebView?

  init?(_ stated: String, from view: WKWebView) {
    guard let said = try? JSONSerialization.jsonObject(with: Data(stated.utf8)) as? [String: Any],
      let body = said["body"], let origin = said["origin"] as? String, let isMain = said["main"] as? Bool
    else { return nil }
    (self.body, webView) = (body, view)
    frameInfo = WKFrameInfo(isMainFrame: isMain, securityOrigin: WKSecurityOrigin(origin))
  }
}

@MainActor
public final class WKUserScript: NSObject {
  public let source: String
  public let injectionTime: WKUserScriptInjectionTime
  public let isForMainFrameOnly: Bool
  let world: WKContentWorld

  public init(
    source: String, injectionTime: WKUserScriptInjectionTime, forMainFrameOnly: Bool, in contentWorld: WKContentWorld
  ) {
    (self.source, self.injectionTime) = (source, injectionTime)
    (isForMainFrameOnly, world) = (forMainFrameOnly, contentWorld)
  }
}

public enum WKUserScriptInjectionTime: Int, Sendable { case atDocumentStart, atDocumentEnd }

@MainActor
public final class WKContentWorld: NSObject {
  public static let page = WKContentWorld(nil)
  private static var worlds: [String: WKContentWorld] = [:]
  public let name: String?

  private init(_ name: String?) { self.name = name }

  public static func world(name: String) -> WKContentWorld {
    if let world = worlds[name] { return world }
    worlds[name] = WKContentWorld(name)
    return worlds[name]!
  }
}
