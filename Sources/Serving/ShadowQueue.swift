import Models
import Primitives
import Synchronization
import Telemetry

/// Copies of requests and their answers, on the way to a version that is only compared.
///
/// Loops add; one low-priority thread runs them. Bounded: what does not fit is dropped and counted, and
/// an answer never waits for it.
public final class ShadowQueue: Sendable {
    private struct State {
        var jobs: [ShadowJob] = []
        var byteCount = 0
        var isStopped = false
    }

    private let itemsMax: Int
    private let bytesMax: Int
    private let wakeup: Wakeup
    private let state = Mutex(State())

    public init(limits: Limits = .standard) throws(SystemError) {
        itemsMax = limits.shadowItemsMax
        bytesMax = limits.shadowBytesMax
        wakeup = try Wakeup(.polled)
    }

    /// Copies the rows and results of one request of a batch that was computed. Allocates, and copies
    /// about as much as the request's tensors hold.
    public func add(_ batch: OpenBatch, _ ticket: Ticket, to shadow: ModelVersion) {
        let byteCount = ticket.rowCount * batch.bytesPerShadowRow
        let isRoom = state.withLock { state in
            guard !state.isStopped, state.jobs.count < itemsMax,
                state.byteCount + byteCount <= bytesMax
            else { return false }
            // The place is taken before the copy is made.
            state.byteCount += byteCount
            return true
        }
        guard isRoom else {
            shadow.metrics.recordShadowDrop()
            return
        }
        let job = ShadowJob(batch, ticket, shadow, byteCount: byteCount)
        let wasEmpty = state.withLock { state in
            state.jobs.append(job)
            return state.jobs.count == 1
        }
        if wasEmpty { wakeup.raise() }
    }

    public func stop() {
        state.withLock { $0.isStopped = true }
        wakeup.raise()
    }

    /// The thread's life, until `stop`; what waits then is dropped.
    public func run() {
        ThreadPriority.lower()
        while true {
            wakeup.wait(timeoutMilliseconds: -1)
            wakeup.take()
            while let job = next() { ShadowComparison.run(job) }
            if state.withLock({ $0.isStopped }) { return }
        }
    }

    /// Runs what waits, on the calling thread; for tests.
    package func runWaiting() {
        while let job = next() { ShadowComparison.run(job) }
    }

    private func next() -> ShadowJob? {
        state.withLock { state in
            guard !state.isStopped, !state.jobs.isEmpty else { return nil }
            let job = state.jobs.removeFirst()
            state.byteCount -= job.byteCount
            return job
        }
    }
}

/// One request's rows and results.
///
/// SAFETY: unchecked because it changes hands: a loop fills it and does not touch it after it was
/// queued; then the shadow thread alone does.
final class ShadowJob: @unchecked Sendable {
    let shadow: ModelVersion
    let inputs: [TensorColumn]
    let outputs: [TensorColumn]
    let rowCount: Int
    let byteCount: Int

    init(_ batch: OpenBatch, _ ticket: Ticket, _ shadow: ModelVersion, byteCount: Int) {
        self.shadow = shadow
        self.byteCount = byteCount
        rowCount = ticket.rowCount
        inputs = batch.inputs.map { Self.copy($0, ticket) }
        outputs = batch.outputs.map { Self.copy($0, ticket) }
    }

    private static func copy(_ column: TensorColumn, _ ticket: Ticket) -> TensorColumn {
        let copy = TensorColumn(
            spec: column.spec, rowShape: column.rowShape, rowCapacity: ticket.rowCount)
        copy.copyRows(from: column, start: ticket.rowStart, count: ticket.rowCount, to: 0)
        return copy
    }
}

extension OpenBatch {
    /// Of inputs and outputs together.
    var bytesPerShadowRow: Int {
        bytesPerRow + outputs.reduce(0) { $0 + $1.bytesPerRow }
    }
}
