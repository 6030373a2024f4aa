// A stand-in on Linux, for type-checks and for tests that play it. Signatures as on the pages of Apple's documentation that each names.
import Foundation

/// "UIApplication"
@MainActor open class UIApplication: Sendable {
  /// "shared"
  public static let shared = UIApplication()

  /// Not Apple's to be called: for tests.
  public init() {}

  /// "willEnterForegroundNotification"
  public nonisolated static let willEnterForegroundNotification = Notification.Name("stub1")
  /// "didEnterBackgroundNotification"
  public nonisolated static let didEnterBackgroundNotification = Notification.Name("stub2")
  /// "protectedDataDidBecomeAvailableNotification"
  public nonisolated static let protectedDataDidBecomeAvailableNotification = Notification.Name("stub3")

  /// "beginBackgroundTask(withName:expirationHandler:)"; safe from any thread
  public nonisolated func beginBackgroundTask(
    withName taskName: String?, expirationHandler handler: (@MainActor @Sendable () -> Void)? = nil
  ) -> UIBackgroundTaskIdentifier {
    tasks.begin(handler)
  }

  /// "endBackgroundTask(_:)"; safe from any thread
  public nonisolated func endBackgroundTask(_ identifier: UIBackgroundTaskIdentifier) {
    tasks.end(identifier)
  }

  /// Not Apple's: the tasks as a test sees them.
  public let tasks = StubTasks()
}

/// Not Apple's: who was given time, and how a test ends it.
public final class StubTasks: @unchecked Sendable {
  private let lock = NSLock()
  private var running: [Int: (@MainActor @Sendable () -> Void)?] = [:]
  private var last = -1
  private var refuses = false
  private var seen: @Sendable () -> Void = {}

  public init() {}

  /// How many were given.
  public var begun: Int { lock.withLock { last + 1 } }

  /// What to do just before one ends.
  public func atEachEnd(_ act: @escaping @Sendable () -> Void) { lock.withLock { seen = act } }

  /// How many run.
  public var count: Int { lock.withLock { running.count } }

  /// From now on nobody is given any.
  public func refuse() { lock.withLock { refuses = true } }

  /// The time is over.
  @MainActor public func expire() {
    let handlers = lock.withLock { Array(running.values) }
    for handler in handlers { handler?() }
  }

  func begin(_ handler: (@MainActor @Sendable () -> Void)?) -> UIBackgroundTaskIdentifier {
    lock.withLock {
      if refuses { return .invalid }
      last += 1
      running[last] = .some(handler)
      return UIBackgroundTaskIdentifier(rawValue: last)
    }
  }

  func end(_ task: UIBackgroundTaskIdentifier) {
    lock.withLock { seen }()
    lock.withLock { running[task.rawValue] = nil }
  }
}

/// "UIBackgroundTaskIdentifier"
public struct UIBackgroundTaskIdentifier: RawRepresentable, Hashable, Sendable {
  public let rawValue: Int
  public init(rawValue: Int) { self.rawValue = rawValue }
  /// "invalid"
  public static let invalid = UIBackgroundTaskIdentifier(rawValue: -1)
}

// Apple's Foundation has it, but not on macOS.
extension ProcessInfo {
  /// "performExpiringActivity(withReason:using:)"
  public func performExpiringActivity(withReason reason: String, using block: @escaping @Sendable (Bool) -> Void) {
    StubActivities.shared.perform(block)
  }
}

/// Not Apple's: the activities as a test sees them.
public final class StubActivities: @unchecked Sendable {
  public static let shared = StubActivities()

  private let lock = NSLock()
  private var blocks: [Int: @Sendable (Bool) -> Void] = [:]
  private var last = 0
  private var refuses = false
  private var seen: @Sendable () -> Void = {}

  /// What to do just before one ends.
  public func atEachEnd(_ act: @escaping @Sendable () -> Void) { lock.withLock { seen = act } }

  /// How many run.
  public var count: Int { lock.withLock { blocks.count } }

  /// Whether nobody is given any.
  public func refuse(_ all: Bool) { lock.withLock { refuses = all } }

  /// The time is over.
  public func expire() {
    let running = lock.withLock { Array(blocks.values) }
    for block in running { Thread.detachNewThread { block(true) } }
  }

  func perform(_ block: @escaping @Sendable (Bool) -> Void) {
    let number: Int? = lock.withLock {
      if refuses { return nil }
      last += 1
      blocks[last] = block
      return last
    }
    Thread.detachNewThread { [self] in
      block(number == nil)
      guard let number else { return }
      lock.withLock { seen }()
      lock.withLock { blocks[number] = nil }
    }
  }
}
