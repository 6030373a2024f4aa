import Foundation
import Testing
import Tokencast

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

extension TokencastTests {
  /// Requests with the session's token, through the platform's own `URLSession`.
  @Suite struct URLSessionTests {
    private let session = memorySession()
    /// The same server under another name: another origin.
    private let elsewhere = Backend.url.replacingOccurrences(of: "127.0.0.1", with: "localhost")

    private let note = Data(#"{"text":"a note"}"#.utf8)

    init() async throws {
      try await Backend.reset()
      try await session.signIn(ada)
    }

    @Test("A refused token is refreshed and the request replayed once")
    func replay() async throws {
      try await Backend.refuseAccessTokens()
      let exchanges = try await Backend.stat("exchanges")
      let (data, response) = try await URLSession.shared.data(for: request("/api/me"), authorizedBy: session)
      #expect(response.status == 200 && String(decoding: data, as: UTF8.self).contains(Backend.name))
      #expect(try await Backend.stat("exchanges") == exchanges + 1)
    }

    @Test("A token that is refused again is the caller's to see, without another refresh")
    func replayedOnce() async throws {
      try await Backend.answer("me", status: 401, times: 3)
      let exchanges = try await Backend.stat("exchanges")
      let (_, response) = try await URLSession.shared.data(for: request("/api/me"), authorizedBy: session)
      #expect(response.status == 401)
      #expect(try await Backend.stat("exchanges") == exchanges + 1)
    }

    @Test("64 requests during one refresh cause one exchange")
    func manyRequests() async throws {
      try await Backend.refuseAccessTokens()
      let exchanges = try await Backend.stat("exchanges")
      let rejected = try await Backend.stat("api_rejected")
      try await Backend.holdRefreshes(true)
      let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
        for _ in 0..<64 {
          group.addTask {
            try await URLSession.shared.data(for: request("/api/me"), authorizedBy: session).1.status
          }
        }
        try await eventually { try await Backend.stat("held") == 1 }
        try await eventually { try await Backend.stat("api_rejected") > rejected }
        try await Backend.holdRefreshes(false)
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(statuses == Array(repeating: 200, count: 64))
      #expect(try await Backend.stat("exchanges") == exchanges + 1)
    }

    @Test("An upload from memory is replayed with its body")
    func uploadFromMemory() async throws {
      let notes = try await Backend.stat("notes")
      try await Backend.refuseAccessTokens()
      let fromMemory = try await URLSession.shared.upload(for: newNote(), from: note, authorizedBy: session)
      #expect(fromMemory.1.status == 201)
      #expect(try await Backend.stat("notes") == notes + 1)
    }

    @Test("An upload from a file is replayed with its body")
    func uploadFromFile() async throws {
      let notes = try await Backend.stat("notes")
      let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
      try note.write(to: file)
      defer { try? FileManager.default.removeItem(at: file) }
      try await Backend.refuseAccessTokens()
      let fromFile = try await URLSession.shared.upload(for: newNote(), fromFile: file, authorizedBy: session)
      #expect(fromFile.1.status == 201)
      #expect(try await Backend.stat("notes") == notes + 1)
    }

    @Test("A body inside the request is replayed")
    func bodyInRequest() async throws {
      let notes = try await Backend.stat("notes")
      var inRequest = newNote()
      inRequest.httpBody = note
      try await Backend.refuseAccessTokens()
      #expect(try await URLSession.shared.data(for: inRequest, authorizedBy: session).1.status == 201)
      #expect(try await Backend.stat("notes") == notes + 1)
    }

    @Test("A body that is a stream is sent once")
    func streamedBody() async throws {
      var streamed = newNote()
      streamed.httpBodyStream = InputStream(data: note)
      try await Backend.refuseAccessTokens()
      let exchanges = try await Backend.stat("exchanges")
      #expect(try await URLSession.shared.data(for: streamed, authorizedBy: session).1.status == 401)
      #expect(try await Backend.stat("exchanges") == exchanges)
    }

    @Test("A download is replayed, and the refused answer's file does not stay")
    func download() async throws {
      try await Backend.refuseAccessTokens()
      let (file, response) = try await URLSession.shared.download(for: request("/api/me"), authorizedBy: session)
      defer { try? FileManager.default.removeItem(at: file) }
      #expect(response.status == 200)
      #expect(try String(contentsOf: file, encoding: .utf8).contains(Backend.name))
    }

    @Test("A redirect within the origin carries the token", arguments: [301, 302, 303, 307, 308])
    func redirectWithin(status: Int) async throws {
      try await Backend.redirect("me", status: status, to: Backend.url + "/api/notes")
      let served = try await Backend.stat("api_ok")
      let (_, response) = try await URLSession.shared.data(for: request("/api/me"), authorizedBy: session)
      #expect(response.status == 200)
      #expect(response.url?.path == "/api/notes")
      #expect(try await Backend.stat("api_ok") == served + 1)
    }

    @Test("A redirect to another origin carries no token and causes no refresh", arguments: [301, 302, 303, 307, 308])
    func redirectElsewhere(status: Int) async throws {
      try await Backend.redirect("me", status: status, to: elsewhere + "/api/notes")
      let served = try await Backend.stat("api_ok")
      let rejected = try await Backend.stat("api_rejected")
      let exchanges = try await Backend.stat("exchanges")
      let (_, response) = try await URLSession.shared.data(for: request("/api/me"), authorizedBy: session)
      #expect(response.status == 401 && response.url?.host == "localhost")
      #expect(try await Backend.stat("api_ok") == served)
      #expect(try await Backend.stat("api_rejected") == rejected + 1)
      #expect(try await Backend.stat("exchanges") == exchanges)
    }

    @Test("A redirect that comes back from another origin brings no token along")
    func redirectAndBack() async throws {
      try await Backend.redirect("me", to: elsewhere + "/api/notes")
      try await Backend.redirect("notes", to: Backend.url + "/api/me")
      let rejected = try await Backend.stat("api_rejected")
      let served = try await Backend.stat("api_ok")
      // The way back ends at the own origin with 401: the replay, which takes the straight way, is served.
      let (_, response) = try await URLSession.shared.data(for: request("/api/me"), authorizedBy: session)
      #expect(response.status == 200)
      #expect(try await Backend.stat("api_rejected") == rejected + 1)
      #expect(try await Backend.stat("api_ok") == served + 1)
    }

    @Test("The app's own delegate still decides about redirects, and cannot bring the token elsewhere")
    func ownDelegate() async throws {
      let host = Host()
      let own = URLSession(configuration: .ephemeral, delegate: host, delegateQueue: nil)
      defer { own.invalidateAndCancel() }
      try await Backend.redirect("me", to: elsewhere + "/api/notes")
      let served = try await Backend.stat("api_ok")
      let (_, response) = try await own.data(for: request("/api/me"), authorizedBy: session)
      #expect(response.status == 401)
      #expect(host.asked.all.count == 1)
      #expect(try await Backend.stat("api_ok") == served)
    }

    @Test("A request to an origin that the profile does not name is refused before it is sent")
    func stranger() async throws {
      let served = try await Backend.stat("api_rejected")
      for url in [elsewhere + "/api/me", "ftp://127.0.0.1/", "data:,hello"] {
        let stranger = URLRequest(url: try #require(URL(string: url)))
        guard
          case .misconfigured = await sessionError({
            try await URLSession.shared.data(for: stranger, authorizedBy: session)
          })
        else {
          Issue.record("\(url) was asked")
          continue
        }
      }
      #expect(try await Backend.stat("api_rejected") == served)
    }

    @Test("An origin that the profile names besides gets the token")
    func namedOrigin() async throws {
      let profile = ServerProfile.rotation(Backend.url).withResourceOrigin(elsewhere)
      #expect(try profile.resourceOrigins() == [Backend.url, elsewhere])
      let session = AuthSession(profile: profile, storage: .memory())
      try await session.signIn(ada)
      let there = URLRequest(url: try #require(URL(string: elsewhere + "/api/me")))
      #expect(try await URLSession.shared.data(for: there, authorizedBy: session).1.status == 200)
    }

    @Test("A request with a header of its own is sent as it is")
    func ownHeader() async throws {
      var own = request("/api/me")
      own.setValue("Bearer n0ne", forHTTPHeaderField: "Authorization")
      let exchanges = try await Backend.stat("exchanges")
      #expect(try await URLSession.shared.data(for: own, authorizedBy: session).1.status == 401)
      #expect(try await Backend.stat("exchanges") == exchanges)
    }

    @Test("Without a session there is no request")
    func signedOut() async throws {
      try await session.signOut()
      guard
        case .signInRequired = await sessionError({
          try await URLSession.shared.data(for: request("/api/me"), authorizedBy: session)
        })
      else {
        Issue.record("a request was made without a token")
        return
      }
    }

    @Test("A cancelled request stops waiting and the refresh goes on")
    func cancelled() async throws {
      let first = session.currentToken
      try await Backend.refuseAccessTokens()
      try await Backend.holdRefreshes(true)
      let caller = Task { try await URLSession.shared.data(for: request("/api/me"), authorizedBy: session) }
      try await eventually { try await Backend.stat("held") == 1 }
      caller.cancel()
      await #expect(throws: CancellationError.self) { try await caller.value }
      try await Backend.holdRefreshes(false)
      try await eventually { session.currentToken != nil && session.currentToken != first }
    }

    @Test("Accounts' sessions know their profile")
    func accounts() async throws {
      let accounts = Accounts(profile: .rotation(Backend.url), storage: .memory())
      let one = try await accounts.add("1")
      try await one.signIn(ada)
      #expect(try await URLSession.shared.data(for: request("/api/me"), authorizedBy: one).1.status == 200)
    }

    private func request(_ path: String) -> URLRequest {
      URLRequest(url: URL(string: Backend.url + path)!)
    }

    private func newNote() -> URLRequest {
      var request = request("/api/notes")
      request.httpMethod = "POST"
      request.setValue("application/json", forHTTPHeaderField: "Content-Type")
      return request
    }
  }
}

extension URLResponse {
  fileprivate var status: Int { (self as? HTTPURLResponse)?.statusCode ?? 0 }
}

/// Follows every redirect, with whatever header it can lay its hands on.
private final class Host: NSObject, URLSessionTaskDelegate {
  let asked = Heard<Void>()

  func urlSession(
    _: URLSession, task: URLSessionTask, willPerformHTTPRedirection _: HTTPURLResponse, newRequest: URLRequest,
    completionHandler: @escaping @Sendable (URLRequest?) -> Void
  ) {
    asked.append(())
    var request = newRequest
    let header = task.originalRequest?.value(forHTTPHeaderField: "Authorization")
    request.setValue(header, forHTTPHeaderField: "Authorization")
    completionHandler(request)
  }
}
