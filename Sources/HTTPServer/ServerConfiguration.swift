import IO
import Primitives

/// What an operator decides about the server.
public struct ServerConfiguration: Sendable {
    public var address = ListenAddress(host: "127.0.0.1", port: 8080)
    /// Event loops, one a core.
    public var loopCount = 1
    /// Compute workers for dear models.
    public var workerCount = 1
    /// A batch that is expected to take no longer than this runs on the loop.
    public var inlineMicroseconds = 200
    public var limits = Limits.standard

    public init() {}
}
