import Foundation

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// One request with the access token: authorised, and replayed once when the token was refused.
struct AuthorizedCall {
  private let request: URLRequest
  private let session: any AuthSessionProtocol

  init(_ request: URLRequest, by session: any AuthSessionProtocol) {
    self.request = request
    self.session = session
  }

  /// - Parameters:
  ///   - discard: What becomes of the answer to a refused request.
  ///   - send: Sends it, with the delegate for its redirects.
  func perform<Answer: Sendable>(
    discarding discard: (Answer) -> Void = { _ in },
    _ send: (URLRequest, any URLSessionTaskDelegate) async throws -> (Answer, URLResponse)
  ) async throws -> (Answer, URLResponse) {
    let origin = try allowedOrigin()
    if request.value(forHTTPHeaderField: "Authorization") != nil {
      return try await send(request, Redirects(within: origin, token: nil))
    }
    let token = try await session.accessToken()
    let (answer, response) = try await send(request.with(token), Redirects(within: origin, token: token))
    guard request.httpBodyStream == nil, refuses(response, from: origin) else { return (answer, response) }
    discard(answer)
    let next = try await session.rejected(token.generation)
    return try await send(request.with(next), Redirects(within: origin, token: next))
  }

  private func allowedOrigin() throws -> Origin {
    try session.profile.validate()
    if let url = request.url, let origin = Origin(url), session.profile.maySend(to: url) { return origin }
    let what = "no access token is sent to \(request.url.flatMap(Origin.init)?.description ?? "what is not of the web")"
    let fix = "add it to the profile's `resource_origins`, or call it without the session"
    throw SessionError.misconfigured(what: what, fix: fix, detail: "\(what): \(fix)")
  }

  /// What another origin says after a redirect is not about the token: it did not get it.
  private func refuses(_ response: URLResponse, from origin: Origin) -> Bool {
    guard let response = response as? HTTPURLResponse, response.url.flatMap(Origin.init) == origin else { return false }
    return session.profile.rejects(response)
  }
}

extension URLRequest {
  func with(_ token: AccessToken) -> URLRequest {
    var request = self
    request.setValue("Bearer \(token.value)", forHTTPHeaderField: "Authorization")
    return request
  }
}

/// Decides what a redirect carries, after the host's own delegate has decided whether it is followed.
final class Redirects: NSObject, URLSessionTaskDelegate, Sendable {
  private static let credentials = ["Authorization", "Cookie", "Proxy-Authorization"]

  private let origin: Origin
  /// `nil`: the request came with a header of its own.
  private let token: AccessToken?
  /// Once a redirect has left the origin, none brings the token back.
  private let hasLeft = Lock(false)

  init(within origin: Origin, token: AccessToken?) {
    self.origin = origin
    self.token = token
  }

  func urlSession(
    _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
    newRequest request: URLRequest, completionHandler: @escaping @Sendable (URLRequest?) -> Void
  ) {
    let decide: @Sendable (URLRequest?) -> Void = { [self] in completionHandler($0.map(carrying)) }
    guard let host = session.delegate as? any URLSessionTaskDelegate else {
      decide(request)
      return
    }
    #if canImport(FoundationNetworking)
      host.urlSession(
        session, task: task, willPerformHTTPRedirection: response, newRequest: request, completionHandler: decide)
    #else
      let asked: Void? = host.urlSession?(
        session, task: task, willPerformHTTPRedirection: response, newRequest: request, completionHandler: decide)
      if asked == nil { decide(request) }
    #endif
  }

  private func carrying(_ redirected: URLRequest) -> URLRequest {
    let stays = redirected.url.flatMap(Origin.init) == origin
    let isOurs = hasLeft.withLock { hasLeft in
      if !stays { hasLeft = true }
      return !hasLeft
    }
    if isOurs { return token.map(redirected.with) ?? redirected }
    var redirected = redirected
    for name in Self.credentials { redirected.setValue(nil, forHTTPHeaderField: name) }
    return redirected
  }
}
