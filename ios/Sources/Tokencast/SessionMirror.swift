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
    var stateStreams = Streams<SessionState>()
    var tokenStreams = Streams<AccessToken>()
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
    let now = Duration.sinceStart
    return seen.withLock { seen in
      guard let token = seen.token, token.serves(minTTL, at: now) else { return nil }
      return token
    }
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
    let (own, states, tokens) = seen.withLock { seen in
      let own = seen.own
      seen.closed = true
      seen.token = nil
      seen.own = nil
      return (own, seen.stateStreams.end(), seen.tokenStreams.end())
    }
    for stream in states { stream.finish() }
    for stream in tokens { stream.finish() }
    // All that it can say is that the library has a defect.
    try? own?.cancel()
  }

  private func show(_ state: SessionState, _ token: AccessToken?) {
    seen.withLock { seen in
      if seen.closed { return }
      if seen.state != state {
        seen.state = state
        seen.stateStreams.yield(state)
      }
      let isNew = seen.token != token
      seen.token = token
      if isNew, let token {
        seen.tokenStreams.yield(token)
      }
    }
  }

  /// A stream that begins with what is there now.
  private func stream<Element: Sendable>(
    _ streams: WritableKeyPath<Seen, Streams<Element>> & Sendable,
    now: (Seen) -> Element?
  ) -> AsyncStream<Element> {
    let (stream, continuation) = AsyncStream.makeStream(of: Element.self, bufferingPolicy: .bufferingNewest(1))
    let number: Int? = seen.withLock { seen in
      if seen.closed { return nil }
      if let first = now(seen) { continuation.yield(first) }
      return seen[keyPath: streams].add(continuation)
    }
    guard let number else {
      continuation.finish()
      return stream
    }
    continuation.onTermination = { [weak self] _ in
      self?.seen.withLock { seen in seen[keyPath: streams].remove(number) }
    }
    return stream
  }
}
