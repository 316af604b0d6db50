/// What the scheduler must know of a model that does not change while it is served.
public struct ModelTerms: Sendable {
    /// Rows of one run at most.
    public var chunkRows: Int
    /// Its share of the workers against other models'.
    public var weight: Double
    /// How long a request may wait for company while a worker is idle, in nanoseconds.
    public var queueDelay: UInt64
    public var queueItemsMax: Int
    public var queueBytesMax: Int
    /// What a run costs.
    public var latency: LatencyTable

    public init(
        chunkRows: Int, latency: LatencyTable, weight: Double = 1, queueDelay: UInt64 = 0,
        queueItemsMax: Int = 1_024, queueBytesMax: Int = 256 << 20
    ) {
        self.chunkRows = max(chunkRows, 1)
        self.latency = latency
        self.weight = max(weight, 0.001)
        self.queueDelay = queueDelay
        self.queueItemsMax = queueItemsMax
        self.queueBytesMax = queueBytesMax
    }

    init(_ version: ModelVersion) {
        let batching = version.configuration.batching
        self.init(
            chunkRows: version.chunkRows, latency: version.latency, weight: batching.weight,
            queueDelay: batching.queueDelayNanoseconds, queueItemsMax: batching.queueItemsMax,
            queueBytesMax: batching.queueBytesMax)
    }
}
