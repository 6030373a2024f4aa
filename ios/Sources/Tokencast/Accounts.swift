import Foundation
internal import TokencastFFI

/// Several accounts of one app: each an ``AuthSession`` with a record of its own, and a list of them in the same storage.
///
/// Making one does no I/O and cannot fail; a set-up that is wrong is told by every call. All sessions that are open on one
/// account are one session.
public final class Accounts: Sendable {
  private let core: Result<TokencastFFI.Accounts, SessionError>
  private let profile: ServerProfile

  /// The parts are those of ``AuthSession``.
  public init(
    profile: ServerProfile,
    storage: Storage,
    stateDirectory: URL? = nil,
    persistsAccessToken: Bool = false,
    readOnly: Bool = false,
    backgroundTime: (any BackgroundTime)? = nil,
    requestFields: (any RequestFields)? = nil
  ) {
    self.profile = profile
    core = Result { () throws -> TokencastFFI.Accounts in
      let options = SessionOptions(
        entry: nil, stateDir: stateDirectory?.path, persistAccessToken: persistsAccessToken, readOnly: readOnly)
      return try TokencastFFI.Accounts(
        profile: profile.core.get(), storage: storage.core.get(), options: options,
        backgroundTime: backgroundTime.map(BackgroundTimeAdapter.init),
        requestFields: requestFields.map(RequestFieldsAdapter.init))
    }.mapError(SessionError.init(any:))
  }

  /// The accounts and the current one. Opens no session; nothing goes over the network.
  public func list() async throws -> AccountList {
    let list = try await asking { core in try await core.list() }
    return AccountList(
      accounts: list.accounts.map { Account(id: $0.id, name: $0.name) }, current: list.current)
  }

  /// Puts an account on the list and opens its session, which is signed out at first. The first account becomes the current
  /// one; one that is on the list already is opened, and takes a new name if one is given.
  ///
  /// - Parameters:
  ///   - id: The app's own name for it: 1 to 128 bytes without control characters.
  ///   - name: The account's name as the app shows it.
  public func add(_ id: String, name: String? = nil) async throws -> AuthSession {
    opened(try await asking { core in try await core.add(id: id, name: name) })
  }

  /// Opens the session of an account.
  ///
  /// - Throws: ``SessionError``; `.misconfigured` when it is not on the list.
  public func open(_ id: String) async throws -> AuthSession {
    opened(try await asking { core in try await core.open(id: id) })
  }

  /// Opens the session of the current account; `nil` when there is none.
  public func current() async throws -> AuthSession? {
    (try await asking { core in try await core.current() }).map(opened)
  }

  /// Makes an account the current one, for the next start too, and opens its session.
  public func switchTo(_ id: String) async throws -> AuthSession {
    opened(try await asking { core in try await core.switchTo(id: id) })
  }

  /// Signs an account out, revokes, and deletes all that is kept of it; its sessions in this process are closed. Without a
  /// network the revocation is kept for the next start. One that is not on the list counts as removed.
  public func remove(_ id: String) async throws {
    try await asking { core in try await core.remove(id: id) }
  }

  /// It may be open already: what it knows is there at once.
  private func opened(_ core: TokencastFFI.AuthSession) -> AuthSession {
    let session = AuthSession(core: .success(core), profile: profile)
    session.look()
    return session
  }

  private func asking<Answer: Sendable>(
    _ question: @escaping @Sendable (TokencastFFI.Accounts) async throws -> Answer
  ) async throws -> Answer {
    let core = try core.get()
    return try await waiting {
      do {
        return try await question(core)
      } catch {
        throw SessionError(any: error)
      }
    }
  }
}

/// One account of the list.
public struct Account: Sendable, Equatable, Identifiable {
  /// The app's name for it.
  public let id: String
  /// What the user knows it by.
  public let name: String?

  /// An account that nobody added: for fakes and previews.
  public init(id: String, name: String?) {
    self.id = id
    self.name = name
  }
}

/// The list as it stands in the storage.
public struct AccountList: Sendable, Equatable {
  /// In the order in which they were added.
  public let accounts: [Account]
  /// The id of the current one.
  public let current: String?

  /// A list that nobody keeps: for fakes and previews.
  public init(accounts: [Account], current: String?) {
    self.accounts = accounts
    self.current = current
  }
}
