import Primitives

/// ONNX `Concat`: tensors one behind the other along an axis.
final class ConcatOperator: Operator {
    private let axis: Int

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1, max: Int.max)
        try context.requireOutputs(1)
        for index in 0..<context.inputCount where !context.hasInput(index) {
            throw OperatorFailure("its input \(index) is left out")
        }
        guard let axis = try context.int("axis") else {
            throw OperatorFailure("its attribute 'axis' is missing")
        }
        self.axis = axis
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        var shape = inputs[0].shape
        guard let axis = Shape.axis(axis, rank: shape.count) else {
            throw OperatorFailure(
                "its axis \(self.axis) is outside of the shape \(Shape.text(shape))")
        }
        for index in 1..<max(inputs.count, 1) {
            try inputs.requireSameType(0, index)
            var other = inputs[index].shape
            let fits = other.count == shape.count
            let size = fits ? other[axis] : 0
            if fits { other[axis] = shape[axis] }
            let (sum, overflow) = shape[axis].addingReportingOverflow(size)
            guard fits, other == shape, !overflow else {
                throw OperatorFailure(
                    "shapes \(Shape.text(inputs[0].shape)) and \(Shape.text(inputs[index].shape)) "
                        + "cannot be joined along axis \(axis)")
            }
            shape[axis] = sum
        }
        return [ValueInfo(inputs[0].dataType, shape)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let y = outputs[0]
        guard let axis = Shape.axis(axis, rank: y.shape.count) else {
            throw OperatorFailure("its axis is outside of the shape")
        }
        let parts = inputs.list.compactMap { $0 }
        let outer = y.shape[..<axis].reduce(1, *)
        if y.dataType == .string { return StringConcatStep(parts, y, outer) }
        return y.dataType.withWord { type in
            func make<T: Word>(_: T.Type) -> any Step { ConcatStep<T>(parts, y, outer) }
            return make(type)
        }
    }
}

private final class ConcatStep<T: Word>: Step {
    private let parts: [Operand]
    private let y: Operand
    private let outer: Int

    init(_ parts: [Operand], _ y: Operand, _ outer: Int) {
        (self.parts, self.y, self.outer) = (parts, y, outer)
    }

    @_specialize(where T == UInt8)
    @_specialize(where T == UInt16)
    @_specialize(where T == UInt32)
    @_specialize(where T == UInt64)
    func run(_ workspace: Workspace) {
        guard outer > 0 else { return }
        var target = workspace.mutableSpan(y, as: T.self)
        let stride = y.count / outer
        var start = 0
        for part in parts.indices {
            let source = workspace.span(parts[part], as: T.self)
            let length = source.count / outer
            for block in 0..<outer {
                let place = block * stride + start
                for index in 0..<length {
                    target[place + index] = source[block * length + index]
                }
            }
            start += length
        }
    }
}

private final class StringConcatStep: Step {
    private let parts: [Operand]
    private let y: Operand
    private let outer: Int

    init(_ parts: [Operand], _ y: Operand, _ outer: Int) {
        (self.parts, self.y, self.outer) = (parts, y, outer)
    }

    func run(_ workspace: Workspace) {
        guard outer > 0 else { return }
        let stride = y.count / outer
        var start = 0
        for part in parts.indices {
            let length = parts[part].count / outer
            for block in 0..<outer {
                for index in 0..<length {
                    let value = workspace.string(parts[part], block * length + index)
                    workspace.setString(y, block * stride + start + index, value)
                }
            }
            start += length
        }
    }
}
