internal import TokencastFFI

/// The core's state and token on this side of the boundary, so that a cached read never crosses it.
///
/// It never computes what the core knows: whenever something may have changed, it looks at the core again. Looks take turns,
/// so the last one leaves what was true last, and a change after it brings another.
final class SessionMirror: Sendable {
  private struct Seen {
    var state: SessionState
    var token: AccessToken?
    var closed = false
    var own: TokencastFFI.Subscription?
    var nextStream = 0
    var stateStreams: [Int: AsyncStream<SessionState>.Continuation] = [:]
    var tokenStreams: [Int: AsyncStream<AccessToken>.Continuation] = [:]
  }

  /// `nil`: the set-up is wrong, and there is nothing to mirror.
  private let core: TokencastFFI.AuthSession?
  private let seen: Lock<Seen>
  /// Guards the order of looks; held while the core is read, which does no I/O. It counts them, because a lock of nothing has
  /// the address of the object around it, and the thread sanitizer takes that for a race.
  private let turns = Lock(0)

  init(core: TokencastFFI.AuthSession?) {
    self.core = core
    seen = Lock(Seen(state: core == nil ? .locked(.misconfigured) : .restoring))
  }

  /// Hears the core without being kept by it: a session that its app let go of ends.
  func follow() {
    let listener = ListenerAdapter { [weak self] _ in self?.look() }
    let own = try? core?.subscribe(listener: listener)
    seen.withLock { $0.own = own }
  }

  var state: SessionState { seen.withLock { $0.state } }

  /// The cached token, if it has enough of its life left.
  func token(with minTTL: Duration) -> AccessToken? {
    guard let token = seen.withLock({ $0.token }), token.serves(minTTL) else { return nil }
    return token
  }

  /// Looks at the core.
  func look() {
    guard let core else { return }
    turns.withLock { turn in
      turn += 1
      do {
        show(SessionState(try core.state()), try core.currentToken().map(AccessToken.init))
      } catch {
        // Neither can fail but by a defect of the library; what was seen last stays.
      }
    }
  }

  /// The token of this generation (`nil`: of any) is no longer served here, before the core is even asked.
  func forget(_ generation: Generation?) {
    turns.withLock { turn in
      turn += 1
      seen.withLock { seen in
        if generation == nil || seen.token?.generation == generation { seen.token = nil }
      }
    }
  }

  func states() -> AsyncStream<SessionState> {
    stream(\.stateStreams) { $0.state }
  }

  func accessTokens() -> AsyncStream<AccessToken> {
    stream(\.tokenStreams) { $0.token }
  }

  func close() {
    let ended = seen.withLock { seen in
      let ended = seen
      seen.closed = true
      seen.token = nil
      seen.own = nil
      seen.stateStreams = [:]
      seen.tokenStreams = [:]
      return ended
    }
    for stream in ended.stateStreams.values { stream.finish() }
    for stream in ended.tokenStreams.values { stream.finish() }
    // All that it can say is that the library has a defect.
    try? ended.own?.cancel()
  }

  private func show(_ state: SessionState, _ token: AccessToken?) {
    seen.withLock { seen in
      if seen.closed { return }
      if seen.state != state {
        seen.state = state
        for stream in seen.stateStreams.values { stream.yield(state) }
      }
      let isNew = seen.token != token
      seen.token = token
      if isNew, let token {
        for stream in seen.tokenStreams.values { stream.yield(token) }
      }
    }
  }

  /// A stream that begins with what is there now.
  private func stream<Element: Sendable>(
    _ streams: WritableKeyPath<Seen, [Int: AsyncStream<Element>.Continuation]> & Sendable,
    now: (Seen) -> Element?
  ) -> AsyncStream<Element> {
    let (stream, continuation) = AsyncStream.makeStream(of: Element.self, bufferingPolicy: .bufferingNewest(1))
    let number: Int? = seen.withLock { seen in
      if seen.closed { return nil }
      if let first = now(seen) { continuation.yield(first) }
      seen.nextStream += 1
      seen[keyPath: streams][seen.nextStream] = continuation
      return seen.nextStream
    }
    guard let number else {
      continuation.finish()
      return stream
    }
    continuation.onTermination = { [weak self] _ in
      self?.seen.withLock { seen in
        seen[keyPath: streams][number] = nil
      }
    }
    return stream
  }
}
