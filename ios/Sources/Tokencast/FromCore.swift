import Foundation
internal import TokencastFFI

// Between the generated types and ours. Each `switch` is exhaustive: what the core gains does not compile without a place
// here.

extension SessionError {
  /// Any error that the generated code throws.
  init(any error: any Error) {
    switch error {
    case let error as SessionError: self = error
    case let error as TokencastFFI.SessionError: self.init(error)
    // A panic in Rust. Its text is not passed on: nobody has looked at what it holds.
    default: self = .defect
    }
  }

  init(_ core: TokencastFFI.SessionError) {
    switch core {
    case .SignInRequired(let reason, let detail, _): self = .signInRequired(EndReason(reason), detail: detail)
    case .InvalidCredentials(let code, let detail, _): self = .invalidCredentials(code: code, detail: detail)
    case .TryAgain(let afterMs, let why, let detail, _):
      self = .tryAgain(after: .milliseconds(afterMs), TryAgainCause(why), detail: detail)
    case .Locked(let why, let detail, _): self = .locked(LockedCause(why), detail: detail)
    case .StorageFailed(let why, let detail, _): self = .storageFailed(StorageFailure(why), detail: detail)
    case .Misconfigured(let what, let fix, let detail, _): self = .misconfigured(what: what, fix: fix, detail: detail)
    case .Closed(let detail, _): self = .closed(detail: detail)
    }
  }
}

extension SessionState {
  init(_ core: TokencastFFI.SessionState) {
    switch core {
    case .restoring: self = .restoring
    case .locked(let cause): self = .locked(LockedCause(cause))
    case .signedOut: self = .signedOut
    case .active(let account): self = .active(account: account)
    case .signInRequired(let reason, let account, let history):
      self = .signInRequired(EndReason(reason), account: account, history: Trail(history.map(Transition.init)))
    }
  }
}

extension SessionEvent {
  init(_ core: TokencastFFI.SessionEvent) {
    switch core {
    case .accessTokenChanged(let token): self = .accessTokenChanged(AccessToken(token))
    case .stateChanged(let state): self = .stateChanged(SessionState(state))
    case .refreshFailed(let error, let retryInMs):
      self = .refreshFailed(SessionError(error), retryIn: retryInMs.map { .milliseconds($0) })
    case .storageDegraded(let error): self = .storageDegraded(StorageFailure(error))
    }
  }
}

extension EndReason {
  init(_ core: TokencastFFI.EndReason) {
    switch core {
    case .signedOut: self = .signedOut
    case .expired: self = .expired
    case .revoked: self = .revoked
    case .reuseDetected: self = .reuseDetected
    case .passwordChanged: self = .passwordChanged
    case .signedInElsewhere: self = .signedInElsewhere
    case .keyLost: self = .keyLost
    case .storeLost: self = .storeLost
    case .staleInstall: self = .staleInstall
    case .handoverRefused: self = .handoverRefused
    case .interruptedRotation: self = .interruptedRotation
    case .server(let code): self = .server(code)
    }
  }
}

extension StorageFailure {
  init(_ core: TokencastFFI.StorageFailure) {
    switch core {
    case .unavailable(let cause): self = .unavailable(LockedCause(cause))
    case .unconfirmed: self = .unconfirmed
    case .readBackDiffers: self = .readBackDiffers
    case .held: self = .held
    case .tooLarge: self = .tooLarge
    }
  }
}

extension TryAgainCause {
  init(_ core: TokencastFFI.TryAgainCause) {
    switch core {
    case .offline: self = .offline
    case .untrusted: self = .untrusted
    case .busy: self = .busy
    case .server: self = .server
    case .app: self = .app
    }
  }
}

extension LockedCause {
  init(_ core: TokencastFFI.LockedCause) {
    switch core {
    case .deviceLocked: self = .deviceLocked
    case .noService: self = .noService
    case .timedOut: self = .timedOut
    case .newerFormat: self = .newerFormat
    case .vanished: self = .vanished
    case .misconfigured: self = .misconfigured
    case .unavailable: self = .unavailable
    }
  }

  var core: TokencastFFI.LockedCause {
    switch self {
    case .deviceLocked: .deviceLocked
    case .noService: .noService
    case .timedOut: .timedOut
    case .newerFormat: .newerFormat
    case .vanished: .vanished
    case .misconfigured: .misconfigured
    case .unavailable: .unavailable
    }
  }
}

extension Purpose {
  init(_ core: TokencastFFI.Purpose) {
    switch core {
    case .signIn: self = .signIn
    case .refresh: self = .refresh
    case .revoke: self = .revoke
    }
  }
}

extension Notice {
  var core: TokencastFFI.Notice {
    switch self {
    case .foreground: .foreground
    case .background: .background
    case .unlocked: .unlocked
    case .online: .online
    }
  }
}

extension Transition {
  init(_ core: TokencastFFI.Transition) {
    self.init(
      at: Date(unixMilliseconds: core.at), cause: Cause(core.cause), status: core.status.map(Int.init),
      serverCode: core.serverCode, generation: Generation(core.generation), times: Int(core.times),
      process: Int(core.process), description: core.detail)
  }
}

extension Cause {
  init(_ core: TokencastFFI.Cause) {
    switch core {
    case .signedIn: self = .signedIn
    case .adopted: self = .adopted
    case .restored: self = .restored
    case .renewed: self = .renewed
    case .takenOver: self = .takenOver
    case .displaced: self = .displaced
    case .interrupted(let since): self = .interrupted(since: Date(unixMilliseconds: since))
    case .offline: self = .offline
    case .untrusted: self = .untrusted
    case .answerLost: self = .answerLost
    case .serverBusy: self = .serverBusy
    case .superseded: self = .superseded
    case .busy: self = .busy
    case .backgroundTimeOver: self = .backgroundTimeOver
    case .noFields: self = .noFields
    case .misconfigured: self = .misconfigured
    case .rejected: self = .rejected
    case .paused: self = .paused
    case .storageFailed(let failure): self = .storageFailed(StorageFailure(failure))
    case .saveFailed(let failure): self = .saveFailed(StorageFailure(failure))
    case .savedLater: self = .savedLater
    case .locked(let cause): self = .locked(LockedCause(cause))
    case .unlocked: self = .unlocked
    case .signOutAsked: self = .signOutAsked
    case .signOutNoted: self = .signOutNoted
    case .signedOut: self = .signedOut
    case .ended(let reason): self = .ended(EndReason(reason))
    }
  }
}

extension Date {
  fileprivate init(unixMilliseconds: Int64) { self.init(timeIntervalSince1970: Double(unixMilliseconds) / 1000) }
}
