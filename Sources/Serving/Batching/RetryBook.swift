/// When refused clients are to come back: each gets a place behind those refused before it, in a line
/// that moves as fast as the backlog is worked off.
///
/// `Retry-After` = backlog ÷ drain rate alone would send all clients of a burst back at the same moment,
/// to be refused again. Here the next one's place is later by what the one before will take, so that
/// those who obey come at the rate the server can serve. Times differ by up to a tenth by chance.
public struct RetryBook: Sendable {
    private var bookedUntil: UInt64 = 0
    private var random: UInt64

    public init(seed: UInt64) { random = seed }

    /// Books a place; the time to wait, in nanoseconds, at most `most`.
    ///
    /// `backlog` is how long what waits now will take, `service` what this request will.
    public mutating func book(
        now: UInt64, backlog: Double, service: Double, most: UInt64
    ) -> UInt64 {
        let begin = max(bookedUntil, now &+ Self.whole(backlog, most))
        let place = begin &+ Self.whole(service, most)
        let wait = place - now
        guard wait < most else {
            // Past the end of the book: come back some time in its second half.
            return most / 2 + UInt64(Double(most / 2) * fraction())
        }
        bookedUntil = place
        return wait + UInt64(Double(wait) * 0.1 * fraction())
    }

    /// Whether somebody was told to come back at this time or later.
    public func expectsClients(now: UInt64) -> Bool { now < bookedUntil }

    private static func whole(_ nanoseconds: Double, _ most: UInt64) -> UInt64 {
        UInt64(min(max(nanoseconds, 0), Double(most)))
    }

    /// From 0 up to 1 (splitmix64; Steele, Lea and Flood 2014).
    private mutating func fraction() -> Double {
        random &+= 0x9E37_79B9_7F4A_7C15
        var z = random
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        z ^= z >> 31
        return Double(z >> 11) / 9_007_199_254_740_992
    }
}
