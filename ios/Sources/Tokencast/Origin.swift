import Foundation

/// Scheme, host and port (RFC 6454 §4).
struct Origin: Hashable, CustomStringConvertible {
  private let scheme: String
  private let host: String
  private let port: Int

  /// `nil` for what is not of the web.
  init?(_ url: URL) {
    guard let scheme = url.scheme?.lowercased(), let host = url.host?.lowercased(), !host.isEmpty else { return nil }
    switch scheme {
    case "http": port = url.port ?? 80
    case "https": port = url.port ?? 443
    default: return nil
    }
    self.scheme = scheme
    self.host = host
  }

  var description: String {
    let isUsual = port == (scheme == "http" ? 80 : 443)
    let host = host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
    return isUsual ? "\(scheme)://\(host)" : "\(scheme)://\(host):\(port)"
  }
}
