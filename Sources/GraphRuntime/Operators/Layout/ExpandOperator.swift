import Primitives

/// ONNX `Expand`: its input broadcast to a shape (and to its own where that is larger).
final class ExpandOperator: Operator {
    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(2)
        try context.requireOutputs(1)
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let wanted = try inputs.integers(1, "its shape")
        guard let shape = Shape.broadcast(inputs[0].shape, wanted),
            Shape.elementCount(shape) != nil
        else {
            throw OperatorFailure(
                "\(Shape.text(inputs[0].shape)) cannot be broadcast to \(Shape.text(wanted))")
        }
        return [ValueInfo(inputs[0].dataType, shape)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let (x, y) = (inputs[0], outputs[0])
        let move = try Move(
            shape: y.shape, sourceStrides: StridedLoop.broadcastStrides(x.shape, to: y.shape),
            targetStrides: Shape.strides(y.shape))
        return MoveStep(x, y, y.count == 0 ? [] : [move])
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int { 0 }
}

/// ONNX `Tile`: its input repeated along each axis.
final class TileOperator: Operator {
    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(2)
        try context.requireOutputs(1)
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let repeats = try inputs.integers(1, "its repeats")
        let shape = inputs[0].shape
        guard repeats.count == shape.count, repeats.allSatisfy({ $0 >= 0 }) else {
            throw OperatorFailure(
                "repeats \(Shape.text(repeats)) do not fit the shape \(Shape.text(shape))")
        }
        var result: [Int] = []
        for (size, count) in zip(shape, repeats) {
            let (product, overflow) = size.multipliedReportingOverflow(by: count)
            guard !overflow else { throw OperatorFailure("it repeats more than a tensor may hold") }
            result.append(product)
        }
        return [ValueInfo(inputs[0].dataType, result)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let (x, y) = (inputs[0], outputs[0])
        if y.count == 0 { return MoveStep(x, y, []) }
        // Every axis is seen as repeats × size; the source stands still along the repeats.
        let (from, to) = (Shape.strides(x.shape), Shape.strides(y.shape))
        var (shape, sourceStrides, targetStrides): ([Int], [Int], [Int]) = ([], [], [])
        for axis in x.shape.indices {
            shape += [y.shape[axis] / x.shape[axis], x.shape[axis]]
            sourceStrides += [0, from[axis]]
            targetStrides += [to[axis] * x.shape[axis], to[axis]]
        }
        let move = try Move(
            shape: shape, sourceStrides: sourceStrides, targetStrides: targetStrides)
        return MoveStep(x, y, [move])
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int { 0 }
}
