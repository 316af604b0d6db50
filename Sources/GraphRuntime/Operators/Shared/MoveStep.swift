import Primitives

/// A block of elements moved from one operand to another, both walked by strides of their own:
/// slices, tiles, transposes, joins, pads all are such moves.
struct Move: Sendable {
    /// Where operand A's and B's walks start.
    let sourceStart: Int
    let targetStart: Int
    /// A is the source, B the target.
    let loop: StridedLoop

    init(
        shape: [Int], sourceStart: Int = 0, sourceStrides: [Int], targetStart: Int = 0,
        targetStrides: [Int]
    ) throws(OperatorFailure) {
        let loop = StridedLoop(shape: shape, stridesA: sourceStrides, stridesB: targetStrides)
        guard let loop else { throw OperatorFailure("it has too many dimensions") }
        (self.sourceStart, self.targetStart, self.loop) = (sourceStart, targetStart, loop)
    }
}

/// Moves blocks of elements of any type.
final class MoveStep: Step {
    private let (x, y): (Operand, Operand)
    private let moves: [Move]
    /// What all of the target is filled with before, as bits; nil leaves it as it is.
    private let fill: UInt64?

    init(_ x: Operand, _ y: Operand, _ moves: [Move], fill: UInt64? = nil) {
        (self.x, self.y, self.moves, self.fill) = (x, y, moves, fill)
    }

    func run(_ workspace: Workspace) {
        if y.dataType == .string { return runStrings(workspace) }
        switch y.dataType.byteCount {
        case 8: run(workspace, UInt64.self)
        case 4: run(workspace, UInt32.self)
        case 2: run(workspace, UInt16.self)
        default: run(workspace, UInt8.self)
        }
    }

    private func run<T: Word & FixedWidthInteger>(_ workspace: Workspace, _ type: T.Type) {
        let source = workspace.span(x, as: type)
        var target = workspace.mutableSpan(y, as: type)
        if let fill {
            let bits = T(truncatingIfNeeded: fill)
            for index in target.indices { target[index] = bits }
        }
        for index in moves.indices { move(moves[index], source, &target) }
    }

    private func move<T: Word>(
        _ move: borrowing Move, _ source: Span<T>, _ target: inout MutableSpan<T>
    ) {
        let loop = move.loop
        var position = StridedLoop.Position()
        for _ in 0..<loop.outerCount {
            var from = move.sourceStart + position.offsetA
            var to = move.targetStart + position.offsetB
            if loop.innerStrideA == 1, loop.innerStrideB == 1 {
                for offset in 0..<loop.innerCount { target[to + offset] = source[from + offset] }
            } else {
                for _ in 0..<loop.innerCount {
                    target[to] = source[from]
                    from += loop.innerStrideA
                    to += loop.innerStrideB
                }
            }
            position.advance(loop)
        }
    }

    private func runStrings(_ workspace: Workspace) {
        if fill != nil { for index in 0..<y.count { workspace.setString(y, index, "") } }
        for move in moves {
            let loop = move.loop
            var position = StridedLoop.Position()
            for _ in 0..<loop.outerCount {
                var from = move.sourceStart + position.offsetA
                var to = move.targetStart + position.offsetB
                for _ in 0..<loop.innerCount {
                    workspace.setString(y, to, workspace.string(x, from))
                    from += loop.innerStrideA
                    to += loop.innerStrideB
                }
                position.advance(loop)
            }
        }
    }
}
