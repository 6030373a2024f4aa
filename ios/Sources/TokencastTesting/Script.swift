import Tokencast

/// What a fake session knows. Changes of it are values; ``FakeAuthSession`` tells them to its listeners.
struct Script: Sendable {
  typealias Listener = @Sendable (SessionEvent) throws -> Void

  var state: SessionState
  var token: AccessToken?
  var generation = Generation(epoch: 0, number: 0)
  var isClosed = false
  var history: [Transition] = []
  var calls: [FakeAuthSession.Call] = []
  var refreshes = 0
  var failures: [FakeAuthSession.Step: [SessionError]] = [:]
  var held: Set<FakeAuthSession.Step> = []
  var gates: [FakeAuthSession.Step: [CheckedContinuation<Void, Never>]] = [:]
  var stateStreams = Streams<SessionState>()
  var tokenStreams = Streams<AccessToken>()
  var listeners: [(number: Int, listener: Listener)] = []
  var nextListener = 0
  /// The refresh that callers share.
  var refresh: Task<AccessToken, any Error>?
  /// What happened and was not told yet.
  var untold: [SessionEvent] = []

  init(state: SessionState) {
    self.state = state
  }

  /// The token, if it has not expired.
  var current: AccessToken? { token.flatMap { $0.expiresIn > .zero ? $0 : nil } }

  mutating func begin(_ account: String?) {
    generation = Generation(epoch: generation.epoch + 1, number: 0)
    refresh = nil
    become(.active(account: account))
    _ = renew(value: nil, expiresIn: .seconds(900))
  }

  mutating func become(_ next: SessionState) {
    if case .active = next {} else { token = nil }
    if case .signedOut = next { refresh = nil }
    if state == next { return }
    state = next
    stateStreams.yield(next)
    untold.append(.stateChanged(next))
  }

  mutating func renew(value: String?, expiresIn: Duration) -> AccessToken {
    generation = Generation(epoch: max(generation.epoch, 1), number: generation.number + 1)
    let token = AccessToken(value: value ?? "access-\(generation)", generation: generation, expiresIn: expiresIn)
    self.token = token
    tokenStreams.yield(token)
    untold.append(.accessTokenChanged(token))
    return token
  }

  /// What keeps a session from giving a token.
  var obstacle: SessionError? {
    if isClosed { return .closed(detail: "the session was closed") }
    return switch state {
    case .active: nil
    case .signedOut: .signInRequired(.signedOut, detail: "sign in again: nobody is signed in")
    case .signInRequired(let reason, _, _): .signInRequired(reason, detail: "sign in again")
    case .locked(let cause): .locked(cause, detail: "the storage cannot be read now")
    case .restoring: .tryAgain(after: .zero, .busy, detail: "the session is being restored")
    }
  }
}
