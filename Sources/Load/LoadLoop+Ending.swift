import HTTP
import Primitives

/// The one end that every request has.
extension LoadLoop {
    /// An answer has come.
    func answered(
        _ exchange: Exchange, _ status: Int, _ delay: RetryDelay?, _ ticket: RetryTicket?
    ) {
        let now = MonotonicClock.nanoseconds
        let tally = exchange.isMeasured ? 1 : 0
        let latency = now - min(exchange.due, now)
        tallies[tally].statuses[status] += 1
        if (200..<300).contains(status) {
            tallies[tally].succeeded += 1
            tallies[tally].latency.record(latency)
            tallies[tally].service.record(now - exchange.sent)
            if exchange.isRetry {
                tallies[tally].retriesSucceeded += 1
                tallies[tally].retried.record(now - exchange.began)
            }
            if now >= measureStart, now < end { tallies[1].succeededInTime += 1 }
            block.add(LoadShared.Cell.succeeded.rawValue)
            block.add(LoadShared.Cell.first.rawValue + LoadShared.scale.index(of: latency))
        } else {
            block.add(LoadShared.Cell.failed.rawValue)
            if status == 429 || status == 503 {
                tallies[tally].refused.record(latency)
                if delay != nil { tallies[tally].retryDelaysSeen += 1 }
                if exchange.isRetry { tallies[tally].retriesRefused += 1 }
                if let delay, configuration.obeysRetryAfter, !exchange.isRetry {
                    retry(exchange, after: delay, ticket, now)
                    return
                }
            } else {
                tallies[tally].others.record(latency)
            }
        }
        ended(now)
    }

    /// The refused request comes again when the server said, unless the run is over by then.
    private func retry(
        _ exchange: Exchange, after delay: RetryDelay, _ ticket: RetryTicket?, _ now: UInt64
    ) {
        let milliseconds = UInt64(delay.milliseconds(now: WallClock.seconds))
        let due = now + milliseconds * 1_000_000
        let limit =
            end == .max ? due : end + UInt64(configuration.limits.loadDrainMilliseconds) * 1_000_000
        guard due <= limit, isIssuing || due <= drainEnd else {
            ended(now)
            return
        }
        var again = exchange
        again.due = due
        again.isRetry = true
        again.ticket = ticket
        again.resends = 0
        tallies[exchange.isMeasured ? 1 : 0].retriesObeyed += 1
        later.insert(.retry(again), due: due)
    }

    /// No answer has come and none will.
    func fail(_ exchange: Exchange, _ failure: LoadFailure) {
        tallies[exchange.isMeasured ? 1 : 0].failures[failure.rawValue] += 1
        block.add(LoadShared.Cell.failed.rawValue)
        let now = MonotonicClock.nanoseconds
        if failure == .connect, schedule == nil {
            // The client of a closed loop would only be refused again, as fast as the kernel can.
            outstanding -= 1
            lastEnd = now
            let pause = UInt64(configuration.limits.loadReconnectMilliseconds) * 1_000_000
            if isIssuing { later.insert(.client, due: now + pause) }
            return
        }
        ended(now)
    }

    private func ended(_ now: UInt64) {
        outstanding -= 1
        lastEnd = now
        if schedule == nil, isIssuing { readyClients.append(now) }
    }

    // MARK: Time

    /// Looks for what has waited too long; at most 2 % of the time limit late.
    func sweep(_ now: UInt64) {
        let step = timeoutNanoseconds > 0 ? timeoutNanoseconds / 50 : 20_000_000
        nextSweep = now + min(max(step, 1_000_000), 20_000_000)
        block.store(LoadShared.Cell.inFlight.rawValue, UInt64(max(outstanding - later.count, 0)))
        let connectLimit = UInt64(configuration.limits.loadConnectMilliseconds) * 1_000_000
        if connectingCount > 0 {
            for connection in connections
            where (connection.phase == .connecting || connection.phase == .handshaking)
                && now > connection.began + connectLimit
            {
                lose(connection, .connect)
            }
        }
        if timeoutNanoseconds > 0, now > timeoutNanoseconds {
            expire(dueBefore: now - timeoutNanoseconds)
        }
        settle()
    }

    private func expire(dueBefore limit: UInt64) {
        while let first = queue.front, first.due < limit, let exchange = queue.popFirst() {
            fail(exchange, .timeoutUnsent)
        }
        for connection in connections {
            if let exchange = connection.pending, exchange.due < limit {
                connection.pending = nil
                fail(exchange, .timeoutUnsent)
            }
            if let exchange = connection.current, exchange.due < limit {
                // HTTP/1.1 has no other way to give up.
                connection.current = nil
                fail(exchange, .timeout)
                lose(connection, .timeout)
            }
            guard let session = connection.session, session.openCount > 0 else { continue }
            for token in connection.exchanges.indices {
                guard let exchange = connection.exchanges[token], exchange.due < limit else {
                    continue
                }
                _ = connection.endExchange(token)
                session.cancel(token: token)
                fail(exchange, .timeout)
                if !connection.isDirty {
                    connection.isDirty = true
                    dirty.append(connection.index)
                }
            }
        }
    }

    /// The run is over: what has not ended is counted so.
    func abandon() {
        while let exchange = queue.popFirst() { fail(exchange, .unanswered) }
        while let item = later.pop(now: .max) {
            if case .retry(let exchange) = item { fail(exchange, .unanswered) }
        }
        for exchange in again { fail(exchange, .unanswered) }
        again.removeAll()
        for connection in connections {
            if let exchange = connection.pending { fail(exchange, .unanswered) }
            if let exchange = connection.current { fail(exchange, .unanswered) }
            for exchange in connection.exchanges {
                if let exchange { fail(exchange, .unanswered) }
            }
            connection.pending = nil
            connection.current = nil
            connection.exchanges.removeAll()
        }
    }
}
