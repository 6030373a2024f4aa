import Foundation
internal import TokencastFFI

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

/// Where a profile's access tokens go and how they are refused there, read from its JSON once.
final class Resources: Sendable {
  struct Rules {
    let origins: [Origin]
    let rejectedStatuses: [Int]
  }

  private struct Form: Decodable {
    enum CodingKeys: String, CodingKey {
      case resourceOrigins = "resource_origins"
      case rejectedStatuses = "rejected_statuses"
    }

    let resourceOrigins: [String]
    let rejectedStatuses: [Int]
  }

  private let core: Result<TokencastFFI.ServerProfile, SessionError>
  private let read = Lock<Rules?>(nil)

  init(_ core: Result<TokencastFFI.ServerProfile, SessionError>) {
    self.core = core
  }

  func rules() throws -> Rules {
    if let rules = read.withLock({ $0 }) { return rules }
    let rules = try parse()
    read.withLock { $0 = rules }
    return rules
  }

  private func parse() throws -> Rules {
    do {
      let form = try JSONDecoder().decode(Form.self, from: Data(try core.get().toJson().utf8))
      let origins = form.resourceOrigins.compactMap { URL(string: $0).flatMap(Origin.init) }
      return Rules(origins: origins, rejectedStatuses: form.rejectedStatuses)
    } catch {
      throw SessionError(any: error)
    }
  }
}
