/// What a worker computes in one go.
public struct ScheduledRun: Sendable {
    /// The model's index in the scheduler.
    public internal(set) var model = 0
    /// One or more requests of one shape; kept to reuse its memory.
    public internal(set) var requests: [WaitingRequest] = []
    /// Rows of this run: those of all requests, or a part of the only one.
    public internal(set) var rows = 0
    /// What it was expected to take when it began, in nanoseconds.
    public internal(set) var expected = 0.0
    /// When it is expected to end.
    public internal(set) var expectedEnd: UInt64 = 0

    public init() {}

    mutating func reset() {
        requests.removeAll(keepingCapacity: true)
        rows = 0
        expected = 0
    }

    /// The rest of a request whose rows were not all computed.
    var rest: WaitingRequest? {
        guard requests.count == 1, let request = requests.first, request.rows > rows else {
            return nil
        }
        var rest = request
        rest.bytes -= request.bytes / max(request.rows, 1) * rows
        rest.rows -= rows
        rest.isPartial = true
        return rest
    }
}
