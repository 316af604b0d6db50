import Primitives

/// ONNX `Unsqueeze`: with dimensions of size 1 put in at the named places. A view.
///
/// The axes are an attribute before opset 13, an input since.
final class UnsqueezeOperator: Operator {
    private let axes: [Int]?
    var isView: Bool { true }

    init(_ context: OperatorContext) throws(OperatorFailure) {
        let isInput = context.version >= 13
        try context.requireInputs(isInput ? 2 : 1)
        try context.requireOutputs(1)
        axes = isInput ? nil : try context.ints("axes")
        if !isInput, axes == nil { throw OperatorFailure("its attribute 'axes' is missing") }
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let shape = inputs[0].shape
        let axes = if let axes { axes } else { try inputs.integers(1, "its axes") }
        let rank = shape.count + axes.count
        var isNew = Array(repeating: false, count: rank)
        for axis in axes {
            guard let index = Shape.axis(axis, rank: rank), !isNew[index] else {
                throw OperatorFailure(
                    "axis \(axis) is outside of \(rank) dimensions or named twice")
            }
            isNew[index] = true
        }
        var rest = shape[...]
        let result = isNew.map { $0 ? 1 : rest.removeFirst() }
        return [ValueInfo(inputs[0].dataType, result)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        CopyStep(inputs[0], outputs[0])
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int { 0 }
}
