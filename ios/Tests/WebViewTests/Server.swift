import Foundation
import FoundationNetworking

/// The reference backend, for one test.
final class Server: @unchecked Sendable {
  let url: String
  /// Another way to the switches: Foundation on Linux cannot be told whom to trust.
  @MainActor var ask: ((_ method: String, _ path: String, _ body: String?) async -> String?)?
  private let process = Process()

  init(pages: [String], tls: Bool) async throws {
    let environment = ProcessInfo.processInfo.environment
    let authority = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).pem")
    let builds = URL(fileURLWithPath: environment["TOKENCAST_LIB_DIR"] ?? "")
    process.executableURL = builds.appendingPathComponent("tokencast-backend")
    process.arguments =
      ["--listen", "127.0.0.1:0", "--test-faults", "--stop-with-stdin", "--rate-limit", "off"]
      + pages.flatMap { ["--cors-origin", $0] } + (tls ? ["--tls", "--tls-ca-out", authority.path] : [])
    let (input, output) = (Pipe(), Pipe())
    (process.standardInput, process.standardOutput) = (input, output)
    try process.run()
    var said = Data()
    while !said.contains(UInt8(ascii: "\n")) {
      let more = output.fileHandleForReading.availableData
      if more.isEmpty { throw CocoaError(.executableNotLoadable) }
      said += more
    }
    url = String(decoding: said, as: UTF8.self).components(separatedBy: "\n")[0].replacingOccurrences(of: "ready ", with: "")
    // Where the library looks for whom to trust.
    if tls { setenv("SSL_CERT_FILE", authority.path, 1) }
  }

  func end() { process.terminate() }

  func stat(_ name: String) async throws -> Int {
    try JSONDecoder().decode([String: Int].self, from: try await call("GET", "/test/stats"))[name] ?? -1
  }

  /// Every access token issued so far is refused from now on.
  func expireAccessTokens() async throws { try await call("DELETE", "/test/access-tokens") }

  func hold(_ refreshes: Bool) async throws { try await call("POST", "/test/hold", "{\"refreshes\":\(refreshes)}") }

  @discardableResult @MainActor
  private func call(_ method: String, _ path: String, _ body: String? = nil) async throws -> Data {
    if let ask { return Data((await ask(method, path, body) ?? "").utf8) }
    var request = URLRequest(url: URL(string: url + path)!)
    request.httpMethod = method
    request.httpBody = body.map { Data($0.utf8) }
    request.setValue("application/json", forHTTPHeaderField: "Content-Type")
    let (data, response) = try await URLSession.shared.data(for: request)
    guard (response as? HTTPURLResponse)?.statusCode == 200 else { throw CocoaError(.featureUnsupported) }
    return data
  }
}
