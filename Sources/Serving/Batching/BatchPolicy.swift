import Primitives

/// What a worker that is free does next for a model: a function of the time, the model's queue, what a run
/// costs and the model's terms. It changes nothing and knows no clock.
///
/// In this order:
/// 1. Who is first in either line and past its deadline is dropped.
/// 2. The line is chosen (`ModelQueue.nextPriority`); its first request anchors the run.
/// 3. An anchor that cannot make its deadline even alone is dropped: computing it would only make
///    others late. (A probe is not: it is there to correct the estimate.)
/// 4. The run takes requests of the anchor's shape by deadline, both lines, up to `batchSizeMax` rows,
///    to what is expected to meet the earliest deadline among them, to as many as save compute
///    (`LatencyLine.rowsThatPay`), and to `slice` nanoseconds when other models want the workers.
/// 5. Only if the model has a `max_queue_delay`, a run that is not full waits for company: until its
///    oldest request waited that long, or must begin to meet its deadline.
public enum BatchPolicy {
    /// What holds for a model at this moment.
    public struct Terms: Sendable {
        /// The most rows of a run.
        public var chunkRows: Int
        public var queueDelay: UInt64 = 0
        /// The longest run, in nanoseconds; nil when no other model is around.
        public var slice: Double?

        public init(chunkRows: Int, queueDelay: UInt64 = 0, slice: Double? = nil) {
            self.chunkRows = chunkRows
            self.queueDelay = queueDelay
            self.slice = slice
        }
    }

    public enum Decision: Sendable, Equatable {
        /// Nothing waits.
        case idle
        /// The first of this line expired, or cannot be ready in time.
        case drop(RequestPriority)
        /// Nothing to do before this time unless more comes.
        case wait(until: UInt64)
        /// The first of this line, joined by requests of its shape up to so many rows in all. A request
        /// with more rows than that runs alone, so many rows now.
        case run(RequestPriority, rowsMax: Int)
    }

    /// `cost` gives the line of a bucket of `LatencyTable`.
    public static func decide(
        now: UInt64, queue: borrowing ModelQueue, terms: Terms, cost: (Int) -> LatencyLine
    ) -> Decision {
        for priority in RequestPriority.allCases {
            if let first = queue[priority].first, first.deadline <= now { return .drop(priority) }
        }
        guard let priority = queue.nextPriority(chunkRows: terms.chunkRows),
            let anchor = queue[priority].first
        else { return .idle }
        let line = cost(anchor.bucket)
        let left = Double(anchor.deadline - now)
        let alone = line.nanoseconds(rows: anchor.rows, chunk: terms.chunkRows)
        if alone > left, line.isMeasured, !anchor.isProbe { return .drop(priority) }
        guard anchor.rows <= terms.chunkRows, !anchor.isPartial else {
            return .run(priority, rowsMax: piece(of: anchor, line, terms))
        }
        let most = max(line.rowsThatPay(chunk: terms.chunkRows), anchor.rows)
        let wanted = queue.rows(like: anchor, limit: most)
        let due = queue.earliestDeadline(shape: anchor.shape) ?? anchor.deadline
        let room = due > now ? Double(due - now) : 0
        var rows = wanted
        if line.isMeasured {
            let limit = min(room, terms.slice ?? room)
            rows = min(rows, line.rows(within: limit, chunk: terms.chunkRows))
        }
        rows = max(rows, anchor.rows)
        if terms.queueDelay > 0, rows == wanted, wanted < most, terms.slice == nil,
            let oldest = queue.oldestArrival
        {
            let run = UInt64(max(line.nanoseconds(rows: rows), 0))
            let latest = due > run ? due - run : 0
            let until = min(oldest + terms.queueDelay, latest)
            if until > now { return .wait(until: until) }
        }
        return .run(priority, rowsMax: rows)
    }

    /// How much of a request with many rows runs now: whole chunks, about a slice of time.
    private static func piece(
        of request: WaitingRequest, _ line: LatencyLine, _ terms: Terms
    ) -> Int {
        let chunk = terms.chunkRows
        let slice = terms.slice ?? Double(Limits.standard.sliceMilliseconds) * 1e6
        let runs = max(1, Int(min(slice / max(line.nanoseconds(rows: chunk), 1), 1e6)))
        let (rows, overflow) = runs.multipliedReportingOverflow(by: chunk)
        return overflow ? request.rows : min(rows, request.rows)
    }
}
