import Foundation
import Testing

/// iOS 16 and macOS 13 are the oldest. A compiler on Linux does not know what is newer, so a list does.
@Suite struct MinimumVersionTests {
  /// Newer than iOS 16 or macOS 13, from Apple's pages of each symbol.
  private static let newer = [
    // Swift's own runtime: Synchronization (iOS 18), Observation (iOS 17), and what iOS 17 and 18 added to concurrency.
    "import Synchronization", "Mutex(", "Atomic<", "@Observable", "@ObservationIgnored", "@Bindable",
    "withObservationTracking", "Observations(", "withDiscardingTaskGroup", "withThrowingDiscardingTaskGroup",
    "TaskExecutor", "withTaskExecutorPreference", "UInt128",
    "Int128", "InlineArray", "Span<",
    // Foundation, Security, LocalAuthentication
    "#Predicate", "#Expression", "encodingInvalidCharacters:", ".opticID",
    // WebKit
    "WebPage(", "isInspectable", "WKWebExtension", "setCookiePolicy", "proxyConfigurations",
    "WKWebsiteDataStore(forIdentifier", "fetchAllDataStoreIdentifiers",
    // SwiftUI
    "ContentUnavailableView", "onChange(of:initial:", ".sensoryFeedback", ".scrollPosition(", "@Previewable", "@Entry",
  ]

  /// What says that a line is for others: a block of one of these is left out.
  private static let guards = ["@available(iOS 17", "@available(iOS 18", "#available(iOS 17", "#available(iOS 18"]

  @Test("What is newer than iOS 16 and macOS 13 stands behind @available")
  func nothingNewer() throws {
    for (file, text) in try sources() {
      for (number, line) in unguarded(text) {
        for symbol in Self.newer where line.contains(symbol) {
          Issue.record("\(file):\(number): \(symbol) is newer than iOS 16; put it behind @available")
        }
      }
    }
  }

  @Test("The list finds a newer symbol, and lets one pass that is guarded")
  func listWorks() {
    let found = { (text: String) in unguarded(text).contains { _, line in line.contains("@Observable") } }
    #expect(found("@Observable\nfinal class A {\n}\n"))
    #expect(!found("@available(iOS 17, macOS 14, *)\n@MainActor @Observable\nfinal class A {\n  let a = 1\n}\n"))
    #expect(found("@available(iOS 17, macOS 14, *)\nfinal class A {\n}\n\n@Observable final class B {\n}\n"))
    #expect(!found("#if canImport(os)\nimport os\n#else\n@Observable\n#endif\n"))
    #expect(found("#if canImport(os)\n@Observable\n#else\nimport os\n#endif\n"))
  }

  /// The lines outside comments, guarded declarations and what Linux alone compiles, with their numbers.
  private func unguarded(_ text: String) -> [(Int, String)] {
    var kept: [(Int, String)] = []
    var branches: [Substring] = []
    var end: String?
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let bare = line.drop { $0 == " " }
      if bare.hasPrefix("#if ") { branches.append(bare) }
      if bare == "#else", let condition = branches.popLast() { branches.append("not " + condition) }
      if bare == "#endif" { _ = branches.popLast() }
      if end != nil {
        if String(line) == end { end = nil }
      } else if Self.guards.contains(where: bare.hasPrefix) {
        end = line.prefix(line.count - bare.count) + "}"
      } else if !bare.hasPrefix("//"), !branches.contains(where: Self.linux.contains) {
        kept.append((index + 1, String(line)))
      }
    }
    return kept
  }

  private static let linux: Set<Substring> = ["#if os(Linux)", "not #if canImport(os)", "not #if canImport(Darwin)"]

  private func sources() throws -> [(file: String, text: String)] {
    let folder = repository.appendingPathComponent("ios/Sources")
    return try ["Tokencast", "TokencastTesting"].flatMap { target in
      let files = FileManager.default.enumerator(at: folder.appendingPathComponent(target), includingPropertiesForKeys: nil)
      return try (files?.allObjects as? [URL] ?? []).filter { $0.pathExtension == "swift" }.map { file in
        (file.lastPathComponent, try String(contentsOf: file, encoding: .utf8))
      }
    }
  }
}
