import Models
import Primitives
import Synchronization
import Telemetry

/// The named, versioned models of the process, as requests see them.
///
/// The loader publishes a new snapshot with each change of state; readers compare a generation and take
/// the new one when it differs. A change is one step for every reader.
public final class Registry: Sendable {
    private struct State {
        var snapshot: RegistrySnapshot
        var listeners: [Mailbox<LoopMessage>] = []
    }

    private let state: Mutex<State>
    private let generationCell = Atomic<UInt64>(0)
    private let defaultName: String?

    public init(defaultName: String?) {
        self.defaultName = defaultName
        state = Mutex(
            State(
                snapshot: RegistrySnapshot(
                    models: [], generation: 0, defaultName: nil, isComplete: false)))
    }

    /// Changes whenever the snapshot does.
    public var generation: UInt64 { generationCell.load(ordering: .acquiring) }

    public var snapshot: RegistrySnapshot { state.withLock { $0.snapshot } }

    /// Loops that are woken by a change, so that an idle one lets go of versions that left.
    public func addListener(_ mailbox: Mailbox<LoopMessage>) {
        state.withLock { $0.listeners.append(mailbox) }
    }

    /// Makes this what readers see. The loader's thread alone calls it.
    func publish(_ models: [RegisteredModel], isComplete: Bool) {
        // The old snapshot is let go outside of the lock.
        var old: RegistrySnapshot?
        state.withLock { state in
            let generation = state.snapshot.generation + 1
            old = state.snapshot
            state.snapshot = RegistrySnapshot(
                models: models, generation: generation, defaultName: defaultName,
                isComplete: isComplete)
            generationCell.store(generation, ordering: .releasing)
        }
        _ = old
        wakeListeners()
    }

    /// Lets every loop turn once.
    func wakeListeners() {
        for mailbox in state.withLock({ $0.listeners }) { mailbox.send(.registryChanged) }
    }
}
