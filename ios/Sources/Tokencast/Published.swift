#if canImport(Combine)
  import Combine

  extension AuthSessionProtocol {
    /// The states for Combine, the current one first; it finishes when the session is closed. Values come on no particular
    /// thread: `receive(on:)` names one.
    public var statePublisher: AnyPublisher<SessionState, Never> {
      publisher { [self] in states }
    }

    /// The broadcast for Combine: the current token first, then each new one, already saved.
    public var accessTokenPublisher: AnyPublisher<AccessToken, Never> {
      publisher { [self] in accessTokens }
    }

    private func publisher<Element: Sendable>(
      of elements: @escaping @Sendable () -> AsyncStream<Element>
    ) -> AnyPublisher<Element, Never> {
      Deferred {
        let subject = Relay<Element>()
        let following = Task {
          for await element in elements() { subject.send(element) }
          subject.finish()
        }
        return subject.values.handleEvents(receiveCancel: following.cancel)
      }.eraseToAnyPublisher()
    }
  }

  /// A subject may be told from any thread, which its type does not say.
  private struct Relay<Element: Sendable>: @unchecked Sendable {
    private let subject = ReplayingLast<Element>(nil)

    var values: some Publisher<Element, Never> { subject.compactMap { $0 } }

    func send(_ element: Element) { subject.send(element) }

    func finish() { subject.send(completion: .finished) }
  }

  /// Keeps what came before the subscriber did.
  private typealias ReplayingLast<Element> = CurrentValueSubject<Element?, Never>
#endif
