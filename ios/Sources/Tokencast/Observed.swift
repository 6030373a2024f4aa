#if canImport(Observation)
  import Observation

  /// A session's state for SwiftUI: a view that reads ``state`` is drawn again when it changes.
  ///
  ///     @State private var session = ObservedSession(session)
  ///
  /// Before iOS 17: `session.statePublisher`.
  @available(iOS 17, macOS 14, *)
  @MainActor @Observable
  public final class ObservedSession {
    /// The session behind it.
    @ObservationIgnored public let session: any AuthSessionProtocol
    /// The state, as the main actor has heard of it.
    public private(set) var state: SessionState
    @ObservationIgnored private let following = Following()

    /// Follows a session until it is let go of, or the session is closed.
    public init(_ session: any AuthSessionProtocol) {
      self.session = session
      state = session.state
      let states = session.states
      following.begin(
        Task { [weak self] in
          for await state in states {
            guard let self else { return }
            if self.state != state { self.state = state }
          }
        })
    }

    /// Whether a user is signed in.
    public var isSignedIn: Bool {
      if case .active = state { true } else { false }
    }
  }

  @available(iOS 17, macOS 14, *)
  extension ObservedSession: CustomStringConvertible {
    /// What its session says of itself.
    public nonisolated var description: String { "ObservedSession(\(session))" }
  }

  /// Ends a task with the object that holds it.
  @available(iOS 17, macOS 14, *)
  private final class Following: Sendable {
    private let task = Lock<Task<Void, Never>?>(nil)

    func begin(_ task: Task<Void, Never>) {
      self.task.withLock { $0 = task }
    }

    deinit {
      task.withLock { $0 }?.cancel()
    }
  }
#endif
