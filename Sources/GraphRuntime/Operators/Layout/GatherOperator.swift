import Primitives

/// ONNX `Gather`: slices of its first input along `axis`, picked by index. Negative indices count
/// from the back; one outside fails the run.
final class GatherOperator: Operator {
    private let axis: Int

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(2)
        try context.requireOutputs(1)
        axis = try context.int("axis", default: 0)
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let shape = inputs[0].shape
        _ = try inputs.dataType(1, oneOf: [.int64, .int32], "its index input")
        guard let axis = Shape.axis(axis, rank: shape.count) else {
            throw OperatorFailure(
                "its axis \(self.axis) is outside of the shape \(Shape.text(shape))")
        }
        let result = shape[..<axis] + inputs[1].shape + shape[(axis + 1)...]
        return [ValueInfo(inputs[0].dataType, Array(result))]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let (x, indices, y) = (inputs[0], inputs[1], outputs[0])
        guard let axis = Shape.axis(axis, rank: x.shape.count) else {
            throw OperatorFailure("its axis is outside of the shape")
        }
        let sizes = GatherSizes(
            outer: x.shape[..<axis].reduce(1, *), count: x.shape[axis],
            inner: x.shape[(axis + 1)...].reduce(1, *))
        if x.dataType == .string { return StringGatherStep(x, indices, y, sizes) }
        return x.dataType.withWord { type in
            func make<T: Word>(_: T.Type) -> any Step { GatherStep<T>(x, indices, y, sizes) }
            return make(type)
        }
    }
}

private struct GatherSizes: Sendable {
    let (outer, count, inner): (Int, Int, Int)

    init(outer: Int, count: Int, inner: Int) {
        (self.outer, self.count, self.inner) = (outer, count, inner)
    }
}

private final class GatherStep<T: Word>: Step {
    private let (x, indices, y): (Operand, Operand, Operand)
    private let sizes: GatherSizes

    init(_ x: Operand, _ indices: Operand, _ y: Operand, _ sizes: GatherSizes) {
        (self.x, self.indices, self.y, self.sizes) = (x, indices, y, sizes)
    }

    @_specialize(where T == UInt8)
    @_specialize(where T == UInt16)
    @_specialize(where T == UInt32)
    @_specialize(where T == UInt64)
    func run(_ workspace: Workspace) throws(OperatorFailure) {
        let source = workspace.span(x, as: T.self)
        var target = workspace.mutableSpan(y, as: T.self)
        var place = 0
        for block in 0..<sizes.outer {
            for position in 0..<indices.count {
                let index = try workspace.index(indices, position, count: sizes.count)
                let start = (block * sizes.count + index) * sizes.inner
                for offset in 0..<sizes.inner {
                    target[place] = source[start + offset]
                    place += 1
                }
            }
        }
    }
}

private final class StringGatherStep: Step {
    private let (x, indices, y): (Operand, Operand, Operand)
    private let sizes: GatherSizes

    init(_ x: Operand, _ indices: Operand, _ y: Operand, _ sizes: GatherSizes) {
        (self.x, self.indices, self.y, self.sizes) = (x, indices, y, sizes)
    }

    func run(_ workspace: Workspace) throws(OperatorFailure) {
        var place = 0
        for block in 0..<sizes.outer {
            for position in 0..<indices.count {
                let index = try workspace.index(indices, position, count: sizes.count)
                let start = (block * sizes.count + index) * sizes.inner
                for offset in 0..<sizes.inner {
                    workspace.setString(y, place, workspace.string(x, start + offset))
                    place += 1
                }
            }
        }
    }
}

extension Workspace {
    /// Value `position` of an int64 or int32 operand as an index into `count` things.
    func index(
        _ operand: borrowing Operand, _ position: Int, count: Int
    ) throws(OperatorFailure) -> Int {
        let raw =
            operand.dataType == .int32
            ? Int(span(operand, as: Int32.self)[position])
            : Int(span(operand, as: Int64.self)[position])
        let index = raw < 0 ? raw &+ count : raw
        guard index >= 0, index < count else {
            throw OperatorFailure("index \(raw) is outside of \(count) elements")
        }
        return index
    }
}
