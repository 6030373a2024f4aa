import Foundation
internal import TokencastFFI

// Every object of the host's that Rust calls stands behind one of these. Nothing of what it throws goes on: its text may quote
// what the host was given.

final class ListenerAdapter: TokencastFFI.SessionListener {
  private let listener: @Sendable (SessionEvent) throws -> Void

  init(_ listener: @escaping @Sendable (SessionEvent) throws -> Void) {
    self.listener = listener
  }

  func onEvent(event: TokencastFFI.SessionEvent) throws {
    do {
      try listener(SessionEvent(event))
    } catch {
      throw ListenerError.Threw
    }
  }
}

final class KeyWrapperAdapter: TokencastFFI.KeyWrapper {
  private let wrapper: any KeyWrapper

  init(_ wrapper: any KeyWrapper) {
    self.wrapper = wrapper
  }

  func wrap(dataKey: Data) throws -> Data {
    try guarded { try wrapper.wrap(dataKey) }
  }

  func unwrap(wrapped: Data) throws -> Data {
    try guarded { try wrapper.unwrap(wrapped) }
  }

  private func guarded(_ call: () throws -> Data) throws -> Data {
    do {
      return try call()
    } catch {
      switch error as? KeyFailure {
      case .locked: throw TokencastFFI.KeyFailure.Locked
      case .gone: throw TokencastFFI.KeyFailure.Gone
      case .transient, nil: throw TokencastFFI.KeyFailure.Transient
      }
    }
  }
}

final class BackgroundTimeAdapter: TokencastFFI.BackgroundTime {
  private let host: any BackgroundTime

  init(_ host: any BackgroundTime) {
    self.host = host
  }

  func begin(atMostMs: Int64, end: TokencastFFI.BackgroundEnd) throws -> Int64 {
    do {
      return try host.begin(atMost: .milliseconds(atMostMs), end: BackgroundEnd(core: end)) ?? 0
    } catch {
      throw BackgroundTimeError.Threw
    }
  }

  func finish(task: Int64) throws {
    do {
      try host.finish(task)
    } catch {
      throw BackgroundTimeError.Threw
    }
  }
}

final class RequestFieldsAdapter: TokencastFFI.RequestFields {
  private let host: any RequestFields

  init(_ host: any RequestFields) {
    self.host = host
  }

  func fields(purpose: TokencastFFI.Purpose) throws -> TokencastFFI.ExtraFields {
    do {
      let given = try host.fields(for: Purpose(purpose))
      return TokencastFFI.ExtraFields(headers: given.headers, fields: given.fields)
    } catch {
      throw RequestFieldsError.Threw
    }
  }
}

final class StorageAdapter: TokencastFFI.SecureStorage {
  private let store: any SecureStorage

  init(_ store: any SecureStorage) {
    self.store = store
  }

  func entryId() throws -> String {
    try guarded { try store.entryID() }
  }

  func read(name: String) throws -> TokencastFFI.ReadOutcome {
    switch try guarded({ try store.read(name) }) {
    case .found(let bytes): .found(bytes: bytes)
    case .absent: .absent
    case .unavailable(let cause): .unavailable(cause: cause.core)
    case .corrupt: .corrupt
    case .misconfigured(let what, let fix): .misconfigured(what: what, fix: fix)
    }
  }

  func write(name: String, bytes: Data) throws -> TokencastFFI.WriteOutcome {
    written(try guarded { try store.write(bytes, to: name) })
  }

  func delete(name: String) throws -> TokencastFFI.WriteOutcome {
    written(try guarded { try store.delete(name) })
  }

  private func written(_ outcome: WriteOutcome) -> TokencastFFI.WriteOutcome {
    switch outcome {
    case .acknowledged: .acknowledged
    case .unavailable(let cause): .unavailable(cause: cause.core)
    case .unconfirmed: .unconfirmed
    case .misconfigured(let what, let fix): .misconfigured(what: what, fix: fix)
    }
  }

  private func guarded<Answer>(_ call: () throws -> Answer) throws -> Answer {
    do {
      return try call()
    } catch {
      throw StorageError.Threw
    }
  }
}
