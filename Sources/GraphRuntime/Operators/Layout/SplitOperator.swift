import Primitives

/// ONNX `Split`: parts of its input along an axis, equal ones or of given sizes. The sizes are an
/// attribute before opset 13, an input since; the last of equal parts may be smaller from opset 18 on.
final class SplitOperator: Operator {
    private let axis: Int
    private let sizes: [Int]?
    private let count: Int
    private let allowsSmallerLast: Bool

    init(_ context: OperatorContext) throws(OperatorFailure) {
        let isInput = context.version >= 13
        try context.requireInputs(1, max: isInput ? 2 : 1)
        try context.requireOutputs(1, max: Int.max)
        axis = try context.int("axis", default: 0)
        sizes = isInput ? nil : try context.ints("split")
        allowsSmallerLast = context.version >= 18
        count = context.outputCount
        if allowsSmallerLast, let parts = try context.int("num_outputs"), parts != count {
            throw OperatorFailure("it has \(count) outputs; num_outputs says \(parts)")
        }
    }

    private func parts(_ inputs: Inputs) throws(OperatorFailure) -> (Int, [Int]) {
        let shape = inputs[0].shape
        guard let axis = Shape.axis(axis, rank: shape.count) else {
            throw OperatorFailure(
                "its axis \(self.axis) is outside of the shape \(Shape.text(shape))")
        }
        let size = shape[axis]
        let given = inputs.optional(1) == nil ? sizes : try inputs.integers(1, "its sizes")
        if let given {
            let sum = given.reduce(0) { $0 &+ $1 }
            guard given.count == count, given.allSatisfy({ $0 >= 0 && $0 <= size }), sum == size
            else {
                throw OperatorFailure(
                    "\(size) elements cannot be split into \(Shape.text(given)) for \(count) outputs"
                )
            }
            return (axis, given)
        }
        let part = (size + count - 1) / count
        let last = size - part * (count - 1)
        guard last == part || (allowsSmallerLast && last >= 0) else {
            throw OperatorFailure("\(size) elements cannot be split into \(count) equal parts")
        }
        return (axis, Array(repeating: part, count: count - 1) + [last])
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let (axis, parts) = try parts(inputs)
        return parts.map { part in
            var shape = inputs[0].shape
            shape[axis] = part
            return ValueInfo(inputs[0].dataType, shape)
        }
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let x = inputs[0]
        let (axis, parts) = try parts(inputs.infos)
        let strides = Shape.strides(x.shape)
        var steps: [any Step] = []
        var start = 0
        for (index, part) in parts.enumerated() {
            if let y = outputs.optional(index), y.count > 0 {
                let move = try Move(
                    shape: y.shape, sourceStart: start * strides[axis], sourceStrides: strides,
                    targetStrides: Shape.strides(y.shape))
                steps.append(MoveStep(x, y, [move]))
            }
            start += part
        }
        return StepList(steps)
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int { 0 }
}
