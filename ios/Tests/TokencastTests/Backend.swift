import Foundation
import Tokencast

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// The running reference backend, and the switches for its faults.
enum Backend {
  static let name = "ada"
  static let password = "lovelace"
  static let url = ProcessInfo.processInfo.environment["TOKENCAST_BACKEND"] ?? "http://TOKENCAST_BACKEND.is.not.set"

  static func stat(_ name: String) async throws -> Int {
    let stats = try JSONDecoder().decode([String: Int].self, from: try await call("GET", "/test/stats"))
    guard let count = stats[name] else { throw Refused(what: "no counter \(name)") }
    return count
  }

  static func holdRefreshes(_ hold: Bool) async throws {
    try await call("POST", "/test/hold", "{\"refreshes\":\(hold)}")
  }

  static func nextTokenIsDeadOnArrival() async throws {
    try await call(
      "POST", "/test/faults", #"{"route":"login","fault":{"kind":"field","name":"expires_in","value":0}}"#)
  }

  static func failRefreshes(times: Int, status: Int) async throws {
    try await answer("refresh", status: status, times: times)
  }

  /// The next calls of a route are answered so.
  static func answer(_ route: String, status: Int, times: Int) async throws {
    try await call(
      "POST", "/test/faults",
      #"{"route":"\#(route)","times":\#(times),"fault":{"kind":"answer","status":\#(status),"body":"{}"}}"#)
  }

  /// The next call of a route is redirected.
  static func redirect(_ route: String, status: Int = 307, to location: String, times: Int = 1) async throws {
    try await call(
      "POST", "/test/faults",
      #"{"route":"\#(route)","times":\#(times),"fault":{"kind":"redirect","status":\#(status),"location":"\#(location)"}}"#)
  }

  /// Every access token so far is refused from now on, though its end is not near.
  static func refuseAccessTokens() async throws {
    try await call("DELETE", "/test/access-tokens")
  }

  static func advanceClock(seconds: Int) async throws {
    try await call("POST", "/test/clock", "{\"advance_ms\":\(seconds * 1000)}")
  }

  static func reset() async throws {
    try await call("DELETE", "/test/faults")
    try await holdRefreshes(false)
  }

  /// The status of a call with this token.
  static func me(_ token: AccessToken) async throws -> Int {
    var request = URLRequest(url: URL(string: url + "/api/me")!)
    request.setValue("Bearer \(token.value)", forHTTPHeaderField: "Authorization")
    return try await send(request).status
  }

  @discardableResult
  private static func call(_ method: String, _ path: String, _ body: String? = nil) async throws -> Data {
    var request = URLRequest(url: URL(string: url + path)!)
    request.httpMethod = method
    request.httpBody = body.map { Data($0.utf8) }
    request.setValue("application/json", forHTTPHeaderField: "Content-Type")
    let (data, status) = try await send(request)
    guard status == 200 else { throw Refused(what: "\(method) \(path): \(status)") }
    return data
  }

  private static func send(_ request: URLRequest) async throws -> (data: Data, status: Int) {
    let (data, response) = try await URLSession.shared.data(for: request)
    return (data, (response as? HTTPURLResponse)?.statusCode ?? 0)
  }

  struct Refused: Error {
    let what: String
  }
}

/// Waits for what another thread will do.
func eventually(
  isolation: isolated (any Actor)? = #isolation, _ condition: () async throws -> Bool
) async throws {
  while try await !condition() { try await Task.sleep(for: .milliseconds(5)) }
}

let ada = Credentials.password(Backend.name, Backend.password)

func memorySession() -> AuthSession {
  AuthSession(profile: .rotation(Backend.url), storage: .memory())
}

/// What several threads hear.
final class Heard<Element: Sendable>: @unchecked Sendable {
  private let lock = NSLock()
  private var elements: [Element] = []

  func append(_ element: Element) {
    lock.withLock { elements.append(element) }
  }

  var all: [Element] { lock.withLock { elements } }
}
