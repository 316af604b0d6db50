import HTTP
import IO
import Primitives
import Serving
import TLS
import Telemetry

extension ServerLoop {
    /// Reads once and takes in the requests that came. What is left in the kernel is reported again.
    func read(_ connection: Connection) {
        if connection.phase == .lingering {
            discard(connection)
            return
        }
        guard connection.phase == .open else { return }
        if let tls = connection.tls {
            readEncrypted(connection, tls)
            return
        }
        if connection.input.capacity == 0 { connection.input = buffers.take() }
        let wanted = readBytes(connection)
        switch Socket.read(connection.descriptor, into: &connection.input, atLeast: wanted) {
        case .bytes(let count):
            metrics.count(loop: number, .bytesRead, count)
            advance(connection)
        case .wouldBlock: settle(connection)
        case .endOfStream: peerFinished(connection)
        case .failed: close(connection)
        }
    }

    /// How much room a read offers: a large body is read in pieces that grow with what came of it:
    /// few calls, little copying, and no memory for a client that only announces one.
    private func readBytes(_ connection: Connection) -> Int {
        if let http2 = connection.http2 {
            return http2.bufferedBytes < 16 << 10 ? 4 << 10 : 128 << 10
        }
        let came = connection.input.count
        return min(max(connection.session.isInBody ? 8 * came : came, 4 << 10), 1 << 20)
    }

    /// The client sends nothing more. Half of a request is nothing to answer; whole ones still are.
    private func peerFinished(_ connection: Connection) {
        connection.isPeerFinished = true
        // The rest of an upload will not come, so its answer has nobody who waits for it.
        let isCut = !connection.uploads.isEmpty
        if isCut || (connection.outstanding == 0 && !connection.hasOutput) {
            close(connection)
        } else {
            settle(connection)
        }
    }

    private func readEncrypted(_ connection: Connection, _ tls: TLSSession) {
        ciphertext.removeAll()
        switch Socket.read(connection.descriptor, into: &ciphertext, atLeast: 64 << 10) {
        case .bytes(let count):
            metrics.count(loop: number, .bytesRead, count)
            decrypt(connection, tls)
        case .wouldBlock: settle(connection)
        case .endOfStream: peerFinished(connection)
        case .failed: close(connection)
        }
    }

    private func decrypt(_ connection: Connection, _ tls: TLSSession) {
        if connection.input.capacity == 0 { connection.input = buffers.take() }
        let isLetter = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(ciphertext.span[0])
        reading: while true {
            switch tls.read(from: &ciphertext, into: &connection.input, atMost: 256 << 10) {
            case .progress: continue
            case .needMore: break reading
            case .closedByPeer:
                connection.isPeerFinished = true
                break reading
            case .outputFull:
                // Only a client that asks for key updates and takes no answer gets here.
                close(connection)
                return
            case .failed(let failure):
                metrics.count(loop: number, .tlsFailures)
                // OpenSSL knows some methods by their letters; a record never begins with one.
                if failure == .plainHTTP || (failure == .notTLS && isLetter && connection.isFresh) {
                    refusePlain(connection)
                    return
                }
                // The alert says why; it fits the socket's buffer or the client did not want to know.
                tls.drain(into: &connection.wire)
                _ = Socket.write(connection.descriptor, from: &connection.wire)
                close(connection)
                return
            }
        }
        if tls.hasOutput { markDirty(connection) }
        if connection.isFresh, tls.isHandshakeComplete {
            metrics.count(loop: number, .tlsHandshakes)
            if tls.isResumed { metrics.count(loop: number, .tlsResumed) }
            connection.isFresh = false
            connection.clientSubject = tls.clientSubject
            if tls.negotiatedProtocol == .http2 { beginHTTP2(connection) }
        }
        if connection.input.isEmpty {
            buffers.reclaim(&connection.input)
            if connection.isPeerFinished { peerFinished(connection) } else { settle(connection) }
        } else {
            advance(connection)
            if connection.isPeerFinished, connection.phase == .open { peerFinished(connection) }
        }
    }

    /// A client that forgot the `s` of https is told so in the clear, and not with an alert that it
    /// would not understand.
    private func refusePlain(_ connection: Connection) {
        connection.tls = nil
        connection.isFresh = false
        buffers.reclaim(&connection.input)
        buffers.reclaim(&connection.wire)
        refuse(connection, .plainHTTP)
        settle(connection)
    }

    private func discard(_ connection: Connection) {
        connection.input.removeAll()
        if connection.input.capacity == 0 { connection.input = buffers.take() }
        switch Socket.read(connection.descriptor, into: &connection.input, atLeast: 4096) {
        case .bytes(let count):
            connection.input.removeAll()
            connection.discardedBytes += count
            // A client that keeps sending has had its answer long ago.
            if connection.discardedBytes > limits.lingerBytesMax { close(connection) }
        case .wouldBlock: break
        case .endOfStream, .failed: close(connection)
        }
    }

