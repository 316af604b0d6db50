import HTTP
import IO
import Primitives

/// From a request that is due to one on a connection.
extension LoadLoop {
    /// Arrivals of an open loop up to a time.
    func issueArrivals(_ now: UInt64) {
        while isIssuing, nextArrival <= now, nextArrival < end {
            let due = nextArrival
            nextArrival = start + (schedule?.next() ?? 0)
            if due >= measureStart { tallies[1].lag.record(now - due) }
            issue(due: due)
            settle()
        }
        if nextArrival >= end { nextArrival = .max }
    }

    private func issue(due: UInt64) {
        let isMeasured = due >= measureStart
        let exchange = Exchange(due: due, request: nextRequest, isMeasured: isMeasured)
        nextRequest += 1
        if nextRequest == configuration.requests.count { nextRequest = 0 }
        outstanding += 1
        tallies[isMeasured ? 1 : 0].scheduled += 1
        place(exchange)
    }

    /// Deals with what the last event left to do.
    func settle() {
        while true {
            if let exchange = again.popLast() {
                place(exchange)
            } else if let due = readyClients.popLast() {
                guard isIssuing, budget > 0 else { continue }
                budget -= 1
                issue(due: due)
            } else if !queue.isEmpty, let index = down.popLast(), let waiting = queue.popFirst() {
                connect(connections[index], for: waiting)
            } else {
                return
            }
        }
    }

    /// Gives a request to a connection with room, else to a new connection, else to the queue.
    private func place(_ exchange: Exchange) {
        // What failed on an idle connection goes to a new one if it can.
        if exchange.resends > 0, let index = down.popLast() {
            connect(connections[index], for: exchange)
            return
        }
        while let index = pool.popFirst() {
            let connection = connections[index]
            guard connection.isPooled, connection.room > 0 else {
                connection.isPooled = false
                continue
            }
            connection.isPooled = false
            start(exchange, on: connection)
            release(connection)
            return
        }
        if let index = down.popLast() {
            connect(connections[index], for: exchange)
            return
        }
        let tally = exchange.isMeasured ? 1 : 0
        guard queue.count < configuration.limits.loadQueueMax else {
            fail(exchange, .queueFull)
            return
        }
        queue.append(exchange)
        tallies[tally].queued += 1
        tallies[tally].queueMax = max(tallies[tally].queueMax, UInt64(queue.count))
    }

    /// A connection may have room: what waits takes it, and the rest goes to the pool.
    func release(_ connection: LoadConnection) {
        while connection.room > 0, let waiting = queue.popFirst() {
            start(waiting, on: connection)
        }
        if !connection.isPooled, connection.room > 0 {
            connection.isPooled = true
            pool.append(connection.index)
        }
    }

    /// Sends a request on a connection with room.
    func start(_ exchange: Exchange, on connection: LoadConnection) {
        var exchange = exchange
        exchange.sent = MonotonicClock.nanoseconds
        tallies[exchange.isMeasured ? 1 : 0].sent += 1
        if let session = connection.session {
            let token = connection.takeToken(exchange)
            guard session.submit(http2Request(exchange), token: token) else {
                // The numbers of streams are used up.
                _ = connection.endExchange(token)
                tallies[exchange.isMeasured ? 1 : 0].sent -= 1
                again.append(exchange)
                leave(connection)
                return
            }
            if !connection.isDirty {
                connection.isDirty = true
                dirty.append(connection.index)
            }
        } else if let wire = connection.wire {
            connection.current = exchange
            connection.parser.begin(
                isHead: configuration.requests[exchange.request].method == "HEAD")
            if let ticket = exchange.ticket {
                wire.output.append(
                    configuration.requests[exchange.request].with(ticket).http1(
                        configuration.target))
            } else {
                wire.output.append(requests1[exchange.request])
            }
            flush(connection)
        }
    }

    /// The prepared request; a retry with a ticket is one of its own.
    private func http2Request(_ exchange: Exchange) -> HTTP2ClientRequest {
        guard let ticket = exchange.ticket else { return requests2[exchange.request] }
        return configuration.requests[exchange.request].with(ticket).http2(configuration.target)
    }

