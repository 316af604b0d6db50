import Primitives

/// ONNX `Shape`: the sizes of its input, all or from `start` to `end` (opset 15). Known while
/// planning, so it never runs.
final class ShapeOperator: Operator {
    private let start: Int
    private let end: Int?

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        start = context.version >= 15 ? try context.int("start", default: 0) : 0
        end = context.version >= 15 ? try context.int("end") : nil
    }

    func infer(_ inputs: Inputs) -> [ValueInfo] {
        let shape = inputs[0].shape
        let rank = shape.count
        let first = min(max(start < 0 ? start + rank : start, 0), rank)
        let wanted = end.map { $0 < 0 ? $0 + rank : $0 } ?? rank
        let last = min(max(wanted, first), rank)
        let sizes = shape[first..<last].map { Int64($0) }
        return [ValueInfo(Tensor(.int64, shape: [sizes.count], sizes))]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let sizes = infer(Inputs([ValueInfo(inputs[0].dataType, inputs[0].shape)]))
        guard let constant = sizes[0].constant else { throw OperatorFailure("it has no shape") }
        return CopyStep(Operand(constant), outputs[0])
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int { 0 }
}
