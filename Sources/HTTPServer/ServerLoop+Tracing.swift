import HTTP
import Primitives
import Serving
import Telemetry

/// Request identifiers, traces and the access log.
extension ServerLoop {
    /// Remembers what identifies the request whose head was just parsed. Allocates nothing after
    /// warm-up while the access log is off.
    func beginTrace(
        _ connection: Connection, _ exchange: Exchange, _ bytes: Span<UInt8>, bodyBytes: Int
    ) {
        guard accessLog.isOn || head.requestID != nil || head.traceParent != nil else { return }
        let trace = newTrace(exchange)
        trace.echoed.take(head, in: bytes, limits: limits)
        trace.beginning = RequestTrace.Beginning(
            nanoseconds: nowNanoseconds, method: head.method, byteCount: bodyBytes)
        if accessLog.isOn {
            trace.echoed.makeRequestID((nextRandom(), nextRandom()))
            trace.isLogged = accessLog.takes(random: nextRandom())
        }
        connection.traces.append(trace)
    }

    /// Notes which model a request found.
    func noteModel(_ connection: Connection, _ exchange: Exchange, _ version: ModelVersion) {
        guard !connection.traces.isEmpty,
            let trace = connection.traces.last(where: { $0.sequence == exchange.sequence })
        else { return }
        trace.model = version.name
        trace.version = version.version
    }

    /// The trace of a request that is answered now, taken from its connection. One that goes wrong
    /// gets an identifier, so that its client has something to quote.
    func takeTrace(
        _ connection: Connection, _ exchange: Exchange, status: Int
    ) -> RequestTrace? {
        var trace: RequestTrace?
        if !connection.traces.isEmpty,
            let index = connection.traces.firstIndex(where: { $0.sequence == exchange.sequence })
        {
            trace = connection.traces.remove(at: index)
        }
        guard status >= 400 || (accessLog.isOn && trace == nil) else { return trace }
        let known = trace ?? newTrace(exchange)
        if trace == nil, accessLog.isOn {
            known.isLogged = accessLog.takes(random: nextRandom())
        }
        known.echoed.makeRequestID((nextRandom(), nextRandom()))
        return known
    }

    /// The request is answered: tells of it where that is wanted.
    func finish(
        _ trace: RequestTrace, _ connection: Connection, _ exchange: Exchange, status: Int,
        bodyBytes: Int
    ) {
        let isFailure = status == 500
        if trace.isLogged || (accessLog.isOn && status >= 500) || isFailure {
            let record = record(trace, connection, status: status, bodyBytes: bodyBytes)
            if isFailure, mayTellOfFailure() { accessLog.writeFailure(record) }
            if trace.isLogged || (accessLog.isOn && status >= 500) { accessLog.write(record) }
        }
        keep(trace)
    }

    /// A client left before its answer: nginx's 499 stands for that.
    func abandonTraces(_ connection: Connection, sequence: UInt32? = nil) {
        for trace in connection.traces where sequence == nil || trace.sequence == sequence {
            if trace.isLogged {
                accessLog.write(record(trace, connection, status: 499, bodyBytes: 0))
            }
            keep(trace)
        }
        connection.traces.removeAll { sequence == nil || $0.sequence == sequence }
    }

    private func newTrace(_ exchange: Exchange) -> RequestTrace {
        let trace = freeTraces.popLast() ?? RequestTrace()
        trace.sequence = exchange.sequence
        trace.notes = exchange.notes
        return trace
    }

    private func keep(_ trace: RequestTrace) {
        guard freeTraces.count < limits.freeTracesMax else { return }
        trace.reset()
        freeTraces.append(trace)
    }

    /// A model that fails every request must not fill the disk.
    private func mayTellOfFailure() -> Bool {
        let second = now / 1000
        if second != failureSecond {
            failureSecond = second
            failuresTold = 0
        }
        failuresTold += 1
        return failuresTold <= limits.logFailuresPerSecond
    }

    private func record(
        _ trace: RequestTrace, _ connection: Connection, status: Int, bodyBytes: Int
    ) -> AccessRecord {
        var record = AccessRecord()
        let id = trace.echoed.requestID
        record.requestID = String(decoding: id, as: UTF8.self)
        let parent = trace.echoed.traceParent
        if !parent.isEmpty {
            record.traceID = String(decoding: parent[TraceParent.traceID(0)], as: UTF8.self)
            record.parentID = String(decoding: parent[TraceParent.parentID(0)], as: UTF8.self)
        }
        record.route = trace.notes.route.label
        record.model = trace.model.isEmpty ? refusedVersion?.name ?? "" : trace.model
        record.version = trace.version.isEmpty ? refusedVersion?.version ?? "" : trace.version
        record.status = status
        record.code = refusalCode
        record.proto =
            connection.http2 != nil ? "HTTP/2" : trace.notes.isHTTP10 ? "HTTP/1.0" : "HTTP/1.1"
        if let beginning = trace.beginning {
            let elapsed = MonotonicClock.nanoseconds &- beginning.nanoseconds
            record.method = "\(beginning.method.name)"
            record.seconds = Double(elapsed / 1000) / 1e6
            record.requestBytes = beginning.byteCount
        }
        record.responseBytes = trace.notes.isHead ? 0 : bodyBytes
        return record
    }
}
