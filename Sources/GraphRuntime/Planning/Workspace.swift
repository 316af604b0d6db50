import Primitives

/// The memory one thread computes in: an arena that is reused from call to call, and the places
/// where the caller's inputs and outputs are bound directly.
///
/// Owned by one thread at a time. The plan gives every value that is alive its own range of the
/// arena, so spans of different operands never overlap.
///
/// SAFETY: it crosses threads through `WorkspacePool`, which gives it to one at a time, and through a
/// `ThreadTeam`, whose helpers only read it and write disjoint ranges of its memory.
public final class Workspace: TeamWork, @unchecked Sendable {
    /// Buffer 0 is the arena, then inputs, then outputs; the rest (strings made on the way) have no
    /// memory. Lifetime: bound from `bind` to `unbind`, the arena as long as the workspace.
    private var buffers: [AlignedMemory]
    private var byteOffsets: [Int]
    private var strings: [[String]]
    private var stringOffsets: [Int]
    /// The input shapes of the caller's last call, kept here so that the next one, which mostly
    /// differs in the number of rows only, allocates nothing.
    public var shapes: [[Int]] = []
    private static let empty = AlignedMemory(byteCount: 0)

    public init() {
        buffers = [Self.empty]
        byteOffsets = [0]
        strings = [[]]
        stringOffsets = [0]
    }

    /// The threads that help with this run; nil: none. Set by who runs a plan.
    public var team: ThreadTeam?
    /// What the team's threads compute just now.
    private var shared: (step: any PartedStep, phase: Int)?

    /// Threads that may compute a step together.
    var laneCount: Int { team?.laneCount ?? 1 }

    /// Computes a phase of a step with the team, which must be there.
    func share(_ step: any PartedStep, phase: Int, parts: Int) {
        guard let team else { preconditionFailure("parts are counted by the team's lanes") }
        shared = (step, phase)
        team.run(self, parts: parts)
        shared = nil
    }

    /// A helper's part.
    public func perform(part: Int, of parts: Int) {
        guard let shared else { preconditionFailure("a team computes what it was given") }
        shared.step.run(phase: shared.phase, part: part, of: parts, self)
    }

    /// Bytes the arena holds by now.
    public var arenaByteCount: Int { buffers[0].byteCount }

    /// Makes room for a plan. Allocates only when the plan needs more than any plan before it.
    public func prepare(for plan: Plan) {
        if buffers[0].byteCount < plan.arenaByteCount {
            buffers[0] = AlignedMemory(byteCount: plan.arenaByteCount)
        }
        while buffers.count < plan.bufferCount {
            buffers.append(Self.empty)
            byteOffsets.append(0)
            strings.append([])
            stringOffsets.append(0)
        }
        for (slot, count) in plan.stringSlots where strings[slot].count < count {
            strings[slot] = Array(repeating: "", count: count)
        }
    }

    /// Lets the plan's input or output live in the caller's memory, from `byteOffset` on.
    func bind(buffer: Int, _ memory: AlignedMemory, byteOffset: Int) {
        buffers[buffer] = memory
        byteOffsets[buffer] = byteOffset
    }

    /// Lets a string input or output live in the caller's array; for an output, exchange it back
    /// with the same call after the run.
    func exchange(buffer: Int, _ values: inout [String], start: Int) {
        swap(&strings[buffer], &values)
        stringOffsets[buffer] = start
    }

    /// Lets a string input be read from the caller's array, which is shared, not copied.
    func bind(buffer: Int, strings values: [String], start: Int) {
        strings[buffer] = values
        stringOffsets[buffer] = start
    }

    /// Gives back what was bound.
    func unbind(buffers range: Range<Int>) {
        for index in range {
            buffers[index] = Self.empty
            byteOffsets[index] = 0
            if !strings[index].isEmpty { strings[index] = [] }
            stringOffsets[index] = 0
        }
    }

