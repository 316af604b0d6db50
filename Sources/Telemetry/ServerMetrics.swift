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
    /// How long a turn kept everything else of its loop waiting.
    let loopLag: ShardedHistogram
    private let utilizationCell = Mutex(Utilization())
    /// Counters and gauges that any thread writes.
    private let sharedCells = CounterBlock(count: SharedFigure.allCases.count)
    let version: String
    /// Changed at load and unload, read at scrape.
    private let modelList = Mutex<[ModelMetrics]>([])
    /// By the names of models that are there.
    private let loadList = Mutex<[LoadFigures]>([])

    /// Connection figures of a loop.
    public enum LoopCounter: Int, Sendable, CaseIterable {
        case connectionsAccepted, connectionsClosed, connectionsRefused
        case requestsBegun, requestsEnded
        case bytesRead, bytesWritten
        case timeouts
        case turns
        case badMessages
        case tlsHandshakes, tlsFailures
        /// Handshakes that continued an earlier session.
        case tlsResumed
        case http2Connections, http2Floods
        /// Requests over `--client-requests-per-second` or `--client-requests-in-flight`.
        case clientLimited
        /// Time not spent waiting for events.
        case busyNanoseconds
    }

    /// Figures that any thread writes.
    public enum SharedFigure: Int, Sendable, CaseIterable {
        case certificateReloads, certificateReloadFailures
        case accessReloads, accessReloadFailures
        /// Lines for the log that found no room.
        case logDrops
        /// The memory the process may use, in bytes; 0 without a limit.
        case memoryBytesMax
    }

    /// `version` is the program's.
    public init(
        routes: [String], statuses: [Int], loopCount: Int, workerCount: Int, version: String = ""
    ) {
        self.version = version
        self.routes = routes
        self.statuses = statuses
        self.loopCount = loopCount
        threadCount = loopCount + workerCount
        startSeconds = WallClock.seconds
        let counters =
            routes.count * statuses.count + LoopCounter.allCases.count + LimitHit.allCases.count
        loopLag = ShardedHistogram(bounds: .latency, offset: counters)
        let cells = loopLag.end
        loopBlocks = (0..<loopCount).map { _ in CounterBlock(count: cells) }
    }

    public func recordRequest(loop: Int, route: Int, status: Int) {
        guard let index = statuses.firstIndex(of: status) else { return }
        loopBlocks[loop].add(route * statuses.count + index)
    }

    public func count(loop: Int, _ counter: LoopCounter, _ value: Int = 1) {
        loopBlocks[loop].add(routes.count * statuses.count + counter.rawValue, UInt64(value))
    }

    /// A loop's turn took this long, from the events to the next wait.
    public func recordTurn(loop: Int, nanoseconds: UInt64) {
        count(loop: loop, .turns)
        count(loop: loop, .busyNanoseconds, Int(clamping: nanoseconds))
        loopLag.record(nanoseconds, in: loopBlocks[loop])
    }

    /// Counts, from any thread.
    public func count(_ figure: SharedFigure) { sharedCells.addShared(figure.rawValue) }

    public func set(_ figure: SharedFigure, _ value: Int) {
        sharedCells.store(figure.rawValue, UInt64(max(value, 0)))
    }

    public func value(_ figure: SharedFigure) -> UInt64 { sharedCells.load(figure.rawValue) }

    var lag: (cumulative: [UInt64], sum: UInt64) { loopLag.collect(loopBlocks) }

    /// Looks how much of the process's share of the machine is in use; once a second.
    public func sampleUtilization(processors: Double, connectionsMax: Int) {
        let busy = LoopCounter.busyNanoseconds.rawValue + routes.count * statuses.count
        let open = sum(.connectionsAccepted) &- sum(.connectionsClosed)
        let sample = UtilizationSample(
            nanoseconds: MonotonicClock.nanoseconds, cpuNanoseconds: ProcessorTime.nanoseconds,
            processors: processors, loopBusyNanoseconds: loopBlocks.map { $0.load(busy) },
            workerBusyNanoseconds: models.reduce(0) {
                $0 &+ $1.computeNanoseconds(threads: loopCount...)
                // The last worker is the express one, which works beside the others.
            }, workerCount: threadCount - loopCount - 1,
            connectionShare: Double(Int64(bitPattern: open)) / Double(max(connectionsMax, 1)))
        utilizationCell.withLock { $0.observe(sample) }
    }

    /// The last look's result.
    public var utilization: Utilization { utilizationCell.withLock { $0 } }

    /// A limit was hit: once for each request, connection or pause that it ended or held up.
    public func count(loop: Int, limit: LimitHit) { loopBlocks[loop].add(cell(limit)) }

    /// How often a limit was hit, over the loops.
    public func sum(_ limit: LimitHit) -> UInt64 {
        loopBlocks.reduce(0) { $0 &+ $1.load(cell(limit)) }
    }

    private func cell(_ limit: LimitHit) -> Int {
        routes.count * statuses.count + LoopCounter.allCases.count + limit.rawValue
    }

    /// The figures of a model version: those it has, since a counter never goes back while its version
    /// is there, or new ones.
    public func addModel(_ model: String, version: String) -> ModelMetrics {
        modelList.withLock { list in
            if let known = list.first(where: { $0.model == model && $0.version == version }) {
                return known
            }
            let metrics = ModelMetrics(model: model, version: version, threadCount: threadCount)
            list.append(metrics)
            return metrics
        }
    }

    /// A version left for good: its series end.
    public func removeModel(_ model: String, version: String) {
        modelList.withLock { $0.removeAll { $0.model == model && $0.version == version } }
    }

    /// Attempts to load versions of a model.
    struct LoadFigures: Sendable {
        let model: String
        var loads: UInt64 = 0
        var failures: UInt64 = 0
    }

    /// A version of a model, or its model.json, was loaded or failed to.
    public func recordLoad(_ model: String, isFailure: Bool) {
        loadList.withLock { list in
            let index = list.firstIndex { $0.model == model } ?? list.endIndex
            if index == list.endIndex { list.append(LoadFigures(model: model)) }
            list[index].loads += isFailure ? 0 : 1
            list[index].failures += isFailure ? 1 : 0
        }
    }

    /// A model left for good: its series end.
    public func removeLoads(_ model: String) {
        loadList.withLock { $0.removeAll { $0.model == model } }
    }

    // Copies of the elements: the lists are changed in place, and the thread sanitizer cannot see that
    // nobody holds them any more then.
    var loads: [LoadFigures] { loadList.withLock { list in list.map { $0 } } }

    var models: [ModelMetrics] { modelList.withLock { list in list.map { $0 } } }

    func requests(route: Int, statusIndex: Int) -> UInt64 {
        loopBlocks.reduce(0) { $0 &+ $1.load(route * statuses.count + statusIndex) }
    }

    /// The sum of a figure over the loops.
    public func sum(_ counter: LoopCounter) -> UInt64 {
        let cell = routes.count * statuses.count + counter.rawValue
        return loopBlocks.reduce(0) { $0 &+ $1.load(cell) }
    }
}
