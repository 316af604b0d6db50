import HTTP
import IO
import Primitives
import Telemetry

extension ServerLoop {
    /// Answers with what is in `body` (the loop's scratch).
    func answer(
        _ connection: Connection, _ exchange: Exchange, status: Int = 200,
        contentType: StaticString = "application/json"
    ) {
        answer(
            connection, exchange,
            ResponseHead(status: status, contentType: contentType, contentLength: body.count))
    }

    /// Answers with this head and what is in `body`, over whichever protocol the connection speaks.
    func answer(_ connection: Connection, _ exchange: Exchange, _ head: ResponseHead) {
        var response = head
        let notes = exchange.notes
        if let origin = notes.origin { response.crossOrigin = origins[origin] }
        response.varies.formUnion(crossOrigin.varies)
        let trace = takeTrace(connection, exchange, status: response.status)
        response.echoed = trace?.echoed
        compress(&response, notes)
        metrics.recordRequest(loop: number, route: notes.route.rawValue, status: response.status)
        metrics.count(loop: number, .requestsEnded)
        if let http2 = connection.http2 {
            let owed = http2.pendingAnswerBytes
            http2.respond(
                Int32(bitPattern: exchange.sequence), response, date: date, body: body,
                isHead: notes.isHead)
            countOutput(from: owed, to: http2.pendingAnswerBytes)
            if let reason = reasonToEnd(connection), !connection.isGoingAway {
                count(reason)
                announceGoAway(connection)
            }
            markDirty(connection)
        } else {
            answerHTTP1(connection, exchange, response)
        }
        if let trace {
            finish(
                trace, connection, exchange, status: response.status, bodyBytes: body.count)
        }
    }

    /// Compresses the scratch body where the client takes it and it is worth it.
    private func compress(_ response: inout ResponseHead, _ notes: ExchangeNotes) {
        guard deflater.isWorthwhile(byteCount: body.count) else { return }
        response.varies.insert(.acceptEncoding)
        guard notes.takesGzip else { return }
        compressed.removeAll()
        guard deflater.deflate(body.span, into: &compressed) else { return }
        swap(&body, &compressed)
        response.contentEncoding = .gzip
        response.contentLength = body.count
    }

    private func answerHTTP1(
        _ connection: Connection, _ exchange: Exchange, _ head: ResponseHead
    ) {
        var response = head
        let notes = exchange.notes
        // While draining, or past its age or number of requests, the last answer that a connection
        // waits for is its last.
        let reason =
            exchange.sequence &+ 1 == connection.nextSequence ? reasonToEnd(connection) : nil
        if let reason {
            if notes.keepsAlive { count(reason) }
            connection.lastSequence = exchange.sequence
        }
        response.closesConnection = !notes.keepsAlive || reason != nil
        response.announcesKeepAlive = notes.isHTTP10 && notes.keepsAlive
        guard exchange.sequence == connection.nextAnswer else {
            let parked = ParkedAnswer(sequence: exchange.sequence)
            response.appendHTTP1(to: &parked.bytes, date: date)
            if !notes.isHead { parked.bytes.append(contentsOf: body) }
            connection.parked.append(parked)
            return
        }
        if connection.output.capacity == 0 { connection.output = buffers.take() }
        let owed = connection.output.count
        response.appendHTTP1(to: &connection.output, date: date)
        if !notes.isHead { connection.output.append(contentsOf: body) }
        connection.nextAnswer &+= 1
        if !connection.parked.isEmpty { unpark(connection) }
        countOutput(from: owed, to: connection.output.count)
        markDirty(connection)
        afterAnswer(connection)
    }

    /// Why a connection's next answer is to be its last.
    private enum ReasonToEnd { case draining, age, requestCount }

    private func reasonToEnd(_ connection: Connection) -> ReasonToEnd? {
        if isDraining { return .draining }
        if now >= connection.lastDay { return .age }
        let isUsedUp =
            limits.requestsPerConnectionMax > 0
            && connection.requestCount >= limits.requestsPerConnectionMax
        return isUsedUp ? .requestCount : nil
    }

    private func count(_ reason: ReasonToEnd) {
        switch reason {
        case .draining: break
        case .age: metrics.count(loop: number, limit: .connectionAge)
        case .requestCount: metrics.count(loop: number, limit: .requestsPerConnection)
        }
    }

    /// Counts the moment at which a connection owes so much that it is not read from for a while.
    private func countOutput(from before: Int, to after: Int) {
        guard before < limits.outputBytesMax, after >= limits.outputBytesMax else { return }
        metrics.count(loop: number, limit: .outputBytes)
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
        if let limit = refusal.limit { metrics.count(loop: number, limit: limit) }
        body.removeAll()
        refusal.appendBody(to: &body)
        var response = ResponseHead(
            status: refusal.status, contentType: "application/json", contentLength: body.count)
        response.allow = refusal.allow
        response.retryAfterSeconds = refusal.retryAfterSeconds
        response.retryAfterMilliseconds = refusal.retryAfterMilliseconds
        response.retryTicket = refusal.retryTicket
        response.wwwAuthenticate = refusal.wwwAuthenticate
        response.acceptEncoding = refusal.acceptEncoding
        refusalCode = refusal.code
        answer(connection, exchange, response)
        refusalCode = ""
    }
}
