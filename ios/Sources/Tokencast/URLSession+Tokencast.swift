import Foundation

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

extension URLSession {
  /// Loads data with the session's access token (RFC 6750 §2.1). A refused token is refreshed, together with whoever else
  /// waits for that, and the request is replayed once, unless its body is a stream.
  ///
  /// The token goes to the profile's `resource_origins` only: a redirect within the origin carries it, one that leaves the
  /// origin carries neither it nor cookies that the request brought. A request that has an `Authorization` header of its own is
  /// sent as it is, and then nothing is refreshed. Cancelling the task ends the waiting and the request, never the refresh.
  ///
  /// - Throws: ``SessionError`` when there is no token for it; `.misconfigured` for another origin. `URLError` when the request
  ///   itself fails.
  public func data(
    for request: URLRequest, authorizedBy session: any AuthSessionProtocol
  ) async throws -> (Data, URLResponse) {
    try await AuthorizedCall(request, by: session).perform { request, redirects in
      try await run(redirects) { dataTask(with: request, completionHandler: $0) }
    }
  }

  /// Uploads data with the session's access token; see ``data(for:authorizedBy:)``.
  public func upload(
    for request: URLRequest, from bodyData: Data, authorizedBy session: any AuthSessionProtocol
  ) async throws -> (Data, URLResponse) {
    try await AuthorizedCall(request, by: session).perform { request, redirects in
      try await run(redirects) { uploadTask(with: request, from: bodyData, completionHandler: $0) }
    }
  }

  /// Uploads a file with the session's access token; see ``data(for:authorizedBy:)``. Keep the file until the call returns.
  public func upload(
    for request: URLRequest, fromFile fileURL: URL, authorizedBy session: any AuthSessionProtocol
  ) async throws -> (Data, URLResponse) {
    #if canImport(FoundationNetworking)
      // Foundation 6.0 ends the process on Linux when the answer, such as a 401, comes before it has read the file to its end.
      return try await upload(for: request, from: Data(contentsOf: fileURL), authorizedBy: session)
    #else
      return try await AuthorizedCall(request, by: session).perform { request, redirects in
        try await run(redirects) { uploadTask(with: request, fromFile: fileURL, completionHandler: $0) }
      }
    #endif
  }

  /// Downloads to a file with the session's access token; see ``data(for:authorizedBy:)``. The file is the caller's to remove.
  public func download(
    for request: URLRequest, authorizedBy session: any AuthSessionProtocol
  ) async throws -> (URL, URLResponse) {
    try await AuthorizedCall(request, by: session).perform(discarding: remove) { request, redirects in
      try await run(redirects) { done in
        downloadTask(with: request) { file, response, error in done(file.flatMap(kept), response, error) }
      }
    }
  }

  /// Runs a task with a delegate of its own. (`data(for:delegate:)` of FoundationNetworking 6.0 asks that one about nothing.)
  private func run<Answer: Sendable>(
    _ delegate: any URLSessionTaskDelegate,
    make: (@escaping @Sendable (Answer?, URLResponse?, (any Error)?) -> Void) -> URLSessionTask
  ) async throws -> (Answer, URLResponse) {
    let running = Lock<(task: URLSessionTask?, isCancelled: Bool)>((nil, false))
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let task = make { answer, response, error in
          if let answer, let response, error == nil {
            continuation.resume(returning: (answer, response))
          } else {
            continuation.resume(throwing: error ?? URLError(.unknown))
          }
        }
        task.delegate = delegate
        task.resume()
        let isCancelled = running.withLock { running in
          running.task = task
          return running.isCancelled
        }
        if isCancelled { task.cancel() }
      }
    } onCancel: {
      let task = running.withLock { running in
        running.isCancelled = true
        return running.task
      }
      task?.cancel()
    }
  }
}

private func remove(_ file: URL) {
  try? FileManager.default.removeItem(at: file)
}

/// A downloaded file in a place of the caller's: the one that it comes in is gone when the handler returns.
private func kept(_ file: URL) -> URL? {
  let place = FileManager.default.temporaryDirectory.appendingPathComponent("tokencast-\(UUID().uuidString)")
  return (try? FileManager.default.moveItem(at: file, to: place)).map { place }
}
