import Primitives

/// Why a request to a model was not computed.
public enum RejectionReason: Int, Sendable, CaseIterable {
    case queueFull, badInput, failed, clientLeft
    /// Before it waited: what waits before it would make it late; its run alone is too long.
    case overloaded, timeoutTooShort
    /// While it waited; after it was computed.
    case expiredInQueue, computedTooLate

    var label: StaticString {
        switch self {
        case .queueFull: "queue_full"
        case .overloaded: "overloaded"
        case .timeoutTooShort: "timeout_too_short"
        case .expiredInQueue: "expired_in_queue"
        case .computedTooLate: "computed_too_late"
        case .badInput: "bad_input"
        case .failed: "model_failed"
        case .clientLeft: "client_left"
        }
    }
}

/// What a version of a model is doing, as the metrics page shows it.
public enum ModelStateLabel: UInt64, Sendable, CaseIterable {
    case found, loading, warming, ready, draining, failed

    var label: StaticString {
        switch self {
        case .found: "found"
        case .draining: "draining"
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
    private let gauges = CounterBlock(count: 5)
    /// What came of shadow traffic to this version; written by the shadow thread, drops by any.
    private let shadow = CounterBlock(count: Shadow.latency.end)

    static let queue = ShardedHistogram(bounds: .latency, offset: 0)
    static let compute = ShardedHistogram(bounds: .latency, offset: queue.end)
    static let total = ShardedHistogram(bounds: .latency, offset: compute.end)
    static let batchRows = ShardedHistogram(bounds: .rows, offset: total.end)
    static let decode = ShardedHistogram(bounds: .latency, offset: batchRows.end)
    static let encode = ShardedHistogram(bounds: .latency, offset: decode.end)
    static let forming = ShardedHistogram(bounds: .latency, offset: encode.end)
    static let rowsOffset = forming.end
    /// Bytes of padded rows, then those of the padding.
    static let paddedOffset = rowsOffset + 1
    static let rejectionsOffset = paddedOffset + 2
    static let cellCount = rejectionsOffset + RejectionReason.allCases.count

    private enum Shadow {
        static let rows = 0
        static let agreeing = 1
        static let failed = 2
        static let dropped = 3
        static let difference = 4
        static let latency = ShardedHistogram(bounds: .latency, offset: 5)
    }

    private enum Gauge {
        static let queueItems = 0
        static let queueRows = 1
        static let state = 2
        static let loadNanoseconds = 3
        static let queueBytes = 4
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

    /// A request's body was read into its batch.
    public func recordDecode(thread: Int, nanoseconds: UInt64) {
        Self.decode.record(nanoseconds, in: blocks[thread])
    }

    /// An answer's body was written.
    public func recordEncode(thread: Int, nanoseconds: UInt64) {
        Self.encode.record(nanoseconds, in: blocks[thread])
    }

    /// A batch's run begins, this long after its first request was parsed.
    public func recordForming(thread: Int, nanoseconds: UInt64) {
        Self.forming.record(nanoseconds, in: blocks[thread])
    }

    /// Rows were padded: their bytes without and with the padding.
    public func recordPadding(thread: Int, plainBytes: Int, paddedBytes: Int) {
        let block = blocks[thread]
        block.add(Self.paddedOffset, UInt64(clamping: paddedBytes))
        block.add(Self.paddedOffset + 1, UInt64(clamping: paddedBytes - plainBytes))
    }

    /// A request was answered this long after it was parsed.
    public func recordTotal(thread: Int, nanoseconds: UInt64) {
        Self.total.record(nanoseconds, in: blocks[thread])
    }

    public func recordRejection(thread: Int, _ reason: RejectionReason) {
        blocks[thread].add(Self.rejectionsOffset + reason.rawValue)
    }

    /// A shadow request was computed and compared; `difference` is the largest of two numbers.
    public func recordShadow(rows: Int, agreeing: Int, difference: Double, nanoseconds: UInt64) {
        shadow.add(Shadow.rows, UInt64(rows))
        shadow.add(Shadow.agreeing, UInt64(agreeing))
        Shadow.latency.record(nanoseconds, in: shadow)
        if difference > shadowDifference {
            shadow.store(Shadow.difference, difference.bitPattern)
        }
    }

    /// A shadow request could not be computed.
    public func recordShadowFailure() { shadow.add(Shadow.failed) }

    /// A shadow request found no room.
    public func recordShadowDrop() { shadow.addShared(Shadow.dropped) }

    var shadowRows: UInt64 { shadow.load(Shadow.rows) }
    var shadowAgreeing: UInt64 { shadow.load(Shadow.agreeing) }
    var shadowFailed: UInt64 { shadow.load(Shadow.failed) }
    var shadowDropped: UInt64 { shadow.load(Shadow.dropped) }
    var shadowDifference: Double { Double(bitPattern: shadow.load(Shadow.difference)) }
    static var shadowLatency: ShardedHistogram { Shadow.latency }
    var shadowBlocks: [CounterBlock] { [shadow] }
    /// It was some version's shadow.
    var hasShadow: Bool { shadowRows + shadowFailed + shadowDropped > 0 }

    public func setState(_ state: ModelStateLabel) { gauges.store(Gauge.state, state.rawValue) }

    public func setLoadTime(nanoseconds: UInt64) {
        gauges.store(Gauge.loadNanoseconds, nanoseconds)
    }

    public func queueGrew(items: Int, rows: Int, bytes: Int) {
        gauges.addShared(Gauge.queueBytes, UInt64(bytes))
        gauges.addShared(Gauge.queueItems, UInt64(items))
        gauges.addShared(Gauge.queueRows, UInt64(rows))
    }

    public func queueShrank(items: Int, rows: Int, bytes: Int) {
        gauges.subtractShared(Gauge.queueBytes, UInt64(bytes))
        gauges.subtractShared(Gauge.queueItems, UInt64(items))
        gauges.subtractShared(Gauge.queueRows, UInt64(rows))
    }

    var queueItems: UInt64 { gauges.load(Gauge.queueItems) }
    var queueBytes: UInt64 { gauges.load(Gauge.queueBytes) }
    var queueRows: UInt64 { gauges.load(Gauge.queueRows) }
    var loadNanoseconds: UInt64 { gauges.load(Gauge.loadNanoseconds) }
    var state: ModelStateLabel {
        ModelStateLabel(rawValue: gauges.load(Gauge.state)) ?? .loading
    }

    /// Time that these threads spent in the model.
    func computeNanoseconds(threads: PartialRangeFrom<Int>) -> UInt64 {
        blocks[threads].reduce(0) {
            $0 &+ $1.load(Self.compute.offset + Self.compute.bounds.sumOffset)
        }
    }

    func sum(_ cell: Int) -> UInt64 { blocks.reduce(0) { $0 &+ $1.load(cell) } }
}
