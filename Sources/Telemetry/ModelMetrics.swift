import Primitives

/// Why a request to a model was not computed.
public enum RejectionReason: Int, Sendable, CaseIterable {
    case queueFull, badInput, failed, clientLeft

    var label: StaticString {
        switch self {
        case .queueFull: "queue_full"
        case .badInput: "bad_input"
        case .failed: "model_failed"
        case .clientLeft: "client_left"
        }
    }
}

/// What a version of a model is doing, as the metrics page shows it.
public enum ModelStateLabel: UInt64, Sendable, CaseIterable {
    case loading, warming, ready, failed

    var label: StaticString {
        switch self {
        case .loading: "loading"
        case .warming: "warming"
        case .ready: "ready"
        case .failed: "failed"
        }
    }
}

/// The figures of one model version: a block of cells for each thread that touches it.
public final class ModelMetrics: Sendable {
    public let model: String
    public let version: String

    /// One a thread: event loops first, then compute workers. Each thread writes its own only.
    let blocks: [CounterBlock]
    /// Gauges, written by any thread.
    private let gauges = CounterBlock(count: 4)

    static let queue = ShardedHistogram(bounds: .latency, offset: 0)
    static let compute = ShardedHistogram(bounds: .latency, offset: queue.end)
    static let total = ShardedHistogram(bounds: .latency, offset: compute.end)
    static let batchRows = ShardedHistogram(bounds: .rows, offset: total.end)
    static let rowsOffset = batchRows.end
    static let rejectionsOffset = rowsOffset + 1
    static let cellCount = rejectionsOffset + RejectionReason.allCases.count

    private enum Gauge {
        static let queueItems = 0
        static let queueRows = 1
        static let state = 2
        static let loadNanoseconds = 3
    }

    public init(model: String, version: String, threadCount: Int) {
        self.model = model
        self.version = version
        blocks = (0..<threadCount).map { _ in CounterBlock(count: Self.cellCount) }
    }

    /// A batch was computed: its rows, how long each of its `requests` waited and computed.
    public func recordBatch(
        thread: Int, rows: Int, computeNanoseconds: UInt64
    ) {
        let block = blocks[thread]
        Self.batchRows.record(UInt64(rows), in: block)
        Self.compute.record(computeNanoseconds, in: block)
        block.add(Self.rowsOffset, UInt64(rows))
    }

    /// Requests waited this long between their parsing and the start of their batch.
    public func recordQueue(thread: Int, nanoseconds: UInt64, requests: Int) {
        Self.queue.record(nanoseconds, times: UInt64(requests), in: blocks[thread])
    }

    /// A request was answered this long after it was parsed.
    public func recordTotal(thread: Int, nanoseconds: UInt64) {
        Self.total.record(nanoseconds, in: blocks[thread])
    }

    public func recordRejection(thread: Int, _ reason: RejectionReason) {
        blocks[thread].add(Self.rejectionsOffset + reason.rawValue)
    }

    public func setState(_ state: ModelStateLabel) { gauges.store(Gauge.state, state.rawValue) }

    public func setLoadTime(nanoseconds: UInt64) {
        gauges.store(Gauge.loadNanoseconds, nanoseconds)
    }

    public func queueGrew(items: Int, rows: Int) {
        gauges.addShared(Gauge.queueItems, UInt64(items))
        gauges.addShared(Gauge.queueRows, UInt64(rows))
    }

    public func queueShrank(items: Int, rows: Int) {
        gauges.subtractShared(Gauge.queueItems, UInt64(items))
        gauges.subtractShared(Gauge.queueRows, UInt64(rows))
    }

    var queueItems: UInt64 { gauges.load(Gauge.queueItems) }
    var queueRows: UInt64 { gauges.load(Gauge.queueRows) }
    var loadNanoseconds: UInt64 { gauges.load(Gauge.loadNanoseconds) }
    var state: ModelStateLabel {
        ModelStateLabel(rawValue: gauges.load(Gauge.state)) ?? .loading
    }

    /// Time that these threads spent in the model.
    func computeNanoseconds(threads: PartialRangeFrom<Int>) -> UInt64 {
        blocks[threads].reduce(0) { $0 &+ $1.load(Self.compute.offset + Self.compute.bounds.sumOffset) }
    }

    func sum(_ cell: Int) -> UInt64 { blocks.reduce(0) { $0 &+ $1.load(cell) } }
}
