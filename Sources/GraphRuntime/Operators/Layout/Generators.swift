import Primitives

/// ONNX `Range`: start, start + delta, … up to a limit, which is not reached.
final class RangeOperator: TensorOperator {
    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(3)
        try context.requireOutputs(1)
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let start = inputs[0], let limit = inputs[1], let delta = inputs[2],
            start.dataType == limit.dataType, start.dataType == delta.dataType,
            let first = start.oneReal, let end = limit.oneReal, let step = delta.oneReal,
            step != 0, first.isFinite, end.isFinite, step.isFinite
        else { throw OperatorFailure("its start, limit and delta must be numbers of one type") }
        let length = max(0, ((end - first) / step).rounded(.up))
        guard
            length
                <= Double(min(Limits.standard.tensorElementsMax, Limits.standard.rangeElementsMax))
        else {
            throw OperatorFailure("a range of \(length) elements is larger than a tensor may be")
        }
        let count = Int(length)
        let type = start.dataType
        if let whole = start.wholeNumbers?[0], let wholeStep = delta.wholeNumbers?[0] {
            let values = (0..<count).map { Double(whole &+ $0 &* wholeStep) }
            return [Tensor(type, shape: [count], reals: values)]
        }
        return [Tensor(type, shape: [count], reals: (0..<count).map { first + Double($0) * step })]
    }
}

/// ONNX `EyeLike`: ones on a diagonal, zeros elsewhere, in the shape of its input.
final class EyeLikeOperator: TensorOperator {
    private let diagonal: Int
    private let type: DataType?

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        diagonal = try context.int("k", default: 0)
        type = try context.dataType("dtype")
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        guard inputs[0].shape.count == 2 else {
            throw OperatorFailure("it takes a matrix, not \(Shape.text(inputs[0].shape))")
        }
        return [ValueInfo(type ?? inputs[0].dataType, inputs[0].shape)]
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0], x.shape.count == 2 else {
            throw OperatorFailure("it takes a matrix")
        }
        var values = Array(repeating: 0.0, count: x.elementCount)
        for row in 0..<x.shape[0] {
            let (column, overflow) = row.addingReportingOverflow(diagonal)
            if !overflow, column >= 0, column < x.shape[1] { values[row * x.shape[1] + column] = 1 }
        }
        return [Tensor(type ?? x.dataType, shape: x.shape, reals: values)]
    }
}

/// ONNX `Size`: the number of elements of its input. Known while planning.
final class SizeOperator: Operator {
    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
    }

    func infer(_ inputs: Inputs) -> [ValueInfo] {
        [ValueInfo(Tensor(shape: [], integers: [inputs[0].shape.reduce(1, *)]))]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        CopyStep(Operand(Tensor(shape: [], integers: [inputs[0].count])), outputs[0])
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int { 0 }
}

/// ONNX `OneHot`: a new axis in which the place an index names has the second of two values, all
/// others the first. Indices outside of the depth name no place.
final class OneHotOperator: TensorOperator {
    private let axis: Int

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(3)
        try context.requireOutputs(1)
        axis = try context.int("axis", default: -1)
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        guard let depth = inputs[1].constant else { return nil }
        return [ValueInfo(inputs[2].dataType, try shape(inputs[0].shape, depth).result)]
    }

    private func shape(
        _ indices: [Int], _ depth: Tensor
    ) throws(OperatorFailure) -> (result: [Int], axis: Int, depth: Int) {
        guard let depth = depth.oneReal, depth >= 1, depth < 0x1p40,
            let axis = Shape.axis(axis, rank: indices.count + 1)
        else { throw OperatorFailure("its depth must be one positive number, its axis inside") }
        var result = indices
        result.insert(Int(depth), at: axis)
        guard Shape.elementCount(result) != nil else {
            throw OperatorFailure("\(Shape.text(result)) is larger than a tensor may be")
        }
        return (result, axis, Int(depth))
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let indices = inputs[0], let depthTensor = inputs[1], let values = inputs[2],
            values.elementCount == 2, indices.dataType != .string
        else { throw OperatorFailure("it takes numbers as indices, and two values") }
        let (shape, axis, depth) = try shape(indices.shape, depthTensor)
        let inner = indices.shape[axis...].reduce(1, *)
        var picks = Array(repeating: 0, count: shape.reduce(1, *))
        for (place, value) in indices.reals.enumerated() {
            let index = value < 0 ? value + Double(depth) : value
            guard index >= 0, index < Double(depth) else { continue }
            picks[(place / max(inner, 1) * depth + Int(index)) * inner + place % max(inner, 1)] = 1
        }
        return [values.picked(picks, shape: shape)]
    }
}