    /// Takes in as many whole requests as are there and allowed.
    func advance(_ connection: Connection) {
        if connection.isFresh, !settleProtocol(connection) { return }
        if let http2 = connection.http2 {
            advance(connection, http2)
            return
        }
        // The buffer leaves the connection while requests look into it.
        var input = ByteBuffer()
        swap(&input, &connection.input)
        takeRequests(connection, &input)
        swap(&input, &connection.input)
        if let http2 = connection.http2 {
            // Upgraded on the way: what is left begins with the client's preface.
            advance(connection, http2)
            return
        }
        guard connection.phase != .closed else {
            buffers.reclaim(&connection.input)
            return
        }
        if connection.input.isEmpty {
            buffers.reclaim(&connection.input)
            connection.requestBegan = nil
        } else if connection.requestBegan == nil {
            connection.requestBegan = now
        }
        settle(connection)
    }

    private func takeRequests(_ connection: Connection, _ input: inout ByteBuffer) {
        while connection.hasRoom(limits), connection.http2 == nil {
            switch connection.session.next(&input, head: &head) {
            case .needMore: return
            case .sendContinue:
                // An upload's own exchange is the last of those that are owed.
                if connection.outstanding == (connection.uploads.isEmpty ? 0 : 1) {
                    appendContinue(connection)
                } else {
                    connection.owesContinue = true
                }
            case .request(let body):
                connection.requestBegan = nil
                connection.owesContinue = false
                let upgraded = upgrade(connection, input.span)
                dispatch(connection, input.span, body: body, stream: upgraded ? 1 : nil)
                connection.session.finish(&input)
            case .offer:
                switch consider(connection, input.span, stream: nil) {
                case .gather: connection.session.gather()
                case .stream(let bytesMax): connection.session.stream(&input, bytesMax: bytesMax)
                case .answered: return
                }
            case .piece(let range):
                guard let upload = connection.uploads.first else { return }
                take(input.span.extracting(range), of: upload)
                connection.session.finishPiece(&input)
            case .endOfBody:
                connection.requestBegan = nil
                connection.owesContinue = false
                if let upload = connection.uploads.first { finish(connection, upload) }
            case .refuse(let refusal):
                if let upload = connection.uploads.first {
                    metrics.count(loop: number, .badMessages)
                    fail(connection, upload, Refusal(refusal))
                } else {
                    refuse(connection, refusal)
                }
                return
            }
        }
    }

    func appendContinue(_ connection: Connection) {
        connection.owesContinue = false
        if connection.output.capacity == 0 { connection.output = buffers.take() }
        connection.output.append("HTTP/1.1 100 Continue\r\n\r\n")
        markDirty(connection)
    }

    /// What cannot be understood ends the connection, after an answer.
    func refuse(_ connection: Connection, _ refusal: HTTPRefusal) {
        metrics.count(loop: number, .badMessages)
        let notes = ExchangeNotes(
            route: .malformed, isHead: false, isHTTP10: false, keepsAlive: false)
        answer(connection, begin(connection, notes), Refusal(refusal))
    }

    /// A connection over a limit is told so, whatever it asks.
    func refuseConnection(_ connection: Connection, _ refusal: Refusal) {
        let notes = ExchangeNotes(
            route: .malformed, isHead: false, isHTTP10: false, keepsAlive: false)
        answer(connection, begin(connection, notes), refusal)
    }

    /// Registers a request that was read; its answer will go out in this place.
    func begin(
        _ connection: Connection, _ notes: ExchangeNotes, stream: Int32? = nil
    ) -> Exchange {
        metrics.count(loop: number, .requestsBegun)
        connection.requestCount += 1
        if let stream {
            return Exchange(sequence: UInt32(bitPattern: stream), notes: notes)
        }
        let exchange = Exchange(sequence: connection.nextSequence, notes: notes)
        connection.nextSequence &+= 1
        if connection.outstanding == limits.pipelineMax {
            metrics.count(loop: number, limit: .pipeline)
        }
        if !notes.keepsAlive { connection.lastSequence = exchange.sequence }
        return exchange
    }

    // MARK: Routing

