import Kernels
import Primitives

/// ai.onnx.ml `Scaler`: (x - offset) · scale, with one offset and scale a column or one for all.
final class ScalerOperator: Operator {
    private let offset: Tensor
    private let scale: Tensor

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        let offsets = try context.floats("offset") ?? []
        let scales = try context.floats("scale") ?? []
        offset = Tensor(
            .float32, shape: [max(offsets.count, 1)], offsets.isEmpty ? [Float(0)] : offsets)
        scale = Tensor(
            .float32, shape: [max(scales.count, 1)], scales.isEmpty ? [Float(1)] : scales)
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        _ = try inputs.dataType(0, oneOf: FloatInput.types, "its input")
        guard let columns = inputs[0].shape.last else {
            throw OperatorFailure("its input has no columns")
        }
        for (values, name) in [(offset, "offset"), (scale, "scale")] {
            guard values.elementCount == columns || values.elementCount == 1 else {
                throw OperatorFailure(
                    "it has \(values.elementCount) values in '\(name)'; its input has \(columns) "
                        + "columns")
            }
        }
        return [ValueInfo(.float32, inputs[0].shape)]
    }

    func scratch(_ inputs: Inputs, _ outputs: [ValueInfo]) -> [ValueInfo] {
        FloatInput.scratch(inputs[0])
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        ScalerStep(
            FloatInput.Scratch(inputs[0], outputs.scratch).input, outputs[0], Operand(offset),
            Operand(scale))
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int {
        2 &* inputs[0].shape.reduce(1, *)
    }
}

private final class ScalerStep: Step {
    private let x: FloatInput
    private let (y, offset, scale): (Operand, Operand, Operand)
    private let (rows, columns): (Int, Int)

    init(_ x: FloatInput, _ y: Operand, _ offset: Operand, _ scale: Operand) {
        self.x = x
        (self.y, self.offset, self.scale) = (y, offset, scale)
        columns = y.shape.last ?? 1
        rows = y.shape.dropLast().reduce(1, *)
    }

    func run(_ workspace: Workspace) throws(OperatorFailure) {
        try x.convert(workspace)
        let source = workspace.span(x.operand, as: Float.self)
        var target = workspace.mutableSpan(y, as: Float.self)
        KernelSet.best.scale(
            source, rows: rows, columns: columns, offset: workspace.span(offset, as: Float.self),
            scale: workspace.span(scale, as: Float.self), y: &target)
    }
}
