#if canImport(UIKit)
  import Foundation
  import UIKit  // not for its views: macOS has no such time

  /// Time to finish an exchange in an app extension, by `performExpiringActivity`. Only for an extension that owns its session;
  /// one that reads its app's (`readOnly`) makes no exchange. When it ends, the exchange's connection is dropped, then its
  /// locks are released, and only then the activity ends.
  public final class ExtensionTime: BackgroundTime {
    private let activities = Lock<(last: Int64, running: [Int64: Activity])>((0, [:]))

    /// Begins with no activity.
    public init() {}

    public func begin(atMost: Duration, end: BackgroundEnd) throws -> Int64? {
      let activity = Activity()
      // The system calls once, on a thread that has to stay for as long as the activity lasts, and once more with `true` when
      // the time is over. The first call with `true` gives none.
      ProcessInfo.processInfo.performExpiringActivity(withReason: "Tokencast") { isOver in
        if isOver {
          activity.end(with: end)
        } else {
          activity.run()
        }
      }
      guard activity.isGiven() else { return nil }
      return activities.withLock { activities in
        activities.last += 1
        activities.running[activities.last] = activity
        return activities.last
      }
    }

    public func finish(_ task: Int64) throws {
      activities.withLock { $0.running.removeValue(forKey: task) }?.finish()
    }
  }

  /// One activity, between the system's thread and the core's.
  private final class Activity: Sendable {
    private enum Answer {
      case none, given, refused
    }

    private let answer = Lock(Answer.none)
    private let isAnswered = DispatchSemaphore(value: 0)
    private let isFinished = DispatchSemaphore(value: 0)

    /// Stays until it is finished, unless nobody waits for it any longer.
    func run() {
      if settle(.given) { isFinished.wait() }
    }

    func end(with end: BackgroundEnd) {
      _ = settle(.refused)
      end.tell()
    }

    /// Waits for the system's answer, which comes at once. The core itself waits a second.
    func isGiven() -> Bool {
      if isAnswered.wait(timeout: .now() + 1) == .timedOut { _ = settle(.refused) }
      return answer.withLock { $0 == .given }
    }

    func finish() {
      isFinished.signal()
    }

    /// Whether this is the answer: the first is.
    private func settle(_ own: Answer) -> Bool {
      let isFirst = answer.withLock { answer in
        defer { if answer == .none { answer = own } }
        return answer == .none
      }
      if isFirst { isAnswered.signal() }
      return isFirst
    }
  }
#endif