    // MARK: Connections

    /// Begins to connect, for a request if there is one.
    func connect(_ connection: LoadConnection, for exchange: Exchange?) {
        connection.began = MonotonicClock.nanoseconds
        connection.pending = exchange
        switch address.connect() {
        case .failed: refuse(connection)
        case .connected(let descriptor): adopt(connection, descriptor)
        case .pending(let descriptor): adopt(connection, descriptor)
        }
    }

    private func refuse(_ connection: LoadConnection) {
        connection.phase = .down
        tallies[1].connectionsFailed += 1
        down.append(connection.index)
        if let exchange = connection.pending {
            connection.pending = nil
            fail(exchange, .connect)
        }
    }

    /// A socket that is connected or will be: it is writable then.
    private func adopt(_ connection: LoadConnection, _ descriptor: Int32) {
        let wire = LoadWire(descriptor, configuration)
        connection.generation &+= 1
        do throws(SystemError) {
            try poller.add(descriptor, token: connection.token, [.read, .write])
        } catch {
            // The wire closes the socket.
            refuse(connection)
            return
        }
        connection.wire = wire
        connection.watchesWrite = true
        connection.phase = .connecting
        connectingCount += 1
    }

    /// The connection can carry requests.
    func open(_ connection: LoadConnection) {
        guard let wire = connection.wire else { return }
        if configuration.speaksHTTP2 {
            guard wire.speaksHTTP2 else {
                lose(connection, .tls)
                return
            }
            connection.session = HTTP2ClientSession(
                limits: configuration.limits, allocator: allocator,
                streamsMax: configuration.streams)
            connection.isDirty = true
            dirty.append(connection.index)
        } else {
            connection.parser = HTTP1AnswerParser(limits: configuration.limits)
        }
        connection.phase = .open
        connectingCount -= 1
        tallies[1].connectionsOpened += 1
        connection.lastRead = 0
        connection.isFresh = connection.pending != nil
        if let exchange = connection.pending {
            connection.pending = nil
            start(exchange, on: connection)
        }
        release(connection)
    }

    /// HTTP/2: no more requests go to this connection; another takes its place.
    func leave(_ connection: LoadConnection) {
        guard connection.phase == .open else { return }
        connection.phase = .leaving
        connection.isPooled = false
        if let index = retired.popLast() {
            connections[index].phase = .down
            down.append(index)
        } else {
            let index = connections.count
            connections.append(LoadConnection(index: index, limits: configuration.limits))
            down.append(index)
        }
    }

    // MARK: Writing

    func flushDirty() {
        while let index = dirty.popLast() {
            let connection = connections[index]
            guard connection.isDirty else { continue }
            connection.isDirty = false
            flush(connection)
        }
    }

    func flush(_ connection: LoadConnection) {
        guard let wire = connection.wire else { return }
        while true {
            if let session = connection.session {
                session.output(into: &wire.output, atMost: 64 << 10)
                // After GOAWAY some requests could not leave.
                if session.isGoingAway { takeAnswers(connection, session) }
            }
            let outcome = wire.flush()
            switch outcome {
            case .progress:
                if let session = connection.session {
                    if session.wantsWrite { continue }
                    // Our GOAWAY left, because the server broke the protocol.
                    if session.isFinished {
                        lose(connection, .malformed)
                        return
                    }
                }
                watch(connection, write: false)
                return
            case .wouldBlock:
                watch(connection, write: true)
                return
            case .ended, .failed:
                // An answer may have come before the end: reading tells.
                watch(connection, write: false)
                return
            case .failedTLS:
                lose(connection, .tls)
                return
            }
        }
    }

    private func watch(_ connection: LoadConnection, write: Bool) {
        guard connection.watchesWrite != write, let wire = connection.wire else { return }
        connection.watchesWrite = write
        poller.change(
            wire.descriptor, token: connection.token, write ? [.read, .write] : .read)
    }
}
