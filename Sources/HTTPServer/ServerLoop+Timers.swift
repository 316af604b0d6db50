import HTTP
import IO
import Primitives
import Serving
import TLS
import Telemetry

extension ServerLoop {
    /// Sets when a connection's patience ends. Later deadlines cost nothing: the wheel's entry finds
    /// out when it comes due.
    func setDeadline(_ connection: Connection, _ deadline: UInt64) {
        connection.deadline = deadline
        guard deadline < connection.wheelDue else { return }
        connection.wheelDue = deadline
        wheel.schedule(connection.token, due: deadline)
    }

    func expireTimers() {
        wheel.advance(toMilliseconds: now, into: &expired)
        guard !expired.isEmpty else { return }
        for expiry in expired {
            switch expiry.token {
            case Token.acceptAgain:
                listen(true)
                continue
            case Token.drainDelayOver:
                stopAccepting()
                continue
            default: break
            }
            guard let connection = connections[expiry.token], connection.wheelDue == expiry.due
            else { continue }
            connection.wheelDue = .max
            if connection.deadline <= now {
                timeOut(connection)
            } else if connection.deadline != .max {
                setDeadline(connection, connection.deadline)
            }
        }
        expired.removeAll(keepingCapacity: true)
        for connection in dirty {
            connection.isDirty = false
            if connection.phase != .closed { flush(connection) }
        }
        dirty.removeAll(keepingCapacity: true)
    }

    private func timeOut(_ connection: Connection) {
        guard connection.phase == .open else {
            close(connection)
            return
        }
        if let tls = connection.tls, !tls.isHandshakeComplete {
            metrics.count(loop: number, .timeouts)
            metrics.count(loop: number, limit: .handshakeTime)
            close(connection)
            return
        }
        if let http2 = connection.http2, !connection.hasOutput, !http2.isStalled {
            timeOut(connection, http2)
            return
        }
        if let began = connection.requestBegan, connection.output.isEmpty,
            connection.outstanding == 0
        {
            metrics.count(loop: number, .timeouts)
            let isOver = now >= began + UInt64(limits.bodyMilliseconds)
            refuse(
                connection,
                connection.session.isInBody
                    ? isOver ? .bodyTimeout : .bodyTooSlow : .headerTimeout)
            return
        }
        let isWriting = connection.hasOutput || connection.http2?.isStalled ?? false
        if isWriting || !isDraining {
            metrics.count(loop: number, .timeouts)
            metrics.count(loop: number, limit: isWriting ? .writeTime : .idleTime)
        }
        close(connection)
    }

    private func timeOut(_ connection: Connection, _ http2: HTTP2Session) {
        if let due = connection.goAwayAt, due <= now {
            connection.goAwayAt = nil
            http2.finishDrain()
        } else if let began = http2.oldestIncomplete {
            metrics.count(loop: number, .timeouts)
            // Half a header cannot be answered, so no refusal will count it.
            if http2.isInHeader { metrics.count(loop: number, limit: .headerTime) }
            http2.expire(
                beganBefore: max(began + 1, now - min(now, UInt64(limits.bodyMilliseconds))))
            takeRequests(connection, http2)
        } else if connection.outstanding == 0 {
            if !isDraining {
                metrics.count(loop: number, .timeouts)
                metrics.count(loop: number, limit: .idleTime)
            }
            http2.end(.noError)
        }
        markDirty(connection)
        settle(connection)
    }
}
