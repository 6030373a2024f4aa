// For type-checking on Linux only. Signatures as on the pages of Apple's documentation that each names.
import Dispatch

/// "NWPathMonitor"
public final class NWPathMonitor: @unchecked Sendable {
  public init() {}
  /// "pathUpdateHandler"
  public var pathUpdateHandler: (@Sendable (NWPath) -> Void)?
  /// "start(queue:)"
  public func start(queue: DispatchQueue) {}
  /// "cancel()"
  public func cancel() {}
}

/// "NWPath"
public struct NWPath: Sendable {
  /// "NWPath.Status"
  public enum Status: Sendable { case satisfied, unsatisfied, requiresConnection }
  /// "status"
  public var status: Status { .satisfied }
}
