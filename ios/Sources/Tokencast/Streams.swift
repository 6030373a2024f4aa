/// The open streams of one kind of value. Whoever holds it guards it, and finishes what ``end()`` gives back outside the lock:
/// the end of a stream runs the app's code.
package struct Streams<Element: Sendable>: Sendable {
  private var open: [Int: AsyncStream<Element>.Continuation] = [:]
  private var next = 0

  package init() {}

  package mutating func add(_ stream: AsyncStream<Element>.Continuation) -> Int {
    next += 1
    open[next] = stream
    return next
  }

  package mutating func remove(_ number: Int) {
    open[number] = nil
  }

  package func yield(_ element: Element) {
    for stream in open.values { stream.yield(element) }
  }

  package mutating func end() -> [AsyncStream<Element>.Continuation] {
    defer { open = [:] }
    return Array(open.values)
  }
}
