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
        guard batches.count > 1 else {
            BatchRunner.run(batches[0], thread: thread)
            return
        }
        let joined = prepare(like: batches[0])
        gather(batches, into: joined)
        BatchRunner.run(joined, thread: thread)
        scatter(joined, to: batches)
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
        for source in batches {
            let base = joined.rowCount
            for (index, column) in joined.inputs.enumerated() {
                column.reserve(rows: base + source.rowCount)
                column.copyRows(
                    from: source.inputs[index], start: 0, count: source.rowCount, to: base)
            }
            for ticket in source.tickets {
                joined.commit(
                    Ticket(
                        connection: ticket.connection, sequence: ticket.sequence,
                        rowStart: base + ticket.rowStart, rowCount: ticket.rowCount,
                        parsedNanoseconds: ticket.parsedNanoseconds, notes: ticket.notes))
            }
        }
    }

    private func scatter(_ joined: OpenBatch, to batches: [OpenBatch]) {
        var base = 0
        var ticketBase = 0
        for target in batches {
            for (index, column) in target.outputs.enumerated() {
                let source = joined.outputs[index]
                if column.rowShape != source.rowShape { column.reshape(rowShape: source.rowShape) }
                column.reserve(rows: target.rowCount)
                column.copyRows(from: source, start: base, count: target.rowCount, to: 0)
            }
            for index in target.tickets.indices {
                target.tickets[index].failure = joined.tickets[ticketBase + index].failure
            }
            target.outcome = joined.outcome
            base += target.rowCount
            ticketBase += target.tickets.count
        }
    }
}
