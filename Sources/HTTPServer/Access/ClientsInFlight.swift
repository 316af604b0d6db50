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

    /// Counts one prediction of a client, a hash of its name or address. False: it waits for as many as
    /// it may, and nothing was counted.
    package func begin(_ client: UInt64) -> Bool {
        guard isOn else { return true }
        return counts.withLock { counts in
            guard let count = counts[client] else {
                if counts.count < clientsMax { counts[client] = 1 }
                return true
            }
            guard count < most else { return false }
            counts[client] = count + 1
            return true
        }
    }

    /// One prediction of a client ended, one way or another. A client that was let through uncounted has
    /// nothing to give back.
    package func end(_ client: UInt64) {
        guard isOn else { return }
        counts.withLock { counts in
            guard let count = counts[client] else { return }
            counts[client] = count > 1 ? count - 1 : nil
        }
    }

    package var clientCount: Int { counts.withLock { $0.count } }
}
