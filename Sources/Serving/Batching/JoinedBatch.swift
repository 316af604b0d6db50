import Models
import Primitives

/// A worker's memory for running several small batches as one.
///
/// Rows are copied in and results copied back: for a model that is dear enough to be here, that is
/// nothing beside the run.
struct JoinedBatch {
    private var batch: OpenBatch?

    /// Runs the batches (all of one version and one row shape), joined when there are several.
    mutating func run(_ batches: [OpenBatch], thread: Int) {
        guard let first = batches.first else { return }
        let isJoinable = batches.allSatisfy { $0.rowShapes == first.rowShapes }
        let isWhole = first.liveTickets == first.tickets.count
        guard batches.count > 1 || !isWhole, isJoinable else {
            for batch in batches { BatchRunner.run(batch, thread: thread) }
            return
        }
        let joined = prepare(like: first)
        gather(batches, into: joined)
        guard !joined.tickets.isEmpty else { return }
        BatchRunner.run(joined, thread: thread)
        scatter(joined, to: batches)
    }

    /// Lets go of the memory for a version that no request gets any more.
    mutating func forgetRetired() {
        if let batch, batch.version.isRetired { self.batch = nil }
    }

    private mutating func prepare(like first: OpenBatch) -> OpenBatch {
        if let batch, batch.version === first.version, batch.rowShapes == first.rowShapes,
            batch.isReusable
        {
            batch.reset()
            return batch
        }
        let fresh = OpenBatch(
            version: first.version, rowShapes: first.rowShapes, home: first.home)
        batch = fresh
        return fresh
    }

    private func gather(_ batches: [OpenBatch], into joined: OpenBatch) {
        let rows = batches.reduce(0) { $0 + $1.liveRows }
        for column in joined.inputs { column.reserve(rows: rows) }
        for source in batches {
            for ticket in source.tickets where ticket.fate == .live {
                let base = joined.rowCount
                for (index, column) in joined.inputs.enumerated() {
                    column.copyRows(
                        from: source.inputs[index], start: ticket.rowStart, count: ticket.rowCount,
                        to: base)
                }
                joined.commit(ticket.moved(to: base))
            }
        }
    }

    private func scatter(_ joined: OpenBatch, to batches: [OpenBatch]) {
        var next = 0
        for target in batches {
            for (index, column) in target.outputs.enumerated() {
                let source = joined.outputs[index]
                if column.rowShape != source.rowShape { column.reshape(rowShape: source.rowShape) }
                column.reserve(rows: target.rowCount)
            }
            for position in target.tickets.indices where target.tickets[position].fate == .live {
                let ticket = joined.tickets[next]
                next += 1
                for (index, column) in target.outputs.enumerated() {
                    column.copyRows(
                        from: joined.outputs[index], start: ticket.rowStart,
                        count: ticket.rowCount, to: target.tickets[position].rowStart)
                }
                target.tickets[position].failure = ticket.failure
                target.tickets[position].startedNanoseconds = ticket.startedNanoseconds
            }
            target.outcome = joined.outcome
        }
    }
}
