// swift-tools-version: 6.0
import Foundation
import PackageDescription

// The Rust library is cargo's to build, not SwiftPM's. On Linux its folder is named here; an app takes the XCFramework.
// Debian's libswiftObservation lacks a symbol that it needs only to die.
let library = ProcessInfo.processInfo.environment["TOKENCAST_LIB_DIR"].map { folder in
  [
    LinkerSetting.linkedLibrary("tokencast_ffi"),
    .unsafeFlags(["-L\(folder)", "-Xlinker", "-rpath", "-Xlinker", folder, "-Xlinker", "--allow-shlib-undefined"]),
  ]
}

let package = Package(
  name: "Tokencast",
  platforms: [.iOS(.v16), .macOS(.v13)],
  products: [
    .library(name: "Tokencast", targets: ["Tokencast"]),
    // For an app's unit tests.
    .library(name: "TokencastTesting", targets: ["TokencastTesting"]),
  ],
  targets: [
    .systemLibrary(name: "CTokencast", path: "Sources/TokencastFFI/headers"),
    // Generated, and in the language mode that its generator knows.
    .target(
      name: "TokencastFFI",
      dependencies: ["CTokencast"],
      exclude: ["headers"],
      swiftSettings: [.swiftLanguageMode(.v5)],
      linkerSettings: library ?? []
    ),
    .target(name: "Tokencast", dependencies: ["TokencastFFI"]),
    // The figures of P3; `cargo xtask bench P3` runs it.
    .executableTarget(
      name: "CachedRead", dependencies: ["Tokencast", "TokencastFFI"], path: "Benchmarks/CachedRead"),
    .target(name: "TokencastTesting", dependencies: ["Tokencast"]),
    .testTarget(name: "TokencastTests", dependencies: ["Tokencast", "TokencastFFI"]),
    .testTarget(name: "TokencastTestingTests", dependencies: ["TokencastTesting"]),
    // README's Swift blocks, compiled.
    .testTarget(name: "ReadmeTests", dependencies: ["Tokencast"]),
  ],
  swiftLanguageModes: [.v6]
)
