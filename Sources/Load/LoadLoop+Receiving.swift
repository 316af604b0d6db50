import HTTP
import IO
import Primitives

/// From bytes of a connection to answers and their counts.
extension LoadLoop {
    func handle(_ connection: LoadConnection, _ event: ReadyEvent) {
        guard let wire = connection.wire else { return }
        if connection.phase == .connecting {
            guard event.isWritable || event.isBroken else { return }
            guard Socket.connectionError(wire.descriptor) == 0 else {
                lose(connection, .connect)
                return
            }
            if wire.isOpen {
                open(connection)
            } else {
                connection.phase = .handshaking
            }
            if connection.wire != nil { flush(connection) }
            return
        }
        if event.isWritable { flush(connection) }
        guard event.isReadable || event.isBroken || event.isPeerFinished, connection.wire != nil
        else { return }
        read(connection, wire)
    }

    private func read(_ connection: LoadConnection, _ wire: LoadWire) {
        let outcome = wire.receive()
        if connection.phase == .handshaking, wire.isOpen { open(connection) }
        guard connection.wire != nil else { return }
        if connection.session != nil {
            if !wire.input.isEmpty { takeFrames(connection, wire) }
        } else if connection.phase == .open {
            takeAnswers(connection, wire)
        }
        // Handling answers may have ended the connection.
        guard connection.wire === wire else { return }
        switch outcome {
        case .progress, .wouldBlock: if wire.hasOutput { flush(connection) }
        case .ended: finish(connection, wire)
        case .failed: lose(connection, connection.phase == .handshaking ? .connect : .reset)
        case .failedTLS: lose(connection, .tls)
        }
    }

    /// The server sent FIN.
    private func finish(_ connection: LoadConnection, _ wire: LoadWire) {
        guard connection.session == nil, connection.phase == .open, connection.current != nil,
            !connection.parser.isUntouched(wire.input)
        else {
            lose(connection, connection.phase == .handshaking ? .tls : .reset)
            return
        }
        switch connection.parser.end() {
        case .complete: complete(connection)
        case .malformed(.truncated): lose(connection, .truncated)
        case .malformed: lose(connection, .malformed)
        case .needMore, .head, .body: lose(connection, .reset)
        }
    }

    // MARK: HTTP/1.1

    private func takeAnswers(_ connection: LoadConnection, _ wire: LoadWire) {
        if !wire.input.isEmpty { connection.lastRead = MonotonicClock.nanoseconds }
        while connection.wire === wire {
            switch connection.parser.next(&wire.input) {
            case .needMore: return
            case .head, .body: continue
            case .complete: complete(connection)
            case .malformed: lose(connection, .malformed)
            }
        }
    }

    private func complete(_ connection: LoadConnection) {
        guard let exchange = connection.current else { return }
        let head = connection.parser.head
        connection.current = nil
        connection.isFresh = false
        answered(exchange, head.status, head.retryDelay, head.retryTicket)
        if head.keepsAlive { release(connection) } else { lose(connection, .reset) }
    }

    // MARK: HTTP/2

    private func takeFrames(_ connection: LoadConnection, _ wire: LoadWire) {
        guard let session = connection.session else { return }
        connection.lastRead = MonotonicClock.nanoseconds
        let goesOn = session.receive(wire.input.span)
        wire.input.removeAll()
        takeAnswers(connection, session)
        if session.isBroken {
            flush(connection)
            lose(connection, .malformed)
            return
        }
        if session.isGoingAway { leave(connection) }
        if !goesOn || (connection.phase == .leaving && session.openCount == 0) {
            session.close()
            flush(connection)
            lose(connection, .reset)
            return
        }
        if !connection.isDirty, session.wantsWrite {
            connection.isDirty = true
            dirty.append(connection.index)
        }
        release(connection)
    }

    func takeAnswers(_ connection: LoadConnection, _ session: HTTP2ClientSession) {
        while let answer = session.nextAnswer() {
            guard let exchange = connection.endExchange(answer.token) else { continue }
            connection.isFresh = false
            switch answer.outcome {
            case .complete:
                answered(exchange, answer.status, answer.retryDelay, answer.retryTicket)
            case .unprocessed: resend(exchange)
            case .reset: fail(exchange, .streamReset)
            }
        }
    }

    /// The server said that it did not process a request (RFC 9113 section 8.7).
    private func resend(_ exchange: Exchange) {
        guard exchange.resends < Self.resendsMax else {
            fail(exchange, .unprocessed)
            return
        }
        var exchange = exchange
        exchange.resends += 1
        tallies[exchange.isMeasured ? 1 : 0].resentUnprocessed += 1
        again.append(exchange)
    }

    /// A server that refuses a request more often without looking at it is not leaving, but broken.
    private static let resendsMax = 3

    // MARK: Ends

    /// The connection is over, and what was on it gets its end: sent again where that is safe, else a
    /// failure of the kind named.
    func lose(_ connection: LoadConnection, _ cause: LoadFailure) {
        guard let wire = connection.wire else { return }
        let phase = connection.phase
        if phase == .connecting || phase == .handshaking {
            connectingCount -= 1
            tallies[1].connectionsFailed += 1
        }
        let isUntouched = connection.parser.isUntouched(wire.input)
        count(bytesOf: connection)
        poller.remove(wire.descriptor)
        connection.wire = nil
        connection.session = nil
        connection.generation &+= 1
        connection.isPooled = false
        connection.isDirty = false
        if phase == .leaving {
            connection.phase = .retired
            retired.append(connection.index)
        } else {
            connection.phase = .down
            down.append(connection.index)
        }
        if let exchange = connection.pending {
            connection.pending = nil
            fail(exchange, cause)
        }
        if let exchange = connection.current {
            connection.current = nil
            drop(exchange, cause, mayBeStale: isUntouched && !connection.isFresh)
        }
        for token in connection.exchanges.indices {
            guard let exchange = connection.exchanges[token] else { continue }
            let hadNothing = connection.lastRead < exchange.sent && !connection.isFresh
            drop(exchange, cause, mayBeStale: hadNothing)
        }
        connection.exchanges.removeAll(keepingCapacity: true)
        connection.freeTokens.removeAll(keepingCapacity: true)
    }

    /// RFC 9110 section 9.2.2: a client may repeat an idempotent request when the connection was
    /// closed before any of the answer, and a prediction is one. It does so once.
    private func drop(_ exchange: Exchange, _ cause: LoadFailure, mayBeStale: Bool) {
        guard mayBeStale, cause == .reset, exchange.resends == 0 else {
            fail(exchange, cause)
            return
        }
        var exchange = exchange
        exchange.resends += 1
        tallies[exchange.isMeasured ? 1 : 0].retriedOnStale += 1
        again.append(exchange)
    }

    func count(bytesOf connection: LoadConnection) {
        guard let counts = connection.wire?.takeByteCounts() else { return }
        tallies[1].bytesReceived += UInt64(counts.read)
        tallies[1].bytesSent += UInt64(counts.written)
    }
}
