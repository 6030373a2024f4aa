// P3: a token that is there, and what the boundary costs. Run by `cargo xtask bench P3`, which builds it optimised; prints one
// JSON object a row, as `benches` has them.

import Foundation
import Tokencast
import TokencastFFI

#if canImport(os)
  import os
#else
  import Synchronization
#endif

let turns = 31

/// The medians of both, in nanoseconds an act, taken in turns after one that does not count.
func inTurns(acts: Int, floor: () -> Void, ours: () -> Void) -> (floor: Double, ours: Double) {
  var floors: [Double] = []
  var all: [Double] = []
  for turn in 0...turns {
    let pair = (nanoseconds(acts, floor), nanoseconds(acts, ours))
    if turn == 0 { continue }
    floors.append(pair.0)
    all.append(pair.1)
  }
  return (median(floors), median(all))
}

func nanoseconds(_ acts: Int, _ act: () -> Void) -> Double {
  let clock = ContinuousClock()
  let took = clock.measure { for _ in 0..<acts { act() } }
  return took / .nanoseconds(acts)
}

func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

/// The medians of turns of `act`, which does one thing and says how long it took.
func each(_ act: () async throws -> Duration) async rethrows -> Double {
  var times: [Double] = []
  for _ in 0..<2_000 { times.append(try await act() / .nanoseconds(1)) }
  return median(times)
}

struct Row: Encodable {
  let id: String
  let act: String
  let floor: Double
  let ours: Double
  let unit: String
  let ratio: Double
  let goal: Double?

  init(_ id: String, _ act: String, floor: Double, ours: Double, unit: String = "ns", goal: Double? = nil) {
    (self.id, self.act, self.floor, self.ours, self.unit, self.goal) = (id, act, floor, ours, unit, goal)
    ratio = ours / floor
  }

  func print() throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    Swift.print(String(decoding: try encoder.encode(self), as: UTF8.self))
  }
}

/// What a cached read cannot do without: a token with its end under the lock, and the clock. The end is kept as `AccessToken`
/// keeps it.
final class Floor: Sendable {
  private typealias Held = (token: String?, end: Duration)

  private static let start = ContinuousClock.now

  #if canImport(os)
    private let held: OSAllocatedUnfairLock<Held>
  #else
    private let held: Mutex<Held>
  #endif

  init(_ token: String) {
    #if canImport(os)
      held = OSAllocatedUnfairLock(initialState: (token, .seconds(600)))
    #else
      held = Mutex((token, .seconds(600)))
    #endif
  }

  @inline(never) func read() -> String? {
    let (token, end) = held.withLock { ($0.token, $0.end) }
    return Self.start.duration(to: .now) < end ? token : nil
  }
}

@inline(never) func keep<Value>(_ value: Value) {}

let kilobyte = String(repeating: "a", count: 1024)
let profile = Tokencast.ServerProfile.rotation("http://127.0.0.1:1")
let session = Tokencast.AuthSession(profile: profile, storage: .memory())
try await session.adopt(Tokencast.TokenSet(refreshToken: "r", accessToken: kilobyte, expiresIn: .seconds(3600)))
let floor = Floor(kilobyte)
let reads = 200_000

func cachedRead() throws {
  let read = inTurns(acts: reads, floor: { keep(floor.read()) }, ours: { keep(session.currentToken) })
  try Row(
    "P3", "Swift: cached read; floor: a value under the same lock and the clock", floor: read.floor, ours: read.ours,
    goal: 1.5
  ).print()
}

/// The generated bindings alone, beside the cached read that spares them.
func boundary() async throws {
  let core = try TokencastFFI.AuthSession(
    profile: .rotation(base: "http://127.0.0.1:1"), storage: .memory(),
    options: SessionOptions(entry: nil, stateDir: nil, persistAccessToken: false, readOnly: false))
  try await core.adopt(
    tokens: TokencastFFI.TokenSet(
      refreshToken: "r", accessToken: kilobyte, expiresInMs: 3_600_000, account: nil))
  let cached = { keep(session.currentToken) }
  let sync = inTurns(acts: 10_000, floor: cached, ours: { keep(try? core.generation()) })
  try Row("P3-sync", "Swift: a call into the core; floor: the cached read", floor: sync.floor, ours: sync.ours).print()
  let text = inTurns(acts: 10_000, floor: cached, ours: { keep(try? core.currentToken()) })
  try Row("P3-string", "Swift: a call that brings 1 KB of text; floor: the cached read", floor: text.floor, ours: text.ours)
    .print()
  let clock = ContinuousClock()
  let asynchronous = try await each {
    try await clock.measure { keep(try await core.accessToken(minTtlMs: nil)) }
  }
  try Row(
    "P3-async", "Swift: an async call that is answered at once; floor: the cached read", floor: text.floor,
    ours: asynchronous
  ).print()
  let called = try await each {
    let listener = FirstEvent()
    let start = clock.now
    let subscription = try core.subscribe(listener: listener)
    await listener.heard()
    let took = start.duration(to: clock.now)
    try subscription.cancel()
    return took
  }
  try Row(
    "P3-callback", "Swift: a listener subscribed and called first; floor: the cached read", floor: text.floor,
    ours: called
  ).print()
}

final class FirstEvent: SessionListener {
  private let events: AsyncStream<Void>
  private let queue: AsyncStream<Void>.Continuation

  init() {
    (events, queue) = AsyncStream.makeStream()
  }

  func onEvent(event: TokencastFFI.SessionEvent) {
    queue.yield(())
  }

  func heard() async {
    for await _ in events { return }
  }
}

try cachedRead()
try await boundary()
