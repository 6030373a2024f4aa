// swift-tools-version: 6.0
import Foundation
import PackageDescription

// The Rust library is cargo's to build, not SwiftPM's. On Linux its folder is named here; an app takes the XCFramework.
let library = ProcessInfo.processInfo.environment["TOKENCAST_LIB_DIR"].map { folder in
  [
    LinkerSetting.linkedLibrary("tokencast_ffi"),
    .unsafeFlags(["-L\(folder)", "-Xlinker", "-rpath", "-Xlinker", folder]),
  ]
}

let package = Package(
  name: "Tokencast",
  platforms: [.iOS(.v16), .macOS(.v13)],
  products: [
    .library(name: "Tokencast", targets: ["Tokencast"])
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
    .testTarget(name: "TokencastTests", dependencies: ["Tokencast", "TokencastFFI"]),
    // README's Swift blocks, compiled.
    .testTarget(name: "ReadmeTests", dependencies: ["Tokencast"]),
  ],
  swiftLanguageModes: [.v6]
)
