#if canImport(SwiftUI) && canImport(UIKit)
  import SwiftUI
  import Tokencast
  import WebKit

  /// Three webviews of one session, and the timeline of the demo. Start the reference backend and the demo's pages on the Mac
  /// first: docs/guides/ios-device-tests.md says how.
  @main
  struct SampleApp: App {
    @StateObject private var model = SampleModel()

    var body: some Scene {
      WindowGroup {
        VStack {
          HStack {
            Button("Sign in") { model.signIn() }
            Button("Token rejected") { model.reject() }
            Button("Sign out") { model.signOut() }
          }
          HStack { ForEach(model.pages, id: \.self) { Page(url: $0, session: model.session) } }
          List(model.timeline.entries.reversed()) { entry in
            Text("\(entry.at.formatted(date: .omitted, time: .standard))  \(entry.text)").font(.caption.monospaced())
          }
          .frame(maxHeight: 240)
        }
      }
    }
  }

  @MainActor
  final class SampleModel: ObservableObject {
    @Published private(set) var timeline = Timeline()
    let pages = (1...3).map { URL(string: "https://app.example.com/?page=\($0)")! }
    let session: AuthSession
    private let surroundings: Surroundings

    init() {
      session = AuthSession(
        profile: .rotation("https://api.example.com"), storage: .keychain(),
        stateDirectory: try? StateDirectory.application(), backgroundTime: ApplicationTime(.shared))
      surroundings = Surroundings(of: session)
      let session = session
      Task { [weak self] in for await state in session.states { self?.timeline.note(state) } }
      Task { [weak self] in for await token in session.accessTokens { self?.timeline.note(token) } }
    }

    func signIn() { attempt { try await $0.signIn(.password("ada", "lovelace")) } }

    func signOut() { attempt { try await $0.signOut() } }

    func reject() {
      attempt { session in
        if let token = session.currentToken { _ = try await session.rejected(token.generation) }
      }
    }

    private func attempt(_ act: @escaping @Sendable (AuthSession) async throws -> Void) {
      Task {
        do { try await act(session) } catch { timeline.note(error.localizedDescription) }
      }
    }
  }

  struct Page: UIViewRepresentable {
    let url: URL
    let session: AuthSession

    func makeUIView(context: Context) -> WKWebView {
      let view = WKWebView()
      do {
        let page = try session.webViews.attach(view, origins: ["https://app.example.com"])
        Task {
          await page.ready()
          view.load(URLRequest(url: url))
        }
      } catch {
        view.loadHTMLString("<p>This view could not be attached.", baseURL: nil)
      }
      return view
    }

    func updateUIView(_ view: WKWebView, context: Context) {}
  }
#endif
