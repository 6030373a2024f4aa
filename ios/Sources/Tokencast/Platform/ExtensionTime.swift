#if canImport(Darwin) || TOKENCAST_TYPECHECK
  import Foundation

  /// Time to finish an exchange in an app extension, by `performExpiringActivity`. Only for an extension that owns its session;
  /// one that reads its app's (`readOnly`) makes no exchange.
  public final class ExtensionTime: BackgroundTime {
    private let activities = Lock<(last: Int64, running: [Int64: DispatchSemaphore])>((0, [:]))

    public init() {}

    public func begin(atMost: Duration, end: BackgroundEnd) throws -> Int64? {
      let isOver = DispatchSemaphore(value: 0)
      let number = activities.withLock { activities in
        activities.last += 1
        activities.running[activities.last] = isOver
        return activities.last
      }
      // The system calls at once on a thread of its own, which has to stay for as long as the activity lasts, and once more
      // with `true` when the time is over; with `true` alone it gives none.
      ProcessInfo.processInfo.performExpiringActivity(withReason: "Tokencast") { expired in
        if expired {
          end.tell()
          isOver.signal()
        } else {
          isOver.wait()
        }
      }
      return number
    }

    public func finish(_ task: Int64) throws {
      activities.withLock { $0.running.removeValue(forKey: task) }?.signal()
    }
  }
#endif