    /// The values of an operand, for reading.
    @_lifetime(borrow self)
    func span<T: BitwiseCopyable>(_ operand: borrowing Operand, as type: T.Type) -> Span<T> {
        if let constant = operand.constant {
            return constant.span(
                as: type, byteOffset: 0, count: operand.count, owner: self)
        }
        let offset = byteOffsets[operand.buffer] + operand.byteOffset
        return buffers[operand.buffer].span(
            as: type, byteOffset: offset, count: operand.count, owner: self)
    }

    /// The values of an operand, for writing.
    @_lifetime(borrow self)
    func mutableSpan<T: BitwiseCopyable>(
        _ operand: borrowing Operand, as type: T.Type
    ) -> MutableSpan<T> {
        precondition(operand.buffer >= 0, "a constant is never written")
        let offset = byteOffsets[operand.buffer] + operand.byteOffset
        return buffers[operand.buffer].mutableSpan(
            as: type, byteOffset: offset, count: operand.count, owner: self)
    }

    /// Some of the values of an operand, for writing.
    @_lifetime(borrow self)
    func mutableSpan<T: BitwiseCopyable>(
        _ operand: borrowing Operand, as type: T.Type, range: Range<Int>
    ) -> MutableSpan<T> {
        precondition(operand.buffer >= 0, "a constant is never written")
        precondition(
            range.lowerBound >= 0 && range.upperBound <= operand.count,
            "a range of an operand stays inside it")
        let start = byteOffsets[operand.buffer] + operand.byteOffset
        return buffers[operand.buffer].mutableSpan(
            as: type, byteOffset: start + range.lowerBound * MemoryLayout<T>.stride,
            count: range.count, owner: self)
    }

    /// Bytes of an operand copied to another of the same size.
    func copy(_ source: borrowing Operand, to target: borrowing Operand) {
        let byteCount = source.count * source.dataType.byteCount
        let memory = source.constant ?? buffers[source.buffer]
        let offset =
            source.constant == nil ? byteOffsets[source.buffer] + source.byteOffset : 0
        buffers[target.buffer].copy(
            from: memory, sourceOffset: offset,
            to: byteOffsets[target.buffer] + target.byteOffset, byteCount: byteCount)
    }

    /// Bytes of an operand copied to a block of memory.
    func copy(_ source: borrowing Operand, to memory: AlignedMemory) {
        let byteCount = source.count * source.dataType.byteCount
        let offset =
            source.constant == nil ? byteOffsets[source.buffer] + source.byteOffset : 0
        memory.copy(
            from: source.constant ?? buffers[source.buffer], sourceOffset: offset, to: 0,
            byteCount: byteCount)
    }

    /// `count` neighbouring elements of any type, copied to another operand of the same type.
    func copyElements(
        _ source: borrowing Operand, _ start: Int, to target: borrowing Operand, _ place: Int,
        count: Int
    ) {
        if source.dataType == .string {
            for index in 0..<count {
                setString(target, place + index, string(source, start + index))
            }
            return
        }
        precondition(
            start >= 0 && place >= 0 && count >= 0 && start + count <= source.count
                && place + count <= target.count, "elements lie inside their operands")
        let width = source.dataType.byteCount
        let from = source.constant == nil ? byteOffsets[source.buffer] + source.byteOffset : 0
        buffers[target.buffer].copy(
            from: source.constant ?? buffers[source.buffer], sourceOffset: from + start * width,
            to: byteOffsets[target.buffer] + target.byteOffset + place * width,
            byteCount: count * width)
    }

    /// One value of a string operand.
    func string(_ operand: borrowing Operand, _ index: Int) -> String {
        if let constant = operand.constantStrings { return constant[index] }
        return strings[operand.buffer][stringOffsets[operand.buffer] + index]
    }

    /// Writes one value of a string operand.
    func setString(_ operand: borrowing Operand, _ index: Int, _ value: String) {
        strings[operand.buffer][stringOffsets[operand.buffer] + index] = value
    }

    /// A copy of a string operand's values.
    func stringArray(_ operand: borrowing Operand) -> [String] {
        var result: [String] = []
        result.reserveCapacity(operand.count)
        for index in 0..<operand.count { result.append(string(operand, index)) }
        return result
    }
}
