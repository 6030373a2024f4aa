import Foundation
internal import TokencastFFI

/// A place for a session's record.
public struct Storage: Sendable {
  let core: Result<TokencastFFI.Storage, SessionError>

  private init(_ make: () throws -> TokencastFFI.Storage) {
    core = Result(catching: make).mapError(SessionError.init(any:))
  }

  /// In memory: for tests, and for apps that chose to keep nothing. Two sessions on one `Storage` share it.
  public static func memory() -> Storage {
    Storage { try .memory() }
  }

  /// The system's own secret storage: the Keychain; on Linux the Secret Service.
  ///
  /// - Parameters:
  ///   - application: The application's id such as `com.example.app`; the main bundle's when left out.
  ///   - accessGroup: A Keychain access group, which an app shares with its extensions, as it stands in the entitlement
  ///     `keychain-access-groups`; the app's own when left out. Keep it: a session is not found in another. An app
  ///     extension's main bundle is another: name `application` there too. Linux has no groups: naming one is
  ///     `.misconfigured`.
  public static func keychain(_ application: String? = nil, accessGroup: String? = nil) -> Storage {
    let application = application ?? Bundle.main.bundleIdentifier ?? ProcessInfo.processInfo.processName
    return Storage { try .keyring(application: application, accessGroup: accessGroup) }
  }

  /// Files in `folder`, sealed (AES-256-GCM) under a data key that `keyWrapper` guards.
  public static func file(_ folder: URL, keyWrapper: any KeyWrapper) -> Storage {
    Storage { try .file(folder: folder.path, keyWrapper: KeyWrapperAdapter(keyWrapper)) }
  }

  /// A store of the host's own, which sees sealed bytes only.
  public static func host(_ store: any SecureStorage, keyWrapper: any KeyWrapper) -> Storage {
    Storage { try .host(store: StorageAdapter(store), keyWrapper: KeyWrapperAdapter(keyWrapper)) }
  }
}

extension Storage: CustomStringConvertible {
  public var description: String { (try? core.get()).map { String(reflecting: $0) } ?? "Storage(unusable)" }
}

/// A place of the host's for named entries of bytes. It may block; calls come on a thread of the library's own.
///
/// What it throws counts as "cannot be read now" for a read and as "may or may not have happened" for a write.
public protocol SecureStorage: Sendable {
  /// Names the entry among all stores of this device: two sessions with the same id share one record. Not empty.
  func entryID() throws -> String

  /// Reads one entry.
  func read(_ name: String) throws -> ReadOutcome

  /// Replaces one entry, in one step: a crash leaves the old bytes or the new ones.
  func write(_ bytes: Data, to name: String) throws -> WriteOutcome

  /// Deletes one entry; an absent one counts as deleted.
  func delete(_ name: String) throws -> WriteOutcome
}

/// What a read found.
public enum ReadOutcome: Sendable, Equatable {
  /// The bytes, as they were written.
  case found(Data)
  /// The place was readable and has no such entry.
  case absent
  /// The place cannot be read now.
  case unavailable(LockedCause)
  /// The entry is there and damaged.
  case corrupt
  /// The set-up is wrong.
  case misconfigured(what: String, fix: String)
}

/// What became of a write or delete.
public enum WriteOutcome: Sendable, Equatable {
  /// Done, and it will survive a crash.
  case acknowledged
  /// Nothing was written.
  case unavailable(LockedCause)
  /// It may or may not have been written: it will be read back.
  case unconfirmed
  /// The set-up is wrong; nothing was written.
  case misconfigured(what: String, fix: String)
}

/// Wraps one 32-byte data key with a key that the platform guards.
///
/// Called on a thread of the library's own when a session is restored and when its first record is written, never at the
/// commit of an exchange. Throw a ``KeyFailure`` to say what is wrong; anything else counts as `.transient`.
public protocol KeyWrapper: Sendable {
  /// Wraps a data key. The result, which is never empty, is stored beside the record in clear.
  func wrap(_ dataKey: Data) throws -> Data

  /// Gives back the data key that was wrapped.
  func unwrap(_ wrapped: Data) throws -> Data
}

/// Why the platform's key did not serve.
public enum KeyFailure: Error, Sendable, Equatable {
  /// The device is locked, or the user did not pass the gate.
  case locked
  /// Something that may pass.
  case transient
  /// The key was deleted or invalidated: what it wrapped is lost.
  case gone
}
