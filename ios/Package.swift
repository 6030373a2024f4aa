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
    .target(
      name: "Tokencast",
      dependencies: ["TokencastFFI"],
      // What a page's document begins with: folders of the page's client, which this one links to.
      exclude: ["events", "self-refresh", "socket", "tokencast"].flatMap {
        ["WebViews/Client/\($0).js", "WebViews/Client/\($0).d.ts"]
      },
      resources: [
        .copy("WebViews/Client/tokencast.inject.js"), .copy("WebViews/Relay/relay.js"), .copy("PrivacyInfo.xcprivacy"),
      ]
    ),
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

// `import WebKit` on Linux: a module of that name over WebKitGTK, so that the glue runs there as it is. So do the parts for
// modules that only Apple has, over stand-ins that a test plays.
if ProcessInfo.processInfo.environment["TOKENCAST_WEBKITGTK"] != nil {
  package.targets += [
    .systemLibrary(name: "CWebKitGTK", path: "stubs/CWebKitGTK", pkgConfig: "webkitgtk-6.0"),
    // Pointers of C on the main thread: nothing for the checks of Swift 6.
    .target(
      name: "WebKit", dependencies: ["CWebKitGTK"], path: "stubs/WebKit", swiftSettings: [.swiftLanguageMode(.v5)]),
    .testTarget(name: "WebViewTests", dependencies: ["Tokencast"]),
  ]
  let standIns = ["LocalAuthentication", "Network", "UIKit"]
  package.targets += standIns.map { .target(name: $0, path: "stubs/\($0)") }
  for target in package.targets where ["Tokencast", "WebViewTests"].contains(target.name) {
    target.dependencies += (["WebKit"] + standIns).map { .init(stringLiteral: $0) }
  }
}
