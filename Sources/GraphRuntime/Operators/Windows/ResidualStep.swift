import Kernels
import Primitives

/// y = y + x, rectified if asked for, a block at a time so that y is read once.
final class ResidualStep<T: Number & BinaryFloatingPoint>: Step {
    private let (x, y): (Operand, Operand)
    private let rectifies: Bool

    init(_ x: Operand, _ y: Operand, rectifies: Bool) {
        (self.x, self.y, self.rectifies) = (x, y, rectifies)
    }

    @_specialize(where T == Float)
    @_specialize(where T == Double)
    func run(_ workspace: Workspace) {
        if T.self == Float.self {
            runBlocks(workspace)
            return
        }
        let source = workspace.span(x, as: T.self)
        var target = workspace.mutableSpan(y, as: T.self)
        for index in source.indices {
            let sum = target[index] + source[index]
            target[index] = rectifies && sum < T.zero ? T.zero : sum
        }
    }

    private func runBlocks(_ workspace: Workspace) {
        let source = workspace.span(x, as: Float.self)
        var start = 0
        while start < x.count {
            let end = min(start + 4_096, x.count)
            var target = workspace.mutableSpan(y, as: Float.self, range: start..<end)
            KernelSet.best.binary(.add, inPlace: &target, b: source.extracting(start..<end))
            if rectifies { KernelSet.best.unary(.relu, inPlace: &target) }
            start = end
        }
    }
}
