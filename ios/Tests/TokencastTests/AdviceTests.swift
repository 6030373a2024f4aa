import Foundation
import Testing
import Tokencast

@Suite struct AdviceTests {
  private static let errors: [SessionError] = [
    .signInRequired(.revoked, detail: "d"), .invalidCredentials(code: "c", detail: "d"),
    .tryAgain(after: .milliseconds(1500), .offline, detail: "d"), .locked(.deviceLocked, detail: "d"),
    .storageFailed(.held, detail: "d"), .closed(detail: "d"), .defect,
  ]

  @Test("Each error has the core's advice, in the core's words", arguments: errors)
  func advice(of error: SessionError) throws {
    let core = try (source("src/error.rs") + source("uniffi/src/error.rs")).replacingOccurrences(of: "{}", with: "1500")
    #expect(core.contains("\"\(error.advice)\""))
    #expect(error.recoverySuggestion == error.advice)
    #expect(error.errorDescription == (error == .defect ? "a fault in the library" : "d"))
  }

  @Test("A wrong set-up is advised by how to mend it")
  func misconfigured() {
    #expect(SessionError.misconfigured(what: "w", fix: "mend it", detail: "d").advice == "mend it")
  }
}

/// Where the sources are.
let repository = (0..<4).reduce(URL(fileURLWithPath: #filePath)) { folder, _ in folder.deletingLastPathComponent() }

private func source(_ path: String) throws -> String {
  try String(contentsOf: repository.appendingPathComponent(path), encoding: .utf8)
}
