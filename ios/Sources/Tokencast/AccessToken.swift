internal import TokencastFFI

/// An access token with its generation and its end. ``value`` is its text; nothing else shows it.
public struct AccessToken: Sendable, Hashable {
  /// The token's text, for an `Authorization: Bearer` header (RFC 6750 §2.1).
  public let value: String
  /// The name under which a 401 is reported back.
  public let generation: Generation
  /// Since the process' own start of time. Not an `Instant`, whose layout is known at run time only: so would be that of all that
  /// holds a token, and each cached read would ask for it, several times.
  private let end: Duration
  /// Half of its life, which always suffices. Kept, because `Duration` divides slowly and each cached read asks.
  private let halfLife: Duration

  /// A token that no server gave: for fakes of a session, and for previews.
  public init(value: String, generation: Generation, expiresIn: Duration) {
    self.value = value
    self.generation = generation
    end = .sinceStart + expiresIn
    halfLife = expiresIn / 2
  }

  init(_ core: TokencastFFI.AccessToken) {
    value = core.value
    generation = Generation(core.generation)
    end = .sinceStart + .milliseconds(core.expiresInMs)
    halfLife = .milliseconds(core.lifeMs / 2)
  }

  /// What is left of its life, zero when it has expired. Sleep counts.
  public var expiresIn: Duration { max(.zero, end - .sinceStart) }

  /// Whether at least `minTTL` is left, where half of its life always suffices.
  package func serves(_ minTTL: Duration, at now: Duration = .sinceStart) -> Bool {
    guard now < end else { return false }
    return minTTL == .zero || end - now >= min(minTTL, halfLife)
  }

  public static func == (one: AccessToken, other: AccessToken) -> Bool {
    one.generation == other.generation && one.value == other.value
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(generation)
  }
}

extension AccessToken: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String { "AccessToken(generation: \(generation))" }

  public var debugDescription: String { description }

  public var customMirror: Mirror { Mirror(self, children: ["generation": generation]) }
}

/// The name of a token set that reveals nothing of it, ordered by epoch, then number.
public struct Generation: Sendable, Hashable, Comparable {
  /// Grows at each sign-in and sign-out.
  public let epoch: Int64
  /// Grows at each accepted token set of the epoch.
  public let number: Int64

  /// A name, such as a page or a log gives it.
  public init(epoch: Int64, number: Int64) {
    self.epoch = epoch
    self.number = number
  }

  init(_ core: TokencastFFI.Generation) {
    self.init(epoch: core.epoch, number: core.number)
  }

  var core: TokencastFFI.Generation { TokencastFFI.Generation(epoch: epoch, number: number) }

  public static func < (one: Generation, other: Generation) -> Bool {
    (one.epoch, one.number) < (other.epoch, other.number)
  }
}

extension Generation: CustomStringConvertible {
  public var description: String { "\(epoch).\(number)" }
}

extension Duration {
  private static let start = ContinuousClock.now

  /// The time now, by a clock that counts sleep.
  package static var sinceStart: Duration { start.duration(to: .now) }

  /// Whole milliseconds, as many as fit.
  var milliseconds: Int64 {
    let (seconds, attoseconds) = components
    let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000)
    if overflow { return seconds < 0 ? .min : .max }
    // A negative duration stays negative, however small.
    let part = attoseconds / 1_000_000_000_000_000
    return part == 0 && whole == 0 ? attoseconds.signum() < 0 ? -1 : 0 : whole.addingReportingOverflow(part).partialValue
  }
}
