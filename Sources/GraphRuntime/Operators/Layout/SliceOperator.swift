import Primitives

/// ONNX `Slice`: a part of each named axis, from a start to an end in steps, which may be
/// negative. The ranges are attributes before opset 10, inputs since. Bounds outside of the axis are
/// held inside.
final class SliceOperator: Operator {
    private struct Cut {
        var starts: [Int]
        var counts: [Int]
        var steps: [Int]
    }

    private let attributes: (starts: [Int], ends: [Int], axes: [Int]?)?

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireOutputs(1)
        if context.version >= 10 {
            try context.requireInputs(3, max: 5)
            attributes = nil
        } else {
            try context.requireInputs(1)
            guard let starts = try context.ints("starts"), let ends = try context.ints("ends")
            else {
                throw OperatorFailure("its attributes 'starts' and 'ends' are missing")
            }
            attributes = (starts, ends, try context.ints("axes"))
        }
    }

    private func cut(_ inputs: Inputs) throws(OperatorFailure) -> Cut {
        let shape = inputs[0].shape
        if let attributes {
            return try cut(
                shape, attributes.starts, attributes.ends, attributes.axes, nil)
        }
        let axes = inputs.optional(3) == nil ? nil : try inputs.integers(3, "its axes")
        let steps = inputs.optional(4) == nil ? nil : try inputs.integers(4, "its steps")
        return try cut(
            shape, try inputs.integers(1, "its starts"), try inputs.integers(2, "its ends"), axes,
            steps)
    }

    private func cut(
        _ shape: [Int], _ starts: [Int], _ ends: [Int], _ axes: [Int]?, _ steps: [Int]?
    ) throws(OperatorFailure) -> Cut {
        let axes = axes ?? Array(starts.indices)
        let steps = steps ?? Array(repeating: 1, count: starts.count)
        guard ends.count == starts.count, axes.count == starts.count, steps.count == starts.count
        else { throw OperatorFailure("its starts, ends, axes and steps differ in number") }
        var result = Cut(
            starts: shape.map { _ in 0 }, counts: shape, steps: shape.map { _ in 1 })
        for index in starts.indices {
            guard let axis = Shape.axis(axes[index], rank: shape.count), steps[index] != 0,
                steps[index] != Int.min
            else {
                throw OperatorFailure(
                    "its axis \(axes[index]) or step \(steps[index]) does not fit the shape "
                        + Shape.text(shape))
            }
            let (size, step) = (shape[axis], steps[index])
            func fromFront(_ value: Int) -> Int { value < 0 ? value + size : value }
            let start = min(max(fromFront(starts[index]), 0), step > 0 ? size : size - 1)
            let end =
                step > 0
                ? min(max(fromFront(ends[index]), 0), size)
                : min(max(fromFront(ends[index]), -1), size - 1)
            let distance = step > 0 ? end - start : start - end
            result.starts[axis] = start
            result.counts[axis] =
                distance <= 0 ? 0 : 1 + (distance - 1) / Int(clamping: step.magnitude)
            result.steps[axis] = step
        }
        return result
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        [ValueInfo(inputs[0].dataType, try cut(inputs).counts)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let (x, y) = (inputs[0], outputs[0])
        let cut = try cut(inputs.infos)
        if y.count == 0 { return MoveStep(x, y, []) }
        let strides = Shape.strides(x.shape)
        let move = try Move(
            shape: y.shape, sourceStart: zip(cut.starts, strides).reduce(0) { $0 + $1.0 * $1.1 },
            sourceStrides: zip(strides, cut.steps).map { $0 &* $1 },
            targetStrides: Shape.strides(y.shape))
        return MoveStep(x, y, [move])
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int { 0 }
}
