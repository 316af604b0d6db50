import HTTP
import IO
import Models
import Primitives
import Serving
import Telemetry

extension ServerLoop {
    /// Answers with what is in `body` (the loop's scratch).
    func answer(
        _ connection: Connection, _ exchange: Exchange, status: Int = 200,
        contentType: StaticString = "application/json", allow: StaticString? = nil,
        retryAfterSeconds: Int? = nil
    ) {
        var response = ResponseHead(
            status: status, contentType: contentType, contentLength: body.count)
        response.allow = allow
        response.retryAfterSeconds = retryAfterSeconds
        let notes = exchange.notes
        // While draining, or past its age or number of requests, the last answer that a connection
        // waits for is its last.
        let isDue = isDraining || now >= connection.lastDay || isUsedUp(connection)
        let endsDraining = isDue && exchange.sequence &+ 1 == connection.nextSequence
        if endsDraining { connection.lastSequence = exchange.sequence }
        response.closesConnection = !notes.keepsAlive || endsDraining
        response.announcesKeepAlive = notes.isHTTP10 && notes.keepsAlive
        metrics.recordRequest(loop: number, route: notes.route.rawValue, status: status)
        metrics.count(loop: number, .requestsEnded)
        guard exchange.sequence == connection.nextAnswer else {
            let parked = ParkedAnswer(sequence: exchange.sequence)
            response.appendHTTP1(to: &parked.bytes, date: date)
            if !notes.isHead { parked.bytes.append(contentsOf: body) }
            connection.parked.append(parked)
            return
        }
        if connection.output.capacity == 0 { connection.output = buffers.take() }
        response.appendHTTP1(to: &connection.output, date: date)
        if !notes.isHead { connection.output.append(contentsOf: body) }
        connection.nextAnswer &+= 1
        if !connection.parked.isEmpty { unpark(connection) }
        markDirty(connection)
        afterAnswer(connection)
    }

    private func isUsedUp(_ connection: Connection) -> Bool {
        limits.requestsPerConnectionMax > 0
            && Int(connection.nextSequence) >= limits.requestsPerConnectionMax
    }

    /// Sends the answers whose turn has come.
    private func unpark(_ connection: Connection) {
        while let index = connection.parked.firstIndex(where: {
            $0.sequence == connection.nextAnswer
        }) {
            let parked = connection.parked.remove(at: index)
            connection.output.append(contentsOf: parked.bytes)
            connection.nextAnswer &+= 1
        }
    }

    private func afterAnswer(_ connection: Connection) {
        if connection.owesContinue, connection.outstanding == 0 { appendContinue(connection) }
        // Requests that were read and not taken in, because of the limits, may be now.
        if !connection.input.isEmpty, !connection.isResuming, connection.hasRoom(limits) {
            connection.isResuming = true
            resuming.append(connection)
        }
    }

    func answer(_ connection: Connection, _ exchange: Exchange, _ refusal: Refusal) {
        body.removeAll()
        refusal.appendBody(to: &body)
        answer(
            connection, exchange, status: refusal.status, allow: refusal.allow,
            retryAfterSeconds: refusal.retryAfterSeconds)
    }

    // MARK: Batches

    /// Answers every request of a batch that was computed or refused.
    func answer(_ batch: OpenBatch) {
        let served = catalog.served(batch.version)
        let end = MonotonicClock.nanoseconds
        for index in batch.tickets.indices {
            let ticket = batch.tickets[index]
            // A client that left is not there any more; its slot has another generation.
            guard let connection = connections[ticket.connection] else { continue }
            let exchange = Exchange(
                sequence: ticket.sequence, notes: ExchangeNotes(rawValue: ticket.notes))
            if let refusal = refusal(of: batch, ticket) {
                answer(connection, exchange, refusal)
                continue
            }
            let results = TensorBatch(
                columns: batch.outputs, rowStart: ticket.rowStart, rowCount: ticket.rowCount)
            body.removeAll()
            let format = exchange.notes.format
            served.presentation.encode(
                results: results, format: format, output: exchange.notes.output, into: &body)
            answer(connection, exchange, contentType: format.contentType)
            batch.version.metrics.recordTotal(
                thread: number, nanoseconds: end &- ticket.parsedNanoseconds)
        }
    }

