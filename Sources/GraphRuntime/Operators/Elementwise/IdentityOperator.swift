import Primitives

/// ONNX `Identity`: its input, as it is. A view, so it costs nothing.
final class IdentityOperator: Operator {
    var isView: Bool { true }

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
    }

    func infer(_ inputs: Inputs) -> [ValueInfo] {
        [ValueInfo(inputs[0].dataType, inputs[0].shape)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        CopyStep(inputs[0], outputs[0])
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int { 0 }
}
