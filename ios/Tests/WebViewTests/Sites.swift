import Foundation
import Glibc

/// A web server of one origin: pages that connect to their app, and what a test puts there. It notes what is asked for.
final class Site: @unchecked Sendable {
  let origin: String
  private let socket: Int32
  private let lock = NSLock()
  private var served: [String: Served] = [:]
  private var noted: [(what: String, body: String)] = []

  struct Served {
    var body: String
    var type = "text/html"
    var headers: [String: String] = [:]
  }

  init(host: String = "127.0.0.1") throws {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(socket, address, length) + listen(socket, 64) + getsockname(socket, address, &length)
      }
    }
    guard bound == 0 else { throw CocoaError(.featureUnsupported) }
    self.socket = socket
    origin = "http://\(host):\(UInt16(bigEndian: address.sin_port))"
    Thread.detachNewThread { [self] in
      while true {
        let connection = accept(socket, nil, nil)
        if connection < 0 { return }
        Thread.detachNewThread { self.serve(connection) }
      }
    }
  }

  func put(_ path: String, _ what: Served) { lock.withLock { served[path] = what } }

  /// What was asked for so far, such as `GET /next`, with its body.
  var asked: [(what: String, body: String)] { lock.withLock { noted } }

  func end() { shutdown(socket, Int32(SHUT_RDWR)) }

  private func serve(_ connection: Int32) {
    defer { close(connection) }
    var bytes = Data()
    var chunk = [UInt8](repeating: 0, count: 65536)
    func read() -> Bool {
      let count = recv(connection, &chunk, chunk.count, 0)
      if count > 0 { bytes.append(contentsOf: chunk[..<count]) }
      return count > 0
    }
    while bytes.range(of: Data("\r\n\r\n".utf8)) == nil { if !read() { return } }
    let end = bytes.range(of: Data("\r\n\r\n".utf8))!.upperBound
    let head = String(decoding: bytes[..<end], as: UTF8.self).components(separatedBy: "\r\n")
    let stated = head.first { $0.lowercased().hasPrefix("content-length:") }?.dropFirst(15)
    let length = stated.flatMap { Int($0.trimmingCharacters(in: .whitespaces)) } ?? 0
    while bytes.count < end + length { if !read() { return } }
    let words = head[0].split(separator: " ").map(String.init)
    let body = String(decoding: bytes[end...], as: UTF8.self)
    let found = lock.withLock {
      noted.append(("\(words[0]) \(words[1])", body))
      return served[words[1].components(separatedBy: "?")[0]]
    }
    let answer = found ?? Served(body: "", type: "text/plain")
    var lines = ["HTTP/1.1 \(found == nil ? 404 : 200) x", "Content-Type: \(answer.type)", "Connection: close"]
    lines += ["Content-Length: \(answer.body.utf8.count)", "Access-Control-Allow-Origin: *"]
    lines += answer.headers.map { "\($0): \($1)" }
    let text = Array((lines.joined(separator: "\r\n") + "\r\n\r\n" + answer.body).utf8)
    var sent = 0
    while sent < text.count {
      let count = text[sent...].withUnsafeBytes { send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      if count <= 0 { return }
      sent += count
    }
  }
}
