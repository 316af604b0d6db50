import HTTP
import Primitives
import Serving
import Telemetry

extension ServerLoop {
    /// What an HTTP/2 client sends first (RFC 9113 section 3.4).
    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    /// Whether the protocol of a new connection in the clear is known; HTTP/2 with prior knowledge
    /// shows in its preface. False while all that came is the beginning of one.
    func settleProtocol(_ connection: Connection) -> Bool {
        let length = Self.preface.count
        let count = min(connection.input.count, length)
        for index in 0..<count
        where connection.input.span[index] != Self.preface[index] {
            connection.isFresh = false
            return true
        }
        guard count == length else {
            if connection.requestBegan == nil { connection.requestBegan = now }
            settle(connection)
            return false
        }
        connection.isFresh = false
        beginHTTP2(connection)
        return true
    }

    func beginHTTP2(_ connection: Connection) {
        connection.http2 = HTTP2Session(limits: limits, allocator: http2Allocator)
        metrics.count(loop: number, .http2Connections)
        markDirty(connection)
        if isDraining { announceGoAway(connection) }
    }

    /// Takes in what was read on an HTTP/2 connection.
    func advance(_ connection: Connection, _ http2: HTTP2Session) {
        connection.requestBegan = nil
        var input = ByteBuffer()
        swap(&input, &connection.input)
        let goesOn = http2.receive(input.span, now: now)
        buffers.reclaim(&input)
        takeOffers(connection, http2)
        takeStreamed(connection, http2)
        takeRequests(connection, http2)
        forgetCancelled(connection, http2)
        countLimits(http2)
        markDirty(connection)
        if !goesOn { connection.isPeerFinished = connection.isPeerFinished || !http2.wantsWrite }
        settle(connection)
    }

    /// Counts what no refusal tells of.
    func countLimits(_ http2: HTTP2Session) {
        while let hit = http2.nextLimitHit() {
            switch hit {
            case .controlFrames:
                metrics.count(loop: number, .http2Floods)
                metrics.count(loop: number, limit: .http2ControlFrames)
            case .headerBytes:
                metrics.count(loop: number, .http2Floods)
                metrics.count(loop: number, limit: .headerBytes)
            case .headerTime:
                metrics.count(loop: number, .timeouts)
                metrics.count(loop: number, limit: .headerTime)
            case .streams: metrics.count(loop: number, limit: .streams)
            case .linger: break
            }
        }
    }

    /// Requests whose stream was reset are not computed, if they still wait.
    func forgetCancelled(_ connection: Connection, _ http2: HTTP2Session) {
        while let stream = http2.nextCancelled() {
            metrics.count(loop: number, .requestsEnded)
            let sequence = UInt32(bitPattern: stream)
            if !connection.traces.isEmpty { abandonTraces(connection, sequence: sequence) }
            if let upload = connection.uploads.first(where: { $0.exchange.sequence == sequence }) {
                management.writer?.send(.abandon(upload.identifier))
                connection.uploads.removeAll { $0 === upload }
            }
            _ = batcher.cancel(
                connection: connection.token, sequence: UInt32(bitPattern: stream))
        }
    }

    /// Looks at the heads of requests whose bodies may come in pieces.
    private func takeOffers(_ connection: Connection, _ http2: HTTP2Session) {
        var bytes = ByteBuffer()
        swap(&bytes, &requestBytes)
        while let stream = http2.nextOffer(&head, &bytes) {
            switch consider(connection, bytes.span, stream: stream) {
            case .gather: http2.gather(stream)
            case .stream(let bytesMax): http2.stream(stream, bytesMax: bytesMax)
            case .answered: break
            }
        }
        swap(&bytes, &requestBytes)
    }

    /// Hands on what came of bodies that are streamed, as far as the writer has room.
    func takeStreamed(_ connection: Connection, _ http2: HTTP2Session) {
        for upload in connection.uploads {
            let stream = Int32(bitPattern: upload.exchange.sequence)
            guard !isFull(upload) else { continue }
            switch http2.takeBody(stream, { take($0, of: upload) }) {
            case .more: break
            case .end: finish(connection, upload)
            case .refused(let refusal): fail(connection, upload, Refusal(refusal))
            case .gone: break
            }
        }
    }

    /// Routes the requests that are complete.
    func takeRequests(_ connection: Connection, _ http2: HTTP2Session) {
        var bytes = ByteBuffer()
        swap(&bytes, &requestBytes)
        while let request = http2.nextRequest(&head, &bytes) {
            if let refusal = request.refusal {
                let notes = ExchangeNotes(
                    route: .malformed, isHead: false, isHTTP10: false, keepsAlive: true)
                metrics.count(loop: number, .badMessages)
                answer(
                    connection, begin(connection, notes, stream: request.stream),
                    Refusal(refusal))
            } else {
                dispatch(connection, bytes.span, body: request.body, stream: request.stream)
            }
        }
        swap(&bytes, &requestBytes)
    }

    /// HTTP/1.1 `Upgrade: h2c` (RFC 7540 section 3.2): the request that asks for it is then answered on
    /// stream 1. Only when nothing before it is owed, and never inside TLS.
    func upgrade(_ connection: Connection, _ bytes: Span<UInt8>) -> Bool {
        guard connection.tls == nil, connection.outstanding == 0, head.minorVersion == 1,
            head.keepsAlive, let wanted = head.value(of: "upgrade", in: bytes),
            Ascii.equalsIgnoringCase(bytes, wanted, "h2c"),
            let settings = head.value(of: "http2-settings", in: bytes)
        else { return false }
        var payload = ByteBuffer()
        guard HTTP2Settings.decode(bytes.extracting(settings), into: &payload) else { return false }
        if connection.output.capacity == 0 { connection.output = buffers.take() }
        connection.output.append(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        connection.http2 = HTTP2Session(
            limits: limits, allocator: http2Allocator, upgrading: payload.span,
            isHead: head.method == .head)
        metrics.count(loop: number, .http2Connections)
        markDirty(connection)
        return true
    }
}
