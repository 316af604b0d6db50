import HTTP

/// What is remembered of a request until its answer, for the log and for the answer's own fields.
/// Only requests that bring an identifier or a trace have one, or all while the access log is on.
/// Owned by one loop, used again.
final class RequestTrace {
    /// The number of its exchange.
    var sequence: UInt32 = 0
    let echoed = EchoedFields()
    /// On the monotonic clock, when it was parsed.
    var beganNanoseconds: UInt64 = 0
    var method = HTTPMethod.get
    var requestBytes = 0
    /// What it found; empty for none.
    var model = ""
    var version = ""
    /// Whether the access log tells of it.
    var isLogged = false

    func reset() {
        echoed.removeAll()
        requestBytes = 0
        method = .get
        model = ""
        version = ""
        isLogged = false
    }
}
