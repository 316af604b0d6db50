/// What the policy knows of a request that waits for a worker. (A unit of several small requests that
/// came together counts as one, with their earliest deadline.)
public struct WaitingRequest: Sendable, Equatable {
    /// The caller's name for it.
    public var unit: Int
    /// Nanoseconds of the monotonic clock: when it was parsed, and when its answer is due.
    public var arrival: UInt64
    public var deadline: UInt64
    /// Rows that are still to be computed.
    public var rows: Int
    /// Clients' requests in it.
    public var items: Int
    /// Input bytes of its rows.
    public var bytes: Int
    /// Those with equal numbers have equal row shapes and may share a run.
    public var shape: Int
    /// Its bucket in the model's `LatencyTable`.
    public var bucket: Int
    public var priority: RequestPriority
    /// Rows were computed already: the rest shares no run.
    public var isPartial = false
    /// It is computed though it is expected to be late: the estimate has not been tested for a while.
    public var isProbe = false

    public init(
        unit: Int, arrival: UInt64, deadline: UInt64, rows: Int, items: Int = 1, bytes: Int = 0,
        shape: Int = 0, bucket: Int = 0, priority: RequestPriority = .high
    ) {
        self.unit = unit
        self.arrival = arrival
        self.deadline = deadline
        self.rows = rows
        self.items = items
        self.bytes = bytes
        self.shape = shape
        self.bucket = bucket
        self.priority = priority
    }
}
