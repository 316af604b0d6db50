import Primitives
import Synchronization

/// How many predictions each client waits for: a count a client, in a table of bounded size
/// (`Limits.clientRequestsInFlight`). All loops share one; without a limit it costs a comparison.
///
/// When the table is full, a client that is not in it is let through: the limit is about fairness, and
/// the queues have bounds of their own.
package final class ClientsInFlight: Sendable {
    private let most: Int
    private let clientsMax: Int
    private let counts = Mutex<[UInt64: Int]>([:])

    package init(limits: Limits) {
        most = limits.clientRequestsInFlight
        clientsMax = limits.clientsMax
    }

    package var isOn: Bool { most > 0 }

    /// Counts one prediction of a client, a hash of its name or address that is not 0. Returns what `end`
    /// is to be given: the client, or 0 when it was let through uncounted. Nil: it waits for as many
    /// as it may.
    package func begin(_ client: UInt64) -> UInt64? {
        guard isOn else { return 0 }
        return counts.withLock { counts in
            guard let count = counts[client] else {
                guard counts.count < clientsMax else { return 0 }
                counts[client] = 1
                return client
            }
            guard count < most else { return nil }
            counts[client] = count + 1
            return client
        }
    }

    /// One prediction ended, one way or another: what `begin` returned for it.
    package func end(_ client: UInt64) {
        guard client != 0 else { return }
        counts.withLock { counts in
            guard let count = counts[client] else { return }
            counts[client] = count > 1 ? count - 1 : nil
        }
    }

    package var clientCount: Int { counts.withLock { $0.count } }
}
