import Models
import Primitives
import Synchronization
import Telemetry

/// Workers for models that are too dear to run on a loop: the lock, the threads' sleep and the memory
/// around `Scheduler`, which decides.
///
/// Work-conserving: a worker that is free takes what waits, at once. Besides the regular workers there
/// is an express one, for models that find all workers held by others (`Scheduler`).
public final class ComputePool: Sendable {
    /// A batch in the pool.
    struct Unit {
        let batch: OpenBatch
        /// A worker computes it, or has computed a part: from then on only workers look into it.
        var hasBegun = false
    }

    struct State {
        var scheduler: Scheduler
        /// What waits or runs, by `WaitingRequest.unit`.
        var units: [Unit?] = []
        var freeUnits: [Int] = []
        /// Workers that sleep, the one to wake first at the end.
        var sleeping: [Int] = []
        var isStopped = false
        /// Scratch for what the scheduler gave up.
        var dropped: [WaitingRequest] = []
    }

    /// Regular workers; the express one comes behind them.
    public let regularCount: Int
    /// Threads that are to call `runWorker`.
    public var workerCount: Int { regularCount + 1 }
    /// The number of the first worker in the metrics (loops come before).
    let firstThread: Int
    /// A worker sleeps on its own.
    let wakeups: [Wakeup]
    /// Loops add, workers take.
    let state: Mutex<State>
    /// Before this time nothing that waits expires (nanoseconds).
    private let nextExpiry = Atomic<UInt64>(.max)

    public init(
        workerCount: Int, firstThread: Int, limits: Limits = .standard
    ) throws(SystemError) {
        precondition(workerCount > 0, "a pool has workers")
        regularCount = workerCount
        self.firstThread = firstThread
        var wakeups: [Wakeup] = []
        for _ in 0...workerCount { wakeups.append(try Wakeup(.counted)) }
        self.wakeups = wakeups
        state = Mutex(State(scheduler: Scheduler(workerCount: workerCount, limits: limits)))
    }

    /// Whether a request may wait, asked before its body is parsed: the same as `submit` would say.
    func precheck(
        _ version: ModelVersion, rows: Int, bytes: Int, bucket: Int, ticket: Ticket, now: UInt64
    ) -> Admission {
        let request = WaitingRequest(
            unit: 0, arrival: now, deadline: ticket.deadlineNanoseconds, rows: rows, bytes: bytes,
            bucket: bucket, priority: ticket.priority)
        return state.withLock { state in
            state.scheduler.registerIfNeeded(version)
            return state.scheduler.admission(
                request, model: version.index, now: now, isReturning: ticket.isReturning,
                isTentative: true)
        }
    }

    /// Queues batches that came together, in one step, so that a worker finds them all. Those that may
    /// not wait are put behind `refused` with their outcome.
    func submit(_ batches: [OpenBatch], now: UInt64, refused: inout [OpenBatch]) {
        var accepted = 0
        var earliest = UInt64.max
        let wake: Int? = state.withLock { state in
            for batch in batches {
                guard let deadline = state.admit(batch, now: now) else {
                    refused.append(batch)
                    continue
                }
                accepted += 1
                earliest = min(earliest, deadline)
            }
            return accepted > 0 ? state.wake(regularCount) : nil
        }
        lowerExpiry(to: earliest)
        if let wake { wakeups[wake].raise() }
    }

    private func lowerExpiry(to deadline: UInt64) {
        var known = nextExpiry.load(ordering: .relaxed)
        while deadline < known {
            let (isDone, original) = nextExpiry.weakCompareExchange(
                expected: known, desired: deadline, ordering: .relaxed)
            if isDone { return }
            known = original
        }
    }

    /// Gives up what expired while all workers were busy; its loops hear of it. Almost always one load.
    func expire(now: UInt64) {
        guard now >= nextExpiry.load(ordering: .relaxed) else { return }
        var gone: [OpenBatch] = []
        state.withLock { state in
            nextExpiry.store(.max, ordering: .relaxed)
            let earliest = state.scheduler.expire(now: now, dropped: &state.dropped)
            state.settleDropped(now: now, into: &gone)
            nextExpiry.store(earliest ?? .max, ordering: .relaxed)
        }
        for batch in gone { batch.home.send(.completed(batch)) }
    }

    /// Takes the waiting requests of a client that left out of the queues: their places are free at
    /// once and their rows are not computed. Returns how many there were. A run that has begun is not
    /// stopped.
    func cancel(
        connection: UInt64, sequence: UInt32?, home: Mailbox<LoopMessage>, thread: Int
    ) -> Int {
        var gone: [OpenBatch] = []
        let count = state.withLock { state in
            var count = 0
            for unit in state.units.indices {
                guard let held = state.units[unit], !held.hasBegun, held.batch.home === home
                else { continue }
                count += state.cancel(
                    unit, held.batch, connection: connection, sequence: sequence, thread: thread,
                    gone: &gone)
            }
            return count
        }
        for batch in gone { batch.home.send(.completed(batch)) }
        return count
    }

    /// Lets every worker turn once, so that idle ones let go of versions that no request gets any more.
    func wakeAll() {
        for wakeup in wakeups { wakeup.raise() }
    }

    /// Requests that wait, of all models.
    public var waitingItems: Int { state.withLock { $0.scheduler.itemsTotal } }

    /// Lets the workers end once the queues are empty.
    public func stop() {
        state.withLock { $0.isStopped = true }
        for wakeup in wakeups { wakeup.raise() }
    }
}

extension Scheduler {
    mutating func registerIfNeeded(_ version: ModelVersion) {
        // An index is given to another version when nobody holds the old one any more.
        if isRegistered(version.index), latency(of: version.index) !== version.latency {
            _ = forget(version.index)
        }
        if !isRegistered(version.index) { register(version.index, ModelTerms(version)) }
    }
}
