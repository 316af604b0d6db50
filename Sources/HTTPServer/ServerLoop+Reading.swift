import HTTP
import IO
import Primitives
import Serving
import Telemetry

extension ServerLoop {
    /// Reads once and takes in the requests that came. What is left in the kernel is reported again.
    func read(_ connection: Connection) {
        if connection.phase == .lingering {
            discard(connection)
            return
        }
        guard connection.phase == .open else { return }
        if connection.input.capacity == 0 { connection.input = buffers.take() }
        // A large body is read in pieces that grow with it.
        let wanted = min(max(connection.input.count, 4096), 1 << 20)
        switch Socket.read(connection.descriptor, into: &connection.input, atLeast: wanted) {
        case .bytes(let count):
            metrics.count(loop: number, .bytesRead, count)
            advance(connection)
        case .wouldBlock: settle(connection)
        case .endOfStream:
            connection.isPeerFinished = true
            // Half of a request is nothing to answer; whole ones still are.
            if connection.outstanding == 0, connection.output.isEmpty {
                close(connection)
            } else {
                settle(connection)
            }
        case .failed: close(connection)
        }
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
        // The buffer leaves the connection while requests look into it.
        var input = ByteBuffer()
        swap(&input, &connection.input)
        takeRequests(connection, &input)
        swap(&input, &connection.input)
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
        while connection.hasRoom(limits) {
            switch connection.session.next(&input, head: &head) {
            case .needMore: return
            case .sendContinue:
                if connection.outstanding == 0 {
                    appendContinue(connection)
                } else {
                    connection.owesContinue = true
                }
            case .request(let body):
                connection.requestBegan = nil
                connection.owesContinue = false
                dispatch(connection, input.span, body: body)
                connection.session.finish(&input)
            case .refuse(let refusal):
                refuse(connection, refusal)
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
    func begin(_ connection: Connection, _ notes: ExchangeNotes) -> Exchange {
        let exchange = Exchange(sequence: connection.nextSequence, notes: notes)
        connection.nextSequence &+= 1
        if !notes.keepsAlive { connection.lastSequence = exchange.sequence }
        metrics.count(loop: number, .requestsBegun)
        return exchange
    }

    // MARK: Routing

    private func dispatch(_ connection: Connection, _ bytes: Span<UInt8>, body: Range<Int>) {
        let match = Router.match(bytes, path: head.path, query: head.query)
        let notes = ExchangeNotes(
            route: match.route, isHead: head.method == .head, isHTTP10: head.minorVersion == 0,
            keepsAlive: head.keepsAlive)
        let exchange = begin(connection, notes)
        guard !connection.isAdmin || match.route != .predict else {
            let refusal = Refusal(
                404, "not_found", "predictions are not answered at the admin address")
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
        case .predict: predict(connection, exchange, match, bytes, body: body)
        case .index: answerIndex(connection, exchange)
        case .health, .live: answerHealth(connection, exchange)
        case .ready: answerReadiness(connection, exchange)
        case .metrics: answerMetrics(connection, exchange)
        case .models: answerModels(connection, exchange)
        case .model: answerModel(connection, exchange, match, bytes)
        case .unknown:
            let path = Router.shown(bytes, head.path)
            answer(
                connection, exchange,
                Refusal(404, "not_found", "nothing is at \(path); GET / lists what is"))
        case .malformed: preconditionFailure("a routed request is well-formed")
        }
    }
}
