import Primitives

/// The requests of one model that wait for a worker: a line for each priority, and what is counted of
/// them. A value; time is an argument.
public struct ModelQueue: Sendable {
    private var high = WaitingLine()
    private var low = WaitingLine()
    /// Clients' requests and input bytes that wait.
    public private(set) var items = 0
    public private(set) var bytes = 0
    /// Runs of this model that are on a worker.
    public internal(set) var runningCount = 0
    /// Compute rows served to each line, divided by its share: who has less is next.
    private var highServed = 0.0
    private var lowServed = 0.0
    private let share: Double
    /// How fast it is worked off.
    var drain = DrainMeter()

    /// `priorityShare` rows of the high line are computed for each of the low one while both wait.
    public init(priorityShare: Int = Limits.standard.priorityShare) {
        share = Double(max(priorityShare, 1))
    }

    public subscript(priority: RequestPriority) -> WaitingLine {
        _read {
            switch priority {
            case .high: yield high
            case .low: yield low
            }
        }
        _modify {
            switch priority {
            case .high: yield &high
            case .low: yield &low
            }
        }
    }

    /// Units in both lines.
    public var count: Int { high.count + low.count }
    public var rows: Int { high.rows + low.rows }
    public var isEmpty: Bool { high.isEmpty && low.isEmpty }

    public mutating func insert(_ request: WaitingRequest) {
        // A line that was empty has saved nothing up.
        if self[request.priority].isEmpty {
            switch request.priority {
            case .high: highServed = max(highServed, lowServed)
            case .low: lowServed = max(lowServed, highServed)
            }
        }
        self[request.priority].insert(request)
        items += request.items
        bytes += request.bytes
    }

    public mutating func removeFirst(_ priority: RequestPriority) -> WaitingRequest {
        let request = self[priority].removeFirst()
        items -= request.items
        bytes -= request.bytes
        return request
    }

    public mutating func remove(unit: Int) -> WaitingRequest? {
        guard let request = high.remove(unit: unit) ?? low.remove(unit: unit) else { return nil }
        items -= request.items
        bytes -= request.bytes
        return request
    }

    /// Which line is next: the high one, unless it is ahead of its share by more than a run.
    ///
    /// While both wait, the low line's first request waits for at most `share + 1` full runs of high
    /// rows before the model's next run is its own.
    public func nextPriority(chunkRows: Int) -> RequestPriority? {
        if high.isEmpty { return low.isEmpty ? nil : .low }
        if low.isEmpty { return .high }
        return highServed > lowServed + Double(chunkRows) ? .low : .high
    }

    /// Moves the requests of a run behind `taken`: the first of a line and others of its shape, its own
    /// line first. Returns their rows.
    public mutating func take(
        _ priority: RequestPriority, rowsMax: Int, into taken: inout [WaitingRequest]
    ) -> Int {
        let start = taken.count
        let anchor = removeFirst(priority)
        taken.append(anchor)
        var room = rowsMax - anchor.rows
        if room > 0, !anchor.isPartial {
            self[priority].take(shape: anchor.shape, room: &room, into: &taken)
            self[priority.other].take(shape: anchor.shape, room: &room, into: &taken)
        }
        var sum = 0
        for index in start..<taken.count {
            let request = taken[index]
            if index > start {
                items -= request.items
                bytes -= request.bytes
            }
            let rows = index == start ? min(request.rows, max(rowsMax, 1)) : request.rows
            sum += rows
            switch request.priority {
            case .high: highServed += Double(rows) / share
            case .low: lowServed += Double(rows)
            }
        }
        if isEmpty { drain.drained() }
        return sum
    }

    /// Rows of the anchor's shape that wait, `limit` at most.
    func rows(like anchor: WaitingRequest, limit: Int) -> Int {
        let own = self[anchor.priority].rows(shape: anchor.shape, limit: limit)
        let others = self[anchor.priority.other].rows(shape: anchor.shape, limit: limit - own)
        return own + others
    }

    /// The earliest deadline among the requests of a shape.
    func earliestDeadline(shape: Int) -> UInt64? {
        let first = high.first(shape: shape)?.deadline
        let second = low.first(shape: shape)?.deadline
        guard let first, let second else { return first ?? second }
        return min(first, second)
    }

    /// When the one that waits longest came.
    var oldestArrival: UInt64? {
        guard let first = high.oldestArrival else { return low.oldestArrival }
        guard let second = low.oldestArrival else { return first }
        return min(first, second)
    }

    /// Rows that will be computed before a new request of this priority and deadline.
    public func rowsAhead(of deadline: UInt64, _ priority: RequestPriority) -> Int {
        switch priority {
        case .high:
            let own = high.rowsAhead(of: deadline)
            return own + min(low.rows, own / Int(share))
        case .low:
            let own = low.rowsAhead(of: deadline)
            return own + min(high.rows, (own + 1) * Int(share))
        }
    }
}

extension RequestPriority {
    var other: RequestPriority {
        switch self {
        case .high: .low
        case .low: .high
        }
    }
}
