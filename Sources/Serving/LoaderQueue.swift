import Primitives
import Synchronization

/// What waits for the loader's thread. Any thread adds; the loader takes.
public final class LoaderQueue: Sendable {
    private struct State {
        var requests: [ManagementRequest] = []
        var isStopped = false
    }

    /// The loader sleeps on it.
    let wakeup: Wakeup
    private let state = Mutex(State())
    private let countMax: Int
    private let hasEndedCell = Atomic<Bool>(false)

    public init(limits: Limits = .standard) throws(SystemError) {
        wakeup = try Wakeup(.polled)
        countMax = limits.loaderQueueMax
    }

    /// Adds a request; false when too many wait. Who asked gets no answer then.
    public func add(_ request: ManagementRequest) -> Bool {
        let isTaken = state.withLock { state in
            guard state.requests.count < countMax else { return false }
            state.requests.append(request)
            return true
        }
        if isTaken { wakeup.raise() }
        return isTaken
    }

    /// Lets the loader end after what it is doing.
    public func stop() {
        state.withLock { $0.isStopped = true }
        wakeup.raise()
    }

    var isStopped: Bool { state.withLock { $0.isStopped } }

    func next() -> ManagementRequest? {
        state.withLock { $0.requests.isEmpty ? nil : $0.requests.removeFirst() }
    }

    /// Whether the loader's thread is past its last step.
    public var hasEnded: Bool { hasEndedCell.load(ordering: .acquiring) }

    func end() { hasEndedCell.store(true, ordering: .releasing) }
}
