import Models
import Primitives
import Telemetry

/// Runs a model over the rows of a batch, whoever the caller is (a loop or a compute worker).
enum BatchRunner {
    /// Computes every request of the batch. A failing run is repeated by halves, so that one bad
    /// request fails alone; failures are noted in their tickets.
    static func run(_ batch: OpenBatch, thread: Int) {
        let version = batch.version
        let rows = batch.rowCount
        for column in batch.outputs { column.reserve(rows: rows) }
        let start = MonotonicClock.nanoseconds
        compute(batch, tickets: 0..<batch.tickets.count, thread: thread)
        let elapsed = MonotonicClock.nanoseconds &- start
        if rows > 0, rows <= version.chunkRows {
            version.latency.observe(rows: rows, nanoseconds: elapsed)
        }
        for ticket in batch.tickets {
            let waited = start > ticket.parsedNanoseconds ? start - ticket.parsedNanoseconds : 0
            version.metrics.recordQueue(thread: thread, nanoseconds: waited, requests: 1)
        }
        batch.outcome = .computed
    }

    private static func compute(_ batch: OpenBatch, tickets: Range<Int>, thread: Int) {
        guard let first = tickets.first, let last = tickets.last else { return }
        let rowStart = batch.tickets[first].rowStart
        let rowEnd = batch.tickets[last].rowStart + batch.tickets[last].rowCount
        do throws(PredictionError) {
            try runChunks(batch, rows: rowStart..<rowEnd, thread: thread)
        } catch {
            guard tickets.count > 1 else {
                batch.tickets[first].failure = error
                return
            }
            let middle = tickets.lowerBound + tickets.count / 2
            compute(batch, tickets: tickets.lowerBound..<middle, thread: thread)
            compute(batch, tickets: middle..<tickets.upperBound, thread: thread)
        }
    }

    /// Runs rows in chunks of at most the model's batch size, of nearly equal size: an answer does not
    /// depend on where a chunk ends.
    private static func runChunks(
        _ batch: OpenBatch, rows: Range<Int>, thread: Int
    ) throws(PredictionError) {
        let version = batch.version
        let inputs = TensorBatch(columns: batch.inputs, rowCount: batch.rowCount)
        let chunkMax = version.chunkRows
        let chunkCount = (rows.count + chunkMax - 1) / chunkMax
        var start = rows.lowerBound
        for index in 0..<chunkCount {
            let left = rows.upperBound - start
            let count =
                version.signature.batchDimension == .dynamic
                ? (left + chunkCount - index - 1) / (chunkCount - index) : min(chunkMax, left)
            let window = inputs.window(rowStart: start, rowCount: count)
            var results = TensorBatch(columns: batch.outputs, rowStart: start, rowCount: count)
            let begin = MonotonicClock.nanoseconds
            try version.model.predict(window, into: &results)
            version.metrics.recordBatch(
                thread: thread, rows: count,
                computeNanoseconds: MonotonicClock.nanoseconds &- begin)
            start += count
        }
    }
}
