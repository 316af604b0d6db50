import Synchronization

/// What all loops know of each other.
final class SharedState: Sendable {
    private let connectionCount = Atomic<Int>(0)
    /// Readiness turns to 503 as soon as it is set, before any loop has heard of the drain.
    private let draining = Atomic<Bool>(false)

    /// Takes a place under the limit; false when there is none.
    func takeConnection(max: Int) -> Bool {
        guard connectionCount.wrappingAdd(1, ordering: .relaxed).newValue > max else { return true }
        connectionCount.wrappingSubtract(1, ordering: .relaxed)
        return false
    }

    func giveConnection() { connectionCount.wrappingSubtract(1, ordering: .relaxed) }

    var isDraining: Bool { draining.load(ordering: .acquiring) }

    func setDraining() { draining.store(true, ordering: .releasing) }
}
