import Models
import Primitives
import Synchronization
import Telemetry

/// Workers for models that are too dear to run on a loop.
///
/// Work-conserving: a worker takes whatever waits, at once; batches that queue while all workers are
/// busy are joined up to the model's batch size. Models take turns, so none starves another.
public final class ComputePool: Sendable {
    private struct Queue {
        var batches: [OpenBatch] = []
        var items = 0
        var rows = 0
        var bytes = 0

        mutating func append(_ batch: OpenBatch, byteCount: Int) {
            batches.append(batch)
            items += batch.tickets.count
            rows += batch.rowCount
            bytes += byteCount
        }

        /// Moves what fits one run behind `taken`: at least one batch, more of its row shape.
        mutating func take(into taken: inout [OpenBatch]) {
            let first = batches[0]
            var count = 0
            var takenRows = 0
            while count < batches.count {
                let batch = batches[count]
                let fits =
                    takenRows + batch.rowCount <= first.version.chunkRows
                    && batch.rowShapes == first.rowShapes
                guard count == 0 || fits else { break }
                taken.append(batch)
                takenRows += batch.rowCount
                // What was cancelled has left the counts already.
                items -= batch.liveTickets
                rows -= batch.liveRows
                bytes -= batch.bytesPerRow * batch.liveRows
                count += 1
            }
            batches.removeFirst(count)
        }
    }

    private struct State {
        /// By `ModelVersion.index`. Changed in place, so that a steady flow does not allocate.
        var queues: [Queue] = []
        /// Versions with waiting batches, the next to serve first.
        var turns: [Int] = []
        var isStopped = false
    }

    public let workerCount: Int
    /// The number of the first worker in the metrics (loops come before).
    private let firstThread: Int
    /// Raised once for each batch, so that a sleeping worker wakes.
    private let work: Wakeup
    /// Loops add, workers take.
    private let state = Mutex(State())

    public init(workerCount: Int, firstThread: Int) throws(SystemError) {
        precondition(workerCount > 0, "a pool has workers")
        self.workerCount = workerCount
        self.firstThread = firstThread
        work = try Wakeup(.counted)
    }

    /// Queues a batch. Nil when it is taken; else the queue is full and the result is after how many
    /// seconds the backlog will be worked off.
    func submit(_ batch: OpenBatch) -> Int? {
        let version = batch.version
        let configuration = version.configuration
        let bytes = batch.byteCount
        let refusal: Int? = state.withLock { state in
            while state.queues.count <= version.index { state.queues.append(Queue()) }
            let isFull =
                state.queues[version.index].items + batch.tickets.count
                > configuration.queueItemsMax
                || state.queues[version.index].bytes + bytes > configuration.queueBytesMax
            let isEmpty = state.queues[version.index].batches.isEmpty
            // An idle pool takes even a batch that is larger than the bound of its queue.
            if isFull, !isEmpty {
                return retryAfter(version, rows: state.queues[version.index].rows)
            }
            if isEmpty { state.turns.append(version.index) }
            state.queues[version.index].append(batch, byteCount: bytes)
            version.metrics.queueGrew(items: batch.tickets.count, rows: batch.rowCount)
            return nil
        }
        if refusal == nil { work.raise() }
        return refusal
    }

    /// Backlog ÷ drain rate, in whole seconds, at least 1.
    private func retryAfter(_ version: ModelVersion, rows: Int) -> Int {
        let chunk = max(version.chunkRows, 1)
        let runs = Double((rows + chunk - 1) / chunk)
        let seconds = runs * version.latency.nanoseconds(rows: chunk) / 1e9 / Double(workerCount)
        return max(1, Int(min(seconds, 3600).rounded(.up)))
    }

    /// Takes the waiting requests of a client that left out of the queues: their places are free at
    /// once and their rows are not computed. Returns how many there were. A run that has begun is not
    /// stopped.
    func cancel(
        connection: UInt64, sequence: UInt32?, home: Mailbox<LoopMessage>, thread: Int
    ) -> Int {
        state.withLock { state in
            var count = 0
            for index in state.turns {
                for batch in state.queues[index].batches where batch.home === home {
                    for position in batch.tickets.indices
                    where batch.tickets[position].connection == connection
                        && !batch.tickets[position].isCancelled
                        && (sequence == nil || batch.tickets[position].sequence == sequence)
                    {
                        let rows = batch.tickets[position].rowCount
                        batch.tickets[position].isCancelled = true
                        state.queues[index].items -= 1
                        state.queues[index].rows -= rows
                        state.queues[index].bytes -= batch.bytesPerRow * rows
                        batch.version.metrics.queueShrank(items: 1, rows: rows)
                        batch.version.metrics.recordRejection(thread: thread, .clientLeft)
                        count += 1
                    }
                }
            }
            return count
        }
    }

    /// A worker's life: returns after `stop`, when nothing waits any more.
    public func runWorker(_ number: Int) {
        precondition(number >= 0 && number < workerCount, "a worker of this pool")
        let thread = firstThread + number
        var joined = JoinedBatch()
        var batches: [OpenBatch] = []
        while true {
            work.take()
            let isStopped = take(into: &batches)
            // Also without work: `wakeAll`.
            joined.forgetRetired()
            if batches.isEmpty {
                if isStopped { return }
                continue
            }
            let version = batches[0].version
            for batch in batches {
                version.metrics.queueShrank(items: batch.liveTickets, rows: batch.liveRows)
            }
            joined.run(batches, thread: thread)
            for batch in batches { batch.home.send(.completed(batch)) }
            batches.removeAll(keepingCapacity: true)
        }
    }

    /// Lets every worker turn once, so that idle ones let go of versions that no request gets any more.
    func wakeAll() { work.raise(count: workerCount) }

    /// The next model's batches, as many as fit one run, into `batches` (empty before). Says whether
    /// the pool is stopped.
    private func take(into batches: inout [OpenBatch]) -> Bool {
        state.withLock { state in
            guard !state.turns.isEmpty else { return state.isStopped }
            let index = state.turns.removeFirst()
            state.queues[index].take(into: &batches)
            if !state.queues[index].batches.isEmpty { state.turns.append(index) }
            return state.isStopped
        }
    }

    /// Lets the workers end once the queues are empty.
    public func stop() {
        state.withLock { $0.isStopped = true }
        work.raise(count: workerCount)
    }
}
