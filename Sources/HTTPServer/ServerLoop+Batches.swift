import HTTP
import Models
import Primitives
import Serving
import Telemetry

extension ServerLoop {
    /// Answers every request of a batch that was computed, refused or given up.
    func answer(_ batch: OpenBatch) {
        let served = catalog.served(batch.version)
        let end = MonotonicClock.nanoseconds
        // One reading of the clock a request: from one body to the next, the head between them included.
        var encodeBegan = end
        for index in batch.tickets.indices {
            let ticket = batch.tickets[index]
            // Whatever became of it: each request comes by here once.
            shared.clientsInFlight.end(ticket.client)
            // A client that left is not there any more; its slot has another generation.
            guard ticket.fate != .cancelled, let connection = connections[ticket.connection] else {
                continue
            }
            let exchange = Exchange(
                sequence: ticket.sequence, notes: ExchangeNotes(rawValue: ticket.notes))
            if let refusal = refusal(of: batch, ticket, now: end) {
                refusedVersion = batch.version
                answer(connection, exchange, refusal)
                refusedVersion = nil
                encodeBegan = MonotonicClock.nanoseconds
                continue
            }
            encode(batch, ticket, served, exchange.notes)
            let encoded = MonotonicClock.nanoseconds
            batch.version.metrics.recordEncode(
                thread: number, nanoseconds: encoded &- encodeBegan)
            answer(connection, exchange, contentType: exchange.notes.format.contentType)
            copyToShadow(batch, ticket)
            batch.version.metrics.recordTotal(
                thread: number, nanoseconds: end &- ticket.parsedNanoseconds)
            encodeBegan = encoded
        }
    }

    /// Lets a shadow version of the model have a copy of an answered request, by its share.
    private func copyToShadow(_ batch: OpenBatch, _ ticket: Ticket) {
        guard let route = catalog.shadow(of: batch.version), route.version !== batch.version,
            route.takes(random: nextRandom())
        else { return }
        shadow.add(batch, ticket, to: route.version)
    }

    /// Writes a request's results into `body`.
    private func encode(
        _ batch: OpenBatch, _ ticket: Ticket, _ served: ServedVersion, _ notes: ExchangeNotes
    ) {
        body.removeAll()
        if let padding = served.padding {
            served.presentation.encode(
                results: padding.cut(batch.outputs, ticket), format: notes.format,
                output: notes.output, into: &body)
            return
        }
        let results = TensorBatch(
            columns: batch.outputs, rowStart: ticket.rowStart, rowCount: ticket.rowCount)
        served.presentation.encode(
            results: results, format: notes.format, output: notes.output, into: &body)
    }

    private func refusal(of batch: OpenBatch, _ ticket: Ticket, now: UInt64) -> Refusal? {
        let version = batch.version
        if case .refused(let admission) = batch.outcome {
            return refusal(admission, version, ticket, now: now)
        }
        if ticket.fate == .expired {
            version.metrics.recordRejection(thread: number, .expiredInQueue)
            return .late(version, ticket, now: now)
        }
        if let failure = ticket.failure { return refusal(failure, version) }
        guard now > ticket.deadlineNanoseconds else { return nil }
        version.metrics.recordRejection(thread: number, .computedTooLate)
        return .late(version, ticket, now: now)
    }

    private func refusal(_ failure: PredictionError, _ version: ModelVersion) -> Refusal {
        switch failure.kind {
        case .badInput:
            version.metrics.recordRejection(thread: number, .badInput)
            return Refusal(400, "bad_input", failure.description)
        case .failed:
            version.metrics.recordRejection(thread: number, .failed)
            return Refusal(
                500, "model_failed", "model '\(version.name)' failed: \(failure.description)")
        }
    }

    /// The answer to a request that may not wait, counted; nil for one that may.
    func refusal(
        _ admission: Admission, _ version: ModelVersion, _ ticket: Ticket, now: UInt64
    ) -> Refusal? {
        switch admission {
        case .admitted, .probe: return nil
        case .queueFull: version.metrics.recordRejection(thread: number, .queueFull)
        case .tooLate: version.metrics.recordRejection(thread: number, .overloaded)
        case .tooShort: version.metrics.recordRejection(thread: number, .timeoutTooShort)
        }
        return Refusal(admission, version, ticket, now: now)
    }
}
