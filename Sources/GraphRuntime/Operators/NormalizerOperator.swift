import Kernels
import Primitives

/// ai.onnx.ml `Normalizer`: each row divided by its norm.
final class NormalizerOperator: Operator {
    private let norm: Norm

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        switch try context.string("norm") ?? "MAX" {
        case "MAX": norm = .max
        case "L1": norm = .l1
        case "L2": norm = .l2
        case let other: throw OperatorFailure("its norm '\(other)' is none of MAX, L1 and L2")
        }
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        _ = try inputs.dataType(0, oneOf: FloatInput.types, "its input")
        _ = try inputs.matrix(0)
        return [ValueInfo(.float32, inputs[0].shape)]
    }

    func scratch(_ inputs: Inputs, _ outputs: [ValueInfo]) -> [ValueInfo] {
        FloatInput.scratch(inputs[0])
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        NormalizerStep(FloatInput.Scratch(inputs[0], outputs.scratch).input, outputs[0], norm)
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int {
        2 &* inputs[0].shape.reduce(1, *)
    }
}

private final class NormalizerStep: Step {
    private let x: FloatInput
    private let y: Operand
    private let norm: Norm
    private let (rows, columns): (Int, Int)

    init(_ x: FloatInput, _ y: Operand, _ norm: Norm) {
        (self.x, self.y, self.norm) = (x, y, norm)
        columns = y.shape.last ?? 1
        rows = y.shape.dropLast().reduce(1, *)
    }

    func run(_ workspace: Workspace) throws(OperatorFailure) {
        try x.convert(workspace)
        let source = workspace.span(x.operand, as: Float.self)
        var target = workspace.mutableSpan(y, as: Float.self)
        KernelSet.best.normalize(source, rows: rows, columns: columns, norm: norm, y: &target)
    }
}
