import Primitives

/// ai.onnx.ml `Binarizer`: 1 where an element is above the threshold, else 0.
final class BinarizerOperator: Operator {
    private let threshold: Float

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        threshold = try context.float("threshold", default: 0)
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        _ = try inputs.dataType(0, oneOf: FloatInput.types, "its input")
        return [ValueInfo(.float32, inputs[0].shape)]
    }

    func scratch(_ inputs: Inputs, _ outputs: [ValueInfo]) -> [ValueInfo] {
        FloatInput.scratch(inputs[0])
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        BinarizerStep(
            FloatInput.Scratch(inputs[0], outputs.scratch).input, outputs[0], threshold)
    }
}

private final class BinarizerStep: Step {
    private let x: FloatInput
    private let y: Operand
    private let threshold: Float

    init(_ x: FloatInput, _ y: Operand, _ threshold: Float) {
        (self.x, self.y, self.threshold) = (x, y, threshold)
    }

    func run(_ workspace: Workspace) throws(OperatorFailure) {
        try x.convert(workspace)
        let source = workspace.span(x.operand, as: Float.self)
        var target = workspace.mutableSpan(y, as: Float.self)
        for index in source.indices { target[index] = source[index] > threshold ? 1 : 0 }
    }
}
