import CWebKitGTK
import Foundation

/// Not Apple's: GTK on the main thread of a program whose main loop is Foundation's.
@MainActor
enum WebKitGTK {
  private static var pump: Timer?

  static func start() {
    if pump != nil { return }
    gtk_init()
    let timer = Timer(timeInterval: 0.002, repeats: true) { _ in
      // Not to its end: pages that never rest would let nobody else on the thread.
      var turns = 0
      while turns < 100, g_main_context_iteration(nil, 0) != 0 { turns += 1 }
    }
    RunLoop.main.add(timer, forMode: .common)
    pump = timer
  }
}

/// What is called back once.
final class Later {
  private let act: (UnsafeMutableRawPointer, UnsafeMutableRawPointer) -> Void

  private init(_ act: @escaping (UnsafeMutableRawPointer, UnsafeMutableRawPointer) -> Void) { self.act = act }

  static func keep(_ act: @escaping (UnsafeMutableRawPointer, UnsafeMutableRawPointer) -> Void) -> UnsafeMutableRawPointer {
    Unmanaged.passRetained(Later(act)).toOpaque()
  }

  static let done: TCDone = { source, result, data in
    Unmanaged<Later>.fromOpaque(data!).takeRetainedValue().act(source!, result!)
  }
}

func taken(_ text: UnsafeMutablePointer<CChar>) -> String {
  defer { g_free(text) }
  return String(cString: text)
}

func taken(_ text: UnsafeMutablePointer<CChar>?) -> String { text.map { taken($0) } ?? "" }
