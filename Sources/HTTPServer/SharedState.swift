import Primitives
import Synchronization

/// What all loops know of each other.
final class SharedState: Sendable {
    private let connectionCount = Atomic<Int>(0)
    /// Readiness turns to 503 as soon as it is set, before any loop has heard of the drain.
    private let draining = Atomic<Bool>(false)

    /// Open connections by client address; used only when there is a limit on them.
    private let addressCounts = Mutex<[UInt64: Int]>([:])

    /// Asked only when there is a limit on a client's rate.
    let quota: ClientQuota

    /// Asked only when there is a limit on what a client may wait for.
    let clientsInFlight: ClientsInFlight

    init(limits: Limits) {
        quota = ClientQuota(limits: limits)
        clientsInFlight = ClientsInFlight(limits: limits)
    }

    /// Whether clients are told apart.
    var limitsClients: Bool { quota.isOn || clientsInFlight.isOn }

    /// Takes a place under an address's limit; false when there is none.
    func takeAddress(_ peer: UInt64, max: Int) -> Bool {
        addressCounts.withLock { counts in
            let count = counts[peer, default: 0]
            guard count < max else { return false }
            counts[peer] = count + 1
            return true
        }
    }

    func giveAddress(_ peer: UInt64) {
        addressCounts.withLock { counts in
            guard let count = counts[peer] else { return }
            counts[peer] = count > 1 ? count - 1 : nil
        }
    }

    /// Takes a place under the limit; false when there is none.
    func takeConnection(max: Int) -> Bool {
        guard connectionCount.wrappingAdd(1, ordering: .relaxed).newValue > max else { return true }
        connectionCount.wrappingSubtract(1, ordering: .relaxed)
        return false
    }

    func giveConnection() { connectionCount.wrappingSubtract(1, ordering: .relaxed) }

    /// A loop freed a large buffer since somebody last asked.
    private let hasFreedMuch = Atomic<Bool>(false)

    func noteFreedMuch() { hasFreedMuch.store(true, ordering: .relaxed) }
    func takeFreedMuch() -> Bool { hasFreedMuch.exchange(false, ordering: .relaxed) }

    private let runningLoops = Atomic<Int>(0)

    func loopBegins() { runningLoops.wrappingAdd(1, ordering: .acquiringAndReleasing) }
    func loopEnds() { runningLoops.wrappingSubtract(1, ordering: .acquiringAndReleasing) }
    var hasRunningLoops: Bool { runningLoops.load(ordering: .acquiring) > 0 }

    var isDraining: Bool { draining.load(ordering: .acquiring) }

    func setDraining() { draining.store(true, ordering: .releasing) }
}
