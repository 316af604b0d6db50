import Synchronization

/// A row of 64-bit cells written by one thread and read by any.
///
/// The writer's `add` is a plain load and store (no bus lock): two writers on one block lose counts,
/// so each thread has its own block and a reader adds them up. Cache lines are not shared between
/// blocks.
///
/// SAFETY: the pointer never changes and the cells are atomics.
@safe public final class CounterBlock: @unchecked Sendable {
    private let cells: UnsafeMutablePointer<Atomic<UInt64>>
    public let count: Int

    public init(count: Int) {
        self.count = count
        let bytes = (max(count, 1) * 8 + 63) / 64 * 64
        let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
        cells = memory.bindMemory(to: Atomic<UInt64>.self, capacity: bytes / 8)
        for index in 0..<bytes / 8 { (cells + index).initialize(to: Atomic(0)) }
    }

    deinit { UnsafeMutableRawPointer(cells).deallocate() }

    /// Adds to a cell. Only the block's own thread may call it.
    public func add(_ index: Int, _ value: UInt64 = 1) {
        precondition(index >= 0 && index < count, "a cell is inside its block")
        let old = cells[index].load(ordering: .relaxed)
        cells[index].store(old &+ value, ordering: .relaxed)
    }

    /// Adds to a cell from any thread.
    public func addShared(_ index: Int, _ value: UInt64 = 1) {
        precondition(index >= 0 && index < count, "a cell is inside its block")
        cells[index].wrappingAdd(value, ordering: .relaxed)
    }

    public func subtractShared(_ index: Int, _ value: UInt64 = 1) {
        precondition(index >= 0 && index < count, "a cell is inside its block")
        cells[index].wrappingSubtract(value, ordering: .relaxed)
    }

    public func store(_ index: Int, _ value: UInt64) {
        precondition(index >= 0 && index < count, "a cell is inside its block")
        cells[index].store(value, ordering: .relaxed)
    }

    public func load(_ index: Int) -> UInt64 {
        precondition(index >= 0 && index < count, "a cell is inside its block")
        return cells[index].load(ordering: .relaxed)
    }
}
