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
        let isWhole = compute(batch, tickets: 0..<batch.tickets.count, thread: thread)
        let elapsed = MonotonicClock.nanoseconds &- start
        // Halves of a poisoned batch say nothing of what a whole one costs.
        if isWhole, rows > 0, rows <= version.chunkRows {
            version.latency.observe(rows: rows, nanoseconds: elapsed, bucket: batch.bucket)
        }
        begin(batch, at: start, thread: thread)
        batch.outcome = .computed
    }

    /// Computes the next `count` rows of a batch of one request. Says whether the request is done: all
    /// rows are, or they failed.
    static func runPart(_ batch: OpenBatch, rowCount count: Int, thread: Int) -> Bool {
        let version = batch.version
        if batch.rowsDone == 0 {
            for column in batch.outputs { column.reserve(rows: batch.rowCount) }
            begin(batch, at: MonotonicClock.nanoseconds, thread: thread)
        }
        let rows = batch.rowsDone..<min(batch.rowsDone + count, batch.rowCount)
        do throws(PredictionError) {
            let start = MonotonicClock.nanoseconds
            try runChunks(batch, rows: rows, thread: thread)
            let chunks = (rows.count + version.chunkRows - 1) / version.chunkRows
            version.latency.observe(
                rows: rows.count / chunks,
                nanoseconds: (MonotonicClock.nanoseconds &- start) / UInt64(chunks),
                bucket: batch.bucket)
        } catch {
            batch.tickets[0].failure = error
            batch.rowsDone = batch.rowCount
        }
        batch.rowsDone = max(batch.rowsDone, rows.upperBound)
        guard batch.rowsDone == batch.rowCount else { return false }
        batch.outcome = .computed
        return true
    }

    private static func begin(_ batch: OpenBatch, at start: UInt64, thread: Int) {
        var first = UInt64.max
        for ticket in batch.tickets { first = min(first, ticket.parsedNanoseconds) }
        batch.version.metrics.recordForming(
            thread: thread, nanoseconds: start > first ? start - first : 0)
        for index in batch.tickets.indices {
            let parsed = batch.tickets[index].parsedNanoseconds
            batch.tickets[index].startedNanoseconds = start
            batch.version.metrics.recordQueue(
                thread: thread, nanoseconds: start > parsed ? start - parsed : 0, requests: 1)
        }
    }

    /// Says whether the tickets' rows were computed in one go.
    private static func compute(_ batch: OpenBatch, tickets: Range<Int>, thread: Int) -> Bool {
        guard let first = tickets.first, let last = tickets.last else { return true }
        let rowStart = batch.tickets[first].rowStart
        let rowEnd = batch.tickets[last].rowStart + batch.tickets[last].rowCount
        do throws(PredictionError) {
            try runChunks(batch, rows: rowStart..<rowEnd, thread: thread)
            return true
        } catch {
            guard tickets.count > 1 else {
                batch.tickets[first].failure = error
                return false
            }
            let middle = tickets.lowerBound + tickets.count / 2
            _ = compute(batch, tickets: tickets.lowerBound..<middle, thread: thread)
            _ = compute(batch, tickets: middle..<tickets.upperBound, thread: thread)
            return false
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
