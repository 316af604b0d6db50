/// Why a request has no answer.
public enum LoadFailure: Int, Sendable, CaseIterable {
    /// No connection: refused, unreachable, or not in time.
    case connect
    /// The TLS handshake or a record failed.
    case tls
    /// The client gave up waiting for the answer.
    case timeout
    /// The client gave up before a connection was free.
    case timeoutUnsent
    /// The connection ended before a byte of the answer.
    case reset
    /// The connection ended within the answer.
    case truncated
    /// What came is no answer.
    case malformed
    /// HTTP/2: the server reset the stream.
    case streamReset
    /// HTTP/2: the server did not process it, twice.
    case unprocessed
    /// Too many requests waited for a connection already (`Limits.loadQueueMax`).
    case queueFull
    /// The run ended before the answer came.
    case unanswered

    /// As in the JSON report.
    public var name: String {
        switch self {
        case .connect: "connect"
        case .tls: "tls"
        case .timeout: "timeout"
        case .timeoutUnsent: "timeout_unsent"
        case .reset: "reset"
        case .truncated: "truncated"
        case .malformed: "malformed"
        case .streamReset: "stream_reset"
        case .unprocessed: "unprocessed"
        case .queueFull: "queue_full"
        case .unanswered: "unanswered"
        }
    }
}

/// What one thread, or all of them, counted of a run.
///
/// `scheduled + retriesObeyed` = `succeeded` + answers of other statuses + failures: every request
/// that was wanted ends as exactly one of these, and so does every retry after a refusal.
public struct LoadTally: Sendable {
    /// Requests that were wanted.
    public var scheduled: UInt64 = 0
    /// Requests given to a connection, those sent again included.
    public var sent: UInt64 = 0
    /// Answers with a status of 2xx.
    public var succeeded: UInt64 = 0
    /// Of those, the ones that came within the measured time.
    public var succeededInTime: UInt64 = 0
    /// Answers by status.
    public var statuses = [UInt64](repeating: 0, count: 1000)
    public var failures = [UInt64](repeating: 0, count: LoadFailure.allCases.count)

    /// Refusals (429, 503) with a delay.
    public var retryDelaysSeen: UInt64 = 0
    public var retriesObeyed: UInt64 = 0
    public var retriesSucceeded: UInt64 = 0
    /// Retries that were refused again (429, 503).
    public var retriesRefused: UInt64 = 0
    /// Sent again after the server closed an idle connection at the same time.
    public var retriedOnStale: UInt64 = 0
    /// Sent again because the server said it did not process them (GOAWAY, REFUSED_STREAM).
    public var resentUnprocessed: UInt64 = 0
    /// Requests that waited for a connection.
    public var queued: UInt64 = 0
    public var queueMax: UInt64 = 0

    public var connectionsOpened: UInt64 = 0
    public var connectionsFailed: UInt64 = 0
    public var bytesSent: UInt64 = 0
    public var bytesReceived: UInt64 = 0

    /// Successes, from the intended send time to the end of the answer.
    public var latency = LatencyHistogram()
    /// Successes, from the time they were sent.
    public var service = LatencyHistogram()
    /// Refusals (429, 503), from the intended send time.
    public var refused = LatencyHistogram()
    /// All other answers, from the intended send time.
    public var others = LatencyHistogram()
    /// Successes of retries, from the intended send time of the first attempt.
    public var retried = LatencyHistogram()
    /// How much later than intended the generator got around to a request.
    public var lag = LatencyHistogram()

    public init() {}

    public func count(_ failure: LoadFailure) -> UInt64 { failures[failure.rawValue] }

    public var failed: UInt64 { failures.reduce(0, +) }

    public mutating func add(_ other: LoadTally) {
        scheduled += other.scheduled
        sent += other.sent
        succeeded += other.succeeded
        succeededInTime += other.succeededInTime
        for index in statuses.indices { statuses[index] += other.statuses[index] }
        for index in failures.indices { failures[index] += other.failures[index] }
        retryDelaysSeen += other.retryDelaysSeen
        retriesObeyed += other.retriesObeyed
        retriesSucceeded += other.retriesSucceeded
        retriesRefused += other.retriesRefused
        retriedOnStale += other.retriedOnStale
        resentUnprocessed += other.resentUnprocessed
        queued += other.queued
        queueMax = max(queueMax, other.queueMax)
        connectionsOpened += other.connectionsOpened
        connectionsFailed += other.connectionsFailed
        bytesSent += other.bytesSent
        bytesReceived += other.bytesReceived
        latency.add(other.latency)
        service.add(other.service)
        refused.add(other.refused)
        others.add(other.others)
        retried.add(other.retried)
        lag.add(other.lag)
    }
}
