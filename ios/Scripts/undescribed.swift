// Names the public symbols of symbol graphs (its arguments) that have no documentation, and fails if there are any. Left out is
// what a protocol already describes, and what the compiler makes.
import Foundation

struct Graph: Decodable {
  struct Symbol: Decodable {
    struct Name: Decodable { let precise: String }
    struct Comment: Decodable {}

    let identifier: Name
    let pathComponents: [String]
    let docComment: Comment?
  }

  let symbols: [Symbol]
}

var (count, undescribed): (Int, [String]) = (0, [])
for file in CommandLine.arguments.dropFirst() {
  let graph = try JSONDecoder().decode(Graph.self, from: Data(contentsOf: URL(fileURLWithPath: file)))
  for symbol in graph.symbols where !symbol.identifier.precise.contains("::SYNTHESIZED::") {
    count += 1
    if symbol.docComment == nil { undescribed.append(symbol.pathComponents.joined(separator: ".")) }
  }
}
for name in undescribed.sorted() { print("\(name) has no documentation") }
exit(undescribed.isEmpty && count > 200 ? 0 : 1)
