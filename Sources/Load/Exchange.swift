import HTTP

/// One request on its way: from the time it was meant to be sent to its end.
struct Exchange: Sendable {
    /// The intended send time: what latency counts from.
    var due: UInt64
    /// That of the first attempt, when this is a retry after a refusal.
    var began: UInt64
    /// When it was given to a connection.
    var sent: UInt64 = 0
    /// Which of the prepared requests.
    var request: Int
    /// Meant to be sent within the measured time.
    var isMeasured: Bool
    var isRetry = false
    /// What the refusal gave, to be sent with the retry.
    var ticket: RetryTicket?
    /// How often it was sent again without an answer.
    var resends = 0

    init(due: UInt64, request: Int, isMeasured: Bool) {
        self.due = due
        began = due
        self.request = request
        self.isMeasured = isMeasured
    }
}
