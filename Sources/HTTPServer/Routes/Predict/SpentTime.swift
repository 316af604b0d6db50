import Primitives
import Serving

/// Where the time of a request went that could not be answered in time: members of its error.
struct SpentTime: Sendable {
    /// What it was given.
    var timeout: UInt64
    /// From its parsing to the start of its run, or to its end when it never ran.
    var queued: UInt64
    /// Its run.
    var computed: UInt64 = 0
    /// What the run was expected to take, when that was asked.
    var predictedRun: UInt64?
    /// What the wait was expected to take, when that was asked.
    var predictedWait: UInt64?

    func append(to buffer: inout ByteBuffer) {
        Self.append("timeout_ms", timeout, to: &buffer)
        Self.append("queue_ms", queued, to: &buffer)
        Self.append("run_ms", computed, to: &buffer)
        if let predictedWait { Self.append("predicted_wait_ms", predictedWait, to: &buffer) }
        if let predictedRun { Self.append("predicted_run_ms", predictedRun, to: &buffer) }
    }

    private static func append(
        _ name: StaticString, _ nanoseconds: UInt64, to buffer: inout ByteBuffer
    ) {
        buffer.append(", \"")
        buffer.append(name)
        buffer.append("\": ")
        // To the microsecond.
        buffer.append(shortest: (Double(nanoseconds) / 1e3).rounded() / 1e3)
    }
}

extension Refusal {
    /// A request that was not taken in; nil for one that was. `now` in nanoseconds.
    init?(_ admission: Admission, _ version: ModelVersion, _ ticket: Ticket, now: UInt64) {
        let timeout = ticket.deadlineNanoseconds &- ticket.parsedNanoseconds
        var spent = SpentTime(timeout: timeout, queued: 0)
        switch admission {
        case .admitted, .probe: return nil
        case .queueFull(let wait):
            self.init(
                503, "queue_full",
                "model '\(version.name)' has more waiting requests than its queue takes")
            askBack(wait, version, now: now)
        case .tooLate(let wait, let run, let retryAfter):
            self.init(
                503, "overloaded",
                "model '\(version.name)' has so many waiting requests that this one would be late")
            spent.predictedWait = wait
            spent.predictedRun = run
            self.spent = spent
            askBack(retryAfter, version, now: now)
        case .tooShort(let run):
            self.init(
                504, "timeout_too_short",
                "model '\(version.name)' is expected to take longer than the request may")
            spent.predictedRun = run
            self.spent = spent
        }
    }

    private mutating func askBack(_ wait: UInt64, _ version: ModelVersion, now: UInt64) {
        let milliseconds = max(1, (wait + 999_999) / 1_000_000)
        // RFC 9110 section 10.2.3 knows whole seconds only.
        retryAfterSeconds = Int((milliseconds + 999) / 1000)
        retryAfterMilliseconds = Int(milliseconds)
        retryTicket = RetrySeal.ticket(
            dueMilliseconds: now / 1_000_000 + milliseconds, model: version.index)
    }

    /// A request whose time was up while it waited, or before its answer.
    static func late(_ version: ModelVersion, _ ticket: Ticket, now: UInt64) -> Refusal {
        let parsed = ticket.parsedNanoseconds
        let started = ticket.startedNanoseconds
        let isComputed = ticket.fate != .expired && started > 0
        var refusal = Refusal(
            504, isComputed ? "computed_too_late" : "expired_in_queue",
            isComputed
                ? "model '\(version.name)' took longer than the request may"
                : "the request waited for model '\(version.name)' until its time was up")
        let end = isComputed ? started : now
        refusal.spent = SpentTime(
            timeout: ticket.deadlineNanoseconds &- parsed, queued: end > parsed ? end - parsed : 0,
            computed: isComputed && now > started ? now - started : 0)
        return refusal
    }
}
