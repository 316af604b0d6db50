import HTTP
import Primitives

/// Makes and checks `X-Retry-Ticket`s: the server's word that a client was refused and told when to come
/// back. Who does gets the part of the queue that first-time requests do not.
///
/// The seal is a keyed hash (the standard library's SipHash, keyed anew in each process) of the time and
/// of the model. It keeps clients from writing tickets themselves; one that is used twice gains a place
/// in a queue that is bounded all the same. Another replica's tickets are no good here, and cost nothing.
package enum RetrySeal {
    package static func ticket(dueMilliseconds due: UInt64, model: Int) -> RetryTicket {
        RetryTicket(due: due, seal: seal(due, model))
    }

    /// Whether a ticket is ours, for this model, and its time has come and not passed.
    package static func isGood(
        _ ticket: RetryTicket, model: Int, nowMilliseconds now: UInt64, limits: Limits
    ) -> Bool {
        ticket.seal == seal(ticket.due, model) && now &+ early >= ticket.due
            && now <= ticket.due &+ UInt64(limits.retryGraceMilliseconds)
    }

    /// Clocks and timers differ a little.
    private static let early: UInt64 = 50

    private static func seal(_ due: UInt64, _ model: Int) -> UInt64 {
        var hasher = Hasher()
        hasher.combine("martlet retry ticket")
        hasher.combine(due)
        hasher.combine(model)
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }
}
