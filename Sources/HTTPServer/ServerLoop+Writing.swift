import HTTP
import IO
import Primitives
import TLS
import Telemetry

extension ServerLoop {
    func markDirty(_ connection: Connection) {
        guard !connection.isDirty else { return }
        connection.isDirty = true
        dirty.append(connection)
    }

    /// Bytes taken from an HTTP/2 session or encrypted at a time: what a slow reader keeps here.
    private static let portionBytes = 256 << 10
    /// Portions a connection may send in one turn before the others have theirs.
    private static let portionsMax = 8

    /// Writes what there is; what the kernel does not take waits for EPOLLOUT.
    func flush(_ connection: Connection) {
        for _ in 0..<Self.portionsMax {
            gather(connection)
            guard connection.hasOutput else { break }
            guard send(connection) else { return }
            if connection.hasOutput { break }
        }
        if !connection.hasOutput {
            buffers.reclaim(&connection.output)
            buffers.reclaim(&connection.wire)
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

    /// Takes the next portion of frames, and encrypts it.
    private func gather(_ connection: Connection) {
        if let http2 = connection.http2, http2.wantsWrite,
            connection.output.count < Self.portionBytes
        {
            if connection.output.capacity == 0 { connection.output = buffers.take() }
            let wasHeldBack = http2.pendingAnswerBytes >= limits.outputBytesMax
            http2.output(into: &connection.output, atMost: Self.portionBytes, now: now)
            countLimits(http2)
            if wasHeldBack, http2.pendingAnswerBytes < limits.outputBytesMax,
                !connection.isResuming
            {
                connection.isResuming = true
                resuming.append(connection)
            }
            forgetCancelled(connection, http2)
        }
        guard let tls = connection.tls, tls.hasOutput || !connection.output.isEmpty,
            connection.wire.count < Self.portionBytes
        else { return }
        if connection.wire.capacity == 0 { connection.wire = buffers.take() }
        _ = tls.write(&connection.output, into: &connection.wire, upTo: Self.portionBytes)
    }

    /// One write; false when the connection is gone.
    private func send(_ connection: Connection) -> Bool {
        let outcome =
            connection.tls == nil
            ? Socket.write(connection.descriptor, from: &connection.output)
            : Socket.write(connection.descriptor, from: &connection.wire)
        switch outcome {
        case .bytes(let count):
            metrics.count(loop: number, .bytesWritten, count)
            if count > 0 { connection.lastProgress = now }
        case .wouldBlock: break
        case .endOfStream: preconditionFailure("a write does not see the end of a stream")
        case .failed:
            close(connection)
            return false
        }
        return true
    }

    /// Ends a connection that owes nothing any more and is to be closed.
    private func finishIfAnswered(_ connection: Connection) -> Bool {
        guard connection.phase == .open, connection.outstanding == 0 else { return false }
        if let http2 = connection.http2 {
            guard http2.isFinished || (connection.isPeerFinished && !http2.isStalled) else {
                return false
            }
        } else if !connection.isPeerFinished {
            guard let last = connection.lastSequence, last &+ 1 == connection.nextAnswer else {
                return false
            }
        }
        if connection.isPeerFinished {
            close(connection)
        } else {
            linger(connection)
        }
        return true
    }

    /// Sends FIN and waits for the client's, so that our last bytes are not lost in a reset.
    func linger(_ connection: Connection) {
        if let tls = connection.tls {
            tls.close()
            tls.drain(into: &connection.wire)
            // Best effort: the data before it is out, and a client that misses close_notify knows the
            // length of the answer.
            _ = Socket.write(connection.descriptor, from: &connection.wire)
            buffers.reclaim(&connection.wire)
        }
        Socket.shutdownWrite(connection.descriptor)
        connection.phase = .lingering
        connection.input.removeAll()
        setDeadline(connection, now + UInt64(limits.lingerMilliseconds))
        updateInterest(connection)
    }

    // MARK: Interest and time

    /// After anything happened on a connection: what it waits for, and for how long.
    func settle(_ connection: Connection) {
        guard connection.phase == .open else { return }
        connection.deadline = .max
        setDeadline(connection, patience(connection))
        updateInterest(connection)
    }

    /// When the loop's patience with a connection ends.
    private func patience(_ connection: Connection) -> UInt64 {
        if let tls = connection.tls, !tls.isHandshakeComplete {
            return connection.openedAt + UInt64(limits.handshakeMilliseconds)
        }
        let expiry = connection.http2?.nextExpiry
        var earliest = min(connection.goAwayAt ?? .max, expiry ?? .max)
        for upload in connection.uploads { earliest = min(earliest, uploadDeadline(upload)) }
        let isStalled = connection.http2?.isStalled ?? false
        if connection.hasOutput || isStalled {
            return min(earliest, connection.lastProgress + UInt64(limits.writeMilliseconds))
        }
        if connection.outstanding > 0 || expiry != nil { return earliest }
        if let began = connection.requestBegan { return requestDeadline(connection, began) }
        let idle = isDraining ? Self.drainIdleMilliseconds : UInt64(limits.idleMilliseconds)
        return min(earliest, now + idle)
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
            let wantsMore = connection.http2?.wantsWrite ?? false
            if connection.hasOutput || wantsMore { wanted.insert(.write) }
            // Output of this turn is written at its end: asking for EPOLLOUT before is a wasted call.
            if connection.isDirty, !connection.interest.contains(.write) { wanted.remove(.write) }
        case .lingering: wanted.insert(.read)
        case .closed: break
        }
        guard wanted != connection.interest else { return }
        connection.interest = wanted
        poller.change(connection.descriptor, token: connection.token, wanted)
    }
}
