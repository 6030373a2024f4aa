#if canImport(WebKit)
  import Foundation
  internal import TokencastFFI
  import WebKit

  extension WebViews {
    /// Ends the service workers of a store of web data: one outlives its page, and would see the tokens of the next session.
    ///
    /// An attached webview does so itself when the session ends. Call it where an app signs out with no webview open.
    @MainActor
    public static func endServiceWorkers(in store: WKWebsiteDataStore) async {
      await store.removeData(ofTypes: [WKWebsiteDataTypeServiceWorkerRegistrations], modifiedSince: .distantPast)
    }

    /// Does so at each end of the session, until the answer is let go of.
    func endingServiceWorkers(in store: WKWebsiteDataStore) throws -> Subscription {
      let listener = ListenerAdapter { event in
        switch event {
        case .stateChanged(.signedOut), .stateChanged(.signInRequired):
          Task { await Self.endServiceWorkers(in: store) }
        default: break
        }
      }
      let session = try session.get()
      return try Result { Subscription(try session.subscribe(listener: listener)) }.mapError(SessionError.init(any:)).get()
    }
  }
#endif
