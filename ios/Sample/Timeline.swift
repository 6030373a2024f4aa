import Foundation
import Tokencast

/// What happened to the session, as the demo shows it: who got which token when. No token stands in it.
struct Timeline: Sendable {
  struct Entry: Identifiable, Sendable {
    let id: Int
    let at: Date
    let text: String
  }

  private(set) var entries: [Entry] = []

  mutating func note(_ text: String, at: Date = Date()) {
    entries.append(Entry(id: entries.count, at: at, text: text))
    if entries.count > 200 { entries.removeFirst() }
  }

  mutating func note(_ token: AccessToken) { note("the app has access token \(token.generation)") }

  mutating func note(_ state: SessionState) { note("the session is \(state)") }
}
