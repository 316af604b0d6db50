import Primitives

/// ONNX `Squeeze`: without the named dimensions of size 1, or without all of them. A view.
///
/// The axes are an attribute before opset 13, an input since.
final class SqueezeOperator: Operator {
    private let axes: [Int]?
    private let hasAxesInput: Bool
    var isView: Bool { true }

    init(_ context: OperatorContext) throws(OperatorFailure) {
        let isInput = context.version >= 13
        try context.requireInputs(1, max: isInput ? 2 : 1)
        try context.requireOutputs(1)
        axes = isInput ? nil : try context.ints("axes")
        hasAxesInput = isInput && context.hasInput(1)
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let shape = inputs[0].shape
        let axes = hasAxesInput ? try inputs.integers(1, "its axes") : axes
        guard let axes else {
            return [ValueInfo(inputs[0].dataType, shape.filter { $0 != 1 })]
        }
        var dropped: Set<Int> = []
        for axis in axes {
            guard let index = Shape.axis(axis, rank: shape.count), shape[index] == 1 else {
                throw OperatorFailure(
                    "axis \(axis) of the shape \(Shape.text(shape)) is not a size of 1")
            }
            dropped.insert(index)
        }
        let kept = shape.indices.filter { !dropped.contains($0) }.map { shape[$0] }
        return [ValueInfo(inputs[0].dataType, kept)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        CopyStep(inputs[0], outputs[0])
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int { 0 }
}
