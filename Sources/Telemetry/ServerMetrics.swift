import Primitives
import Synchronization

/// All figures of the process. Threads write into their own blocks; `MetricsPage` adds them up when
/// somebody scrapes.
public final class ServerMetrics: Sendable {
    /// Route names as they stand in the `route` label: only what is registered, never a client's path.
    public let routes: [String]
    public let statuses: [Int]
    public let loopCount: Int
    /// Loops and compute workers.
    public let threadCount: Int
    let startSeconds: Int

    /// One a loop: requests by route and status, the connection figures, the limits that were hit.
    private let loopBlocks: [CounterBlock]
    /// Appended at load, read at scrape.
    private let modelList = Mutex<[ModelMetrics]>([])

    /// Connection figures of a loop.
    public enum LoopCounter: Int, Sendable, CaseIterable {
        case connectionsAccepted, connectionsClosed, connectionsRefused
        case requestsBegun, requestsEnded
        case bytesRead, bytesWritten
        case timeouts
        case turns
        case badMessages
        case tlsHandshakes, tlsFailures
        case http2Connections, http2Floods
    }

    public init(routes: [String], statuses: [Int], loopCount: Int, workerCount: Int) {
        self.routes = routes
        self.statuses = statuses
        self.loopCount = loopCount
        threadCount = loopCount + workerCount
        startSeconds = WallClock.seconds
        let cells =
            routes.count * statuses.count + LoopCounter.allCases.count + LimitHit.allCases.count
        loopBlocks = (0..<loopCount).map { _ in CounterBlock(count: cells) }
    }

    public func recordRequest(loop: Int, route: Int, status: Int) {
        guard let index = statuses.firstIndex(of: status) else { return }
        loopBlocks[loop].add(route * statuses.count + index)
    }

    public func count(loop: Int, _ counter: LoopCounter, _ value: Int = 1) {
        loopBlocks[loop].add(routes.count * statuses.count + counter.rawValue, UInt64(value))
    }

    /// A limit was hit: once for each request, connection or pause that it ended or held up.
    public func count(loop: Int, limit: LimitHit) { loopBlocks[loop].add(cell(limit)) }

    /// How often a limit was hit, over the loops.
    public func sum(_ limit: LimitHit) -> UInt64 {
        loopBlocks.reduce(0) { $0 &+ $1.load(cell(limit)) }
    }

    private func cell(_ limit: LimitHit) -> Int {
        routes.count * statuses.count + LoopCounter.allCases.count + limit.rawValue
    }

    /// A new model version's figures.
    public func addModel(_ model: String, version: String) -> ModelMetrics {
        let metrics = ModelMetrics(model: model, version: version, threadCount: threadCount)
        modelList.withLock { $0.append(metrics) }
        return metrics
    }

    var models: [ModelMetrics] { modelList.withLock { $0 } }

    func requests(route: Int, statusIndex: Int) -> UInt64 {
        loopBlocks.reduce(0) { $0 &+ $1.load(route * statuses.count + statusIndex) }
    }

    /// The sum of a figure over the loops.
    public func sum(_ counter: LoopCounter) -> UInt64 {
        let cell = routes.count * statuses.count + counter.rawValue
        return loopBlocks.reduce(0) { $0 &+ $1.load(cell) }
    }
}
