import CWebKitGTK
import Foundation
import FoundationNetworking

@MainActor
open class WKWebsiteDataStore: NSObject {
  nonisolated(unsafe) let network: UnsafeMutableRawPointer
  public let httpCookieStore: WKHTTPCookieStore

  private init(in folder: String?) {
    WebKitGTK.start()
    network = tc_network_new(folder)
    httpCookieStore = WKHTTPCookieStore(tc_jar(network))
  }

  deinit { g_object_unref(network) }

  public static func nonPersistent() -> WKWebsiteDataStore { WKWebsiteDataStore(in: nil) }

  /// Not Apple's: `default()` is there, in a place that a test does not share. WebKitGTK clears only what is kept.
  public static func kept(in folder: URL) -> WKWebsiteDataStore { WKWebsiteDataStore(in: folder.path) }

  /// Of the types only service workers.
  public func removeData(ofTypes dataTypes: Set<String>, modifiedSince date: Date) async {
    guard dataTypes == [WKWebsiteDataTypeServiceWorkerRegistrations], date == .distantPast else { fatalError("not made here") }
    await withCheckedContinuation { done in
      tc_end_workers(network, Later.done, Later.keep { _, _ in done.resume() })
    }
  }

  /// Not Apple's: for a server with a test's certificate.
  public func trustAnyServer() { tc_network_trust_anyone(network) }
}

public let WKWebsiteDataTypeServiceWorkerRegistrations = "WKWebsiteDataTypeServiceWorkerRegistrations"

@MainActor
open class WKHTTPCookieStore: NSObject {
  nonisolated(unsafe) private let jar: UnsafeMutableRawPointer

  init(_ jar: UnsafeMutableRawPointer) { self.jar = jar }

  public func allCookies() async -> [HTTPCookie] {
    await withCheckedContinuation { done in
      tc_cookies(jar, Later.done, Later.keep { jar, result in
        let list = tc_cookies_finish(jar, result)
        var (cookies, node) = ([HTTPCookie](), list)
        while let next = node {
          if let data = next.pointee.data { cookies.append(Self.cookie(data)) }
          node = next.pointee.next
        }
        tc_cookies_free(list)
        done.resume(returning: cookies)
      })
    }
  }

  public func setCookie(_ cookie: HTTPCookie) async { await write(cookie, ending: "") }

  /// By an end in the past: WebKitGTK's own way says that it worked also when it did not.
  public func deleteCookie(_ cookie: HTTPCookie) async { await write(cookie, ending: "; Max-Age=0") }

  private func write(_ cookie: HTTPCookie, ending: String) async {
    // Linux's Foundation keeps no SameSite; Apple's does.
    let flags = (cookie.isSecure ? "; Secure" : "") + (cookie.isHTTPOnly ? "; HttpOnly" : "") + "; SameSite=Lax"
    let header = "\(cookie.name)=\(cookie.value); Path=\(cookie.path)\(flags)\(ending)"
    await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
      tc_cookie_add(
        jar, header, "\(cookie.isSecure ? "https" : "http")://\(cookie.domain)/", Later.done,
        Later.keep { _, _ in done.resume() })
    }
  }

  private nonisolated static func cookie(_ soup: UnsafeMutableRawPointer) -> HTTPCookie {
    HTTPCookie(properties: [
      .name: String(cString: tc_cookie_name(soup)), .value: String(cString: tc_cookie_value(soup)),
      .domain: String(cString: tc_cookie_domain(soup)), .path: String(cString: tc_cookie_path(soup)), .secure: "TRUE",
    ])!
  }
}
