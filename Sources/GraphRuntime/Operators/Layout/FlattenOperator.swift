import Primitives

/// ONNX `Flatten`: a matrix with the dimensions in front of `axis` as rows. A view.
final class FlattenOperator: Operator {
    private let axis: Int
    var isView: Bool { true }

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        axis = try context.int("axis", default: 1)
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let shape = inputs[0].shape
        let split = axis < 0 ? axis + shape.count : axis
        guard split >= 0, split <= shape.count else {
            throw OperatorFailure("its axis \(axis) is outside of the shape \(Shape.text(shape))")
        }
        let rows = shape[..<split].reduce(1, *)
        let columns = shape[split...].reduce(1, *)
        return [ValueInfo(inputs[0].dataType, [rows, columns])]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        CopyStep(inputs[0], outputs[0])
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int { 0 }
}
