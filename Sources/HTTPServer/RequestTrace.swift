import HTTP

/// What is remembered of a request until its answer, for the log and for the answer's own fields.
/// Only requests that bring an identifier or a trace have one, or all while the access log is on.
/// Owned by one loop, used again.
final class RequestTrace {
    /// The number of its exchange.
    var sequence: UInt32 = 0
    let echoed = EchoedFields()
    var notes = ExchangeNotes(rawValue: 0)
    /// What only a request that was noted when it was parsed has.
    var beginning: Beginning?
    /// What it found; empty for none.
    var model = ""
    var version = ""
    /// Whether the access log tells of it.
    var isLogged = false

    struct Beginning {
        /// On the monotonic clock, when it was parsed.
        var nanoseconds: UInt64
        var method: HTTPMethod
        /// Of the body.
        var byteCount: Int
    }

    func reset() {
        echoed.removeAll()
        beginning = nil
        model = ""
        version = ""
        isLogged = false
    }
}
