import Models
import Primitives
import Telemetry

/// One loop's side of batching: gathers the requests of a turn, then runs cheap batches right there
/// and hands dear ones to the compute pool.
///
/// Owned by its loop, not shared.
public final class LoopBatcher {
    private struct VersionState {
        /// Batches of this turn; requests go into the last.
        var open: [OpenBatch] = []
        var free: [OpenBatch] = []
        /// What the free batches hold.
        var freeBytes = 0
    }

    private let thread: Int
    private let pool: ComputePool
    private let home: Mailbox<LoopMessage>
    private let inlineNanosecondsMax: Double
    private let limits: Limits
    /// By `ModelVersion.index`.
    private var states: [VersionState] = []
    /// Versions with open batches, in the order their first request came.
    private var touched: [Int] = []
    /// Scratch of `flush`.
    private var dear: [OpenBatch] = []
    private var refused: [OpenBatch] = []

    /// `thread` is this loop's number in the metrics.
    public init(
        thread: Int, pool: ComputePool, home: Mailbox<LoopMessage>, inlineNanosecondsMax: Double,
        limits: Limits = .standard
    ) {
        self.thread = thread
        self.pool = pool
        self.home = home
        self.inlineNanosecondsMax = inlineNanosecondsMax
        self.limits = limits
    }

    public var hasOpenBatches: Bool { !touched.isEmpty }

    /// Whether the model's runs are too long for a loop, or wait for company.
    private func isDear(_ version: ModelVersion, bucket: Int) -> Bool {
        version.configuration.batching.queueDelayNanoseconds > 0
            || version.latency.nanoseconds(rows: 1, bucket: bucket) > inlineNanosecondsMax
    }

    /// Whether a request that has just been read is refused before its body is parsed: its model's queue
    /// is full, or it cannot be ready in time. Nil when it may come in, or when that depends on what is
    /// in the body. `ticket` needs no place in a batch yet; `bytes` is the length of the body.
    public func refusal(_ version: ModelVersion, ticket: Ticket, now: UInt64) -> Admission? {
        guard version.hasStaticRows, isDear(version, bucket: 0) else { return nil }
        let admission = pool.precheck(
            version, rows: 1, bytes: 0, bucket: 0, ticket: ticket, now: now)
        switch admission {
        // What is too short for one row may still be a probe: submit decides.
        case .admitted, .probe: return nil
        case .queueFull, .tooLate, .tooShort: return admission
        }
    }

    /// The batch that the next request of a version goes into: its rows are written behind
    /// `rowCount`, then committed. Row shapes must be concrete.
    public func batch(for version: ModelVersion, rowShapes: [[Int]]) -> OpenBatch {
        while states.count <= version.index { states.append(VersionState()) }
        if let last = states[version.index].open.last, last.rowCount < version.chunkRows,
            last.rowShapes == rowShapes, last.version === version,
            last.tickets.isEmpty || !isDear(version, bucket: last.bucket)
        {
            return last
        }
        if states[version.index].open.isEmpty { touched.append(version.index) }
        let batch = reusable(version, rowShapes)
        states[version.index].open.append(batch)
        return batch
    }

    private func reusable(_ version: ModelVersion, _ rowShapes: [[Int]]) -> OpenBatch {
        let found = states[version.index].free.lastIndex {
            $0.rowShapes == rowShapes && $0.version === version
        }
        if let found {
            let batch = states[version.index].free.remove(at: found)
            states[version.index].freeBytes -= batch.memoryBytes
            return batch
        }
        return OpenBatch(version: version, rowShapes: rowShapes, home: home)
    }

    /// Ends the turn. Batches that were computed here, or that the pool refused, are given to
    /// `completed`; those that went to the pool come back through the mailbox later.
    public func flush(_ completed: (OpenBatch) -> Void) {
        guard !touched.isEmpty else { return }
        for index in touched {
            for position in states[index].open.indices {
                let batch = states[index].open[position]
                if batch.tickets.isEmpty {
                    giveBack(batch)
                    continue
                }
                let version = batch.version
                let predicted = version.latency.nanoseconds(
                    rows: batch.rowCount, bucket: batch.bucket)
                if predicted <= inlineNanosecondsMax,
                    version.configuration.batching.queueDelayNanoseconds == 0
                {
                    BatchRunner.run(batch, thread: thread)
                    completed(batch)
                    giveBack(batch)
                } else {
                    dear.append(batch)
                }
            }
            states[index].open.removeAll(keepingCapacity: true)
        }
        touched.removeAll(keepingCapacity: true)
        if !dear.isEmpty { submitDear(completed) }
    }

    private func submitDear(_ completed: (OpenBatch) -> Void) {
        pool.submit(dear, now: MonotonicClock.nanoseconds, refused: &refused)
        dear.removeAll(keepingCapacity: true)
        for batch in refused {
            completed(batch)
            giveBack(batch)
        }
        refused.removeAll(keepingCapacity: true)
    }

    /// Gives up what expired in the pool while its workers were busy: called once a turn.
    public func expire(now: UInt64) { pool.expire(now: now) }

    /// A client left, or gave up one request: what it still waits for in the pool is not computed.
    public func cancel(connection: UInt64, sequence: UInt32?) -> Int {
        pool.cancel(connection: connection, sequence: sequence, home: home, thread: thread)
    }

    /// Batches that are kept for reuse; for tests.
    package func freeBatchCount(of version: ModelVersion) -> Int {
        states[version.index].free.count
    }

    /// Lets go of the batches that are kept for versions that no request gets any more.
    public func forgetRetired() {
        for index in states.indices {
            guard let batch = states[index].free.first, batch.version.isRetired else { continue }
            states[index].free = []
            states[index].freeBytes = 0
        }
    }

    /// A batch is answered and may be filled again.
    public func giveBack(_ batch: OpenBatch) {
        let index = batch.version.index
        let bytes = states[index].freeBytes + batch.memoryBytes
        guard batch.isReusable, states[index].free.count < limits.freeBatchesMax,
            bytes <= limits.freeBatchBytesMax
        else { return }
        batch.reset()
        states[index].freeBytes = bytes
        states[index].free.append(batch)
    }
}