    func dispatch(
        _ connection: Connection, _ bytes: Span<UInt8>, body: Range<Int>, stream: Int32?
    ) {
        let match = Router.match(bytes, path: head.path, query: head.query)
        var notes = ExchangeNotes(
            route: match.route, isHead: head.method == .head, isHTTP10: head.minorVersion == 0,
            keepsAlive: head.keepsAlive || stream != nil)
        notes.takesGzip =
            ContentCoding.negotiated(acceptEncoding: head.acceptEncoding, in: bytes) == .gzip
        if crossOrigin.isOn { notes.origin = originIndex(bytes) }
        let exchange = begin(connection, notes, stream: stream)
        beginTrace(connection, exchange, bytes, bodyBytes: body.count)
        if crossOrigin.isOn, crossOrigin.isPreflight(head, in: bytes) {
            answerPreflight(connection, exchange, match.route, bytes)
            return
        }
        let decision = access.policy.decide(
            scope: match.route.scope(head.method), authorization: head.authorization, in: bytes,
            clientSubject: connection.clientSubject)
        if !decision.isAllowed, let refusal = decision.refusal {
            answer(connection, exchange, refusal)
            return
        }
        guard !connection.isAdmin || match.route != .predict else {
            let refusal = Refusal(
                404, "not_found", "predictions are not answered at the admin address")
            answer(connection, exchange, refusal)
            return
        }
        let client =
            match.route == .predict && shared.limitsClients ? client(connection, decision) : 0
        if match.route == .predict, shared.quota.isOn, let refusal = overQuota(client) {
            answer(connection, exchange, refusal)
            return
        }
        if head.method == .options {
            answerOptions(connection, exchange, match.route)
            return
        }
        guard match.route != .predict || !match.hasRepeatedKey else {
            let refusal = Refusal(
                400, "repeated_parameter", "the query names model, version or output twice")
            answer(connection, exchange, refusal)
            return
        }
        guard match.route.takes(head.method) else {
            let refusal = Refusal(
                405, "method_not_allowed",
                "\(head.method.name) is not possible here; allowed: \(match.route.allow)",
                allow: match.route.allow)
            answer(connection, exchange, refusal)
            return
        }
        switch match.route {
        case .predict: predict(connection, exchange, match, bytes, body: body, client: client)
        case .index: answerIndex(connection, exchange)
        case .health, .live: answerHealth(connection, exchange)
        case .ready: answerReadiness(connection, exchange)
        case .metrics: answerMetrics(connection, exchange, bytes)
        case .models: answerModels(connection, exchange, match)
        case .model: answerModel(connection, exchange, match, bytes)
        case .version where head.method == .get || head.method == .head:
            answerModel(connection, exchange, match, bytes)
        case .version, .load, .unload, .rollback, .label:
            manage(connection, exchange, match, bytes, body: body)
        case .unknown:
            let path = Router.shown(bytes, head.path)
            answer(
                connection, exchange,
                Refusal(404, "not_found", "nothing is at \(path); GET / lists what is"))
        case .malformed: preconditionFailure("a routed request is well-formed")
        }
    }

    /// Clients are told apart by the name of their credential, else by their address. Never 0.
    private func client(_ connection: Connection, _ decision: AccessDecision) -> UInt64 {
        var client = connection.peer
        if case .allowed(let name?) = decision {
            client = UInt64(bitPattern: Int64(name.hashValue))
        }
        return max(client, 1)
    }

    /// A client that asks more often than it may (`Limits.clientRequestsPerSecond`).
    private func overQuota(_ client: UInt64) -> Refusal? {
        guard let wait = shared.quota.take(client, now: nowNanoseconds) else { return nil }
        metrics.count(loop: number, .clientLimited)
        var refusal = Refusal(
            429, "client_limit",
            "this client may ask \(limits.clientRequestsPerSecond) times a second")
        let milliseconds = Int((wait + 999_999) / 1_000_000)
        refusal.retryAfterMilliseconds = milliseconds
        refusal.retryAfterSeconds = (milliseconds + 999) / 1000
        return refusal
    }

    // MARK: OPTIONS and other origins

    /// `OPTIONS` of a path, or of `*`: what may be done there (RFC 9110 section 9.3.7).
    private func answerOptions(_ connection: Connection, _ exchange: Exchange, _ route: Route) {
        body.removeAll()
        var response = ResponseHead(status: 204)
        response.allow = route == .unknown ? "GET, HEAD, POST, OPTIONS" : route.allow
        answer(connection, exchange, response)
    }

    private func answerPreflight(
        _ connection: Connection, _ exchange: Exchange, _ route: Route, _ bytes: Span<UInt8>
    ) {
        body.removeAll()
        var response = ResponseHead(status: 204)
        response.varies = .preflight
        var exchange = exchange
        exchange.notes.origin = nil
        response.crossOrigin = crossOrigin.preflight(head, in: bytes, methods: route.allow)
        answer(connection, exchange, response)
    }

    /// The place of the asking origin in this loop's list; nil when it is not allowed.
    func originIndex(_ bytes: Span<UInt8>) -> Int? {
        guard let fields = crossOrigin.fields(origin: head.origin, in: bytes) else { return nil }
        if let index = origins.firstIndex(of: fields) { return index }
        origins.append(fields)
        return origins.count - 1
    }
}