    private func refusal(of batch: OpenBatch, _ ticket: Ticket) -> Refusal? {
        let version = batch.version
        if case .refused(let seconds) = batch.outcome {
            version.metrics.recordRejection(thread: number, .queueFull)
            return Refusal(
                503, "queue_full",
                "model '\(version.name)' has more waiting requests than its queue takes",
                retryAfterSeconds: seconds)
        }
        guard let failure = ticket.failure else { return nil }
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

    // MARK: Writing

    func markDirty(_ connection: Connection) {
        guard !connection.isDirty else { return }
        connection.isDirty = true
        dirty.append(connection)
    }

    /// Writes once; what the kernel does not take waits for EPOLLOUT.
    func flush(_ connection: Connection) {
        if !connection.output.isEmpty {
            switch Socket.write(connection.descriptor, from: &connection.output) {
            case .bytes(let count):
                metrics.count(loop: number, .bytesWritten, count)
                connection.lastProgress = now
            case .wouldBlock: break
            case .endOfStream: preconditionFailure("a write does not see the end of a stream")
            case .failed:
                close(connection)
                return
            }
        }
        if connection.output.isEmpty {
            buffers.reclaim(&connection.output)
            if finishIfAnswered(connection) { return }
        }
        if !connection.input.isEmpty, !connection.isResuming, connection.hasRoom(limits),
            connection.interest.contains(.write)
        {
            connection.isResuming = true
            resuming.append(connection)
        }
        settle(connection)
    }

    /// Ends a connection that owes nothing any more and is to be closed.
    private func finishIfAnswered(_ connection: Connection) -> Bool {
        guard connection.outstanding == 0, connection.phase == .open else { return false }
        if connection.isPeerFinished {
            close(connection)
            return true
        }
        guard let last = connection.lastSequence, last &+ 1 == connection.nextAnswer else {
            return false
        }
        Socket.shutdownWrite(connection.descriptor)
        connection.phase = .lingering
        connection.input.removeAll()
        setDeadline(connection, now + UInt64(limits.lingerMilliseconds))
        updateInterest(connection)
        return true
    }

    // MARK: Interest and time

    /// After anything happened on a connection: what it waits for, and for how long.
    func settle(_ connection: Connection) {
        guard connection.phase == .open else { return }
        if !connection.output.isEmpty {
            setDeadline(connection, connection.lastProgress + UInt64(limits.writeMilliseconds))
        } else if connection.outstanding > 0 {
            connection.deadline = .max
        } else if let began = connection.requestBegan {
            setDeadline(connection, requestDeadline(connection, began))
        } else {
            let idle = isDraining ? Self.drainIdleMilliseconds : UInt64(limits.idleMilliseconds)
            setDeadline(connection, now + idle)
        }
        updateInterest(connection)
    }

    /// How long the rest of a request may take: its header a fixed time, its body as long as it comes at
    /// the least rate, up to a fixed time (slowloris, slow body).
    private func requestDeadline(_ connection: Connection, _ began: UInt64) -> UInt64 {
        guard connection.session.isInBody else { return began + UInt64(limits.headerMilliseconds) }
        let earned = connection.input.count * 1000 / max(limits.bodyBytesPerSecondMin, 1)
        let allowed = min(limits.bodyGraceMilliseconds + earned, limits.bodyMilliseconds)
        return began + UInt64(allowed)
    }

    private func updateInterest(_ connection: Connection) {
        var wanted: Interest = []
        switch connection.phase {
        case .open:
            if connection.hasRoom(limits), !connection.isPeerFinished { wanted.insert(.read) }
            if !connection.output.isEmpty { wanted.insert(.write) }
        case .lingering: wanted.insert(.read)
        case .closed: break
        }
        // Output of this turn is written at its end: asking for EPOLLOUT before is a wasted call.
        if connection.isDirty { wanted.remove(.write) }
        if connection.isDirty, connection.interest.contains(.write) { wanted.insert(.write) }
        guard wanted != connection.interest else { return }
        connection.interest = wanted
        poller.change(connection.descriptor, token: connection.token, wanted)
    }
}
