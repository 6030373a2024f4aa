#if canImport(UIKit) && canImport(Network) && !os(watchOS)
  import Foundation
  import Network
  import UIKit

  /// Tells a session about its surroundings, as long as it is kept: foreground and background, the device's unlocking, and a
  /// network that is back.
  ///
  /// ```swift
  /// surroundings = Surroundings(of: session)
  /// ```
  public final class Surroundings: Sendable {
    private let observers: Observers
    private let monitor = NWPathMonitor()

    /// Begins to tell `session`, which it does not keep.
    public init(of session: AuthSession) {
      let notices: [(Notification.Name, Notice)] = [
        (UIApplication.willEnterForegroundNotification, .foreground),
        (UIApplication.didEnterBackgroundNotification, .background),
        (UIApplication.protectedDataDidBecomeAvailableNotification, .unlocked),
      ]
      observers = Observers(
        tokens: notices.map { name, notice in
          NotificationCenter.default.addObserver(forName: name, object: nil, queue: nil) { [weak session] _ in
            session?.notify(notice)
          }
        })
      monitor.pathUpdateHandler = { [weak session] path in
        if path.status == .satisfied { session?.notify(.online) }
      }
      monitor.start(queue: DispatchQueue(label: "dev.tokencast.network"))
    }

    deinit {
      monitor.cancel()
      for token in observers.tokens { NotificationCenter.default.removeObserver(token) }
    }

    /// Only handed back to the centre, which may be called from anywhere.
    private struct Observers: @unchecked Sendable {
      let tokens: [any NSObjectProtocol]
    }
  }
#endif
