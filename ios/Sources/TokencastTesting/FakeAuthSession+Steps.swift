import Tokencast

extension FakeAuthSession {
  func note(_ call: Call) {
    script.withLock { $0.calls.append(call) }
  }

  /// Changes the script, then tells what that did. A listener is never called under the lock.
  @discardableResult
  func tell<Answer>(_ change: (inout Script) -> Answer) -> Answer {
    let (answer, events, listeners) = script.withLock { script in
      let answer = change(&script)
      defer { script.untold = [] }
      return (answer, script.untold, script.listeners.map(\.listener))
    }
    for event in events {
      for listener in listeners { try? listener(event) }
    }
    return answer
  }

  /// Waits while the step is held, then fails if the script says so. A cancelled task only ends its waiting.
  func step(_ step: Step) async throws {
    try await waiting { [self] in try await gate(step) }
  }

  func begin(_ call: Call, account: String?) async throws {
    note(call)
    try await step(.signIn)
    tell { script in script.begin(account) }
  }

  /// The token of the one refresh that all callers share.
  func refreshed() async throws -> AccessToken {
    let refresh = script.withLock { script -> Result<Task<AccessToken, any Error>, SessionError> in
      if let obstacle = script.obstacle { return .failure(obstacle) }
      if let running = script.refresh { return .success(running) }
      script.refreshes += 1
      let epoch = script.generation.epoch
      let started = Task { [self] in try await exchange(in: epoch) }
      script.refresh = started
      return .success(started)
    }
    let running = try refresh.get()
    return try await waiting { try await running.value }
  }

  private func exchange(in epoch: Int64) async throws -> AccessToken {
    do {
      try await gate(.refresh)
    } catch {
      tell { script in
        script.refresh = nil
        if case .signInRequired(let reason, _) = error as? SessionError, case .active(let account) = script.state {
          script.become(.signInRequired(reason, account: account))
        }
      }
      throw error
    }
    return try tell { script -> Result<AccessToken, SessionError> in
      script.refresh = nil
      // Whoever signed out or in meanwhile wins.
      if let obstacle = script.obstacle { return .failure(obstacle) }
      if script.generation.epoch != epoch, let token = script.token { return .success(token) }
      return .success(script.renew(value: nil, expiresIn: .seconds(900)))
    }.get()
  }

  private func gate(_ step: Step) async throws {
    await withCheckedContinuation { continuation in
      let isOpen = script.withLock { script in
        if !script.held.contains(step) { return true }
        script.gates[step, default: []].append(continuation)
        return false
      }
      if isOpen { continuation.resume() }
    }
    let failure = script.withLock { script -> SessionError? in
      if script.isClosed { return .closed(detail: "the session was closed") }
      guard var failures = script.failures[step], !failures.isEmpty else { return nil }
      defer { script.failures[step] = failures }
      return failures.removeFirst()
    }
    if let failure { throw failure }
  }

  func end() {
    let (states, tokens, gates) = script.withLock { script in
      script.isClosed = true
      script.token = nil
      script.listeners = []
      script.held = []
      defer { script.gates = [:] }
      return (script.stateStreams.end(), script.tokenStreams.end(), script.gates.values.flatMap { $0 })
    }
    for stream in states { stream.finish() }
    for stream in tokens { stream.finish() }
    for gate in gates { gate.resume() }
  }

  /// A stream that begins with what is there now.
  func stream<Element: Sendable>(
    _ streams: WritableKeyPath<Script, Streams<Element>> & Sendable, now: (Script) -> Element?
  ) -> AsyncStream<Element> {
    let (stream, continuation) = AsyncStream.makeStream(of: Element.self, bufferingPolicy: .bufferingNewest(1))
    let number: Int? = script.withLock { script in
      if script.isClosed { return nil }
      if let first = now(script) { continuation.yield(first) }
      return script[keyPath: streams].add(continuation)
    }
    guard let number else {
      continuation.finish()
      return stream
    }
    continuation.onTermination = { [weak self] _ in
      self?.script.withLock { script in script[keyPath: streams].remove(number) }
    }
    return stream
  }
}
