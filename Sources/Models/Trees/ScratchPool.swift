import Primitives
import Synchronization

/// Blocks of memory of one size that wait for a thread. As many exist as threads ever ran the
/// model at once.
final class ScratchPool: Sendable {
    private let byteCount: Int
    /// Idle blocks. Taken and given back by any thread, under the lock.
    private let idle = Mutex<[AlignedMemory]>([])

    init(byteCount: Int) { self.byteCount = byteCount }

    /// A block for the calling thread alone, until it gives it back.
    func take() -> AlignedMemory {
        idle.withLock { $0.popLast() } ?? AlignedMemory(byteCount: byteCount)
    }

    func giveBack(_ memory: AlignedMemory) { idle.withLock { $0.append(memory) } }
}
