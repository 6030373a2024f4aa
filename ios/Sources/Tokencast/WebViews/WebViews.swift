internal import TokencastFFI

/// The open webviews of one session: after a 401 in any page the app refreshes once, and every page gets the new token.
///
/// ```swift
/// try session.webViews.attach(webView, origins: ["https://app.example.com"])
/// ```
public final class WebViews: Sendable {
  let session: Result<TokencastFFI.AuthSession, SessionError>
  private let made = Lock<TokencastFFI.WebViews?>(nil)

  init(of session: Result<TokencastFFI.AuthSession, SessionError>) {
    self.session = session
  }

  /// Made at first use, and kept: letting go of it would detach all pages.
  func core() throws -> TokencastFFI.WebViews {
    let session = try session.get()
    return try made.withLock { made in
      Result {
        let views = try made ?? session.webViews()
        made = views
        return views
      }.mapError(SessionError.init(any:))
    }.get()
  }
}
