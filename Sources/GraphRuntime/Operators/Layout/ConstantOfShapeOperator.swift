import Primitives

/// ONNX `ConstantOfShape`: a tensor of the given shape, filled with one value (0 by default).
final class ConstantOfShapeOperator: Operator {
    private let value: Tensor

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        value = try context.tensor("value") ?? Tensor(.float32, shape: [1], [Float(0)])
        guard value.elementCount == 1, value.dataType != .string else {
            throw OperatorFailure("its value must be one number")
        }
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        [ValueInfo(value.dataType, try inputs.integers(0, "its shape"))]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        FillStep(Operand(value), outputs[0])
    }
}

private final class FillStep: Step {
    private let value: Operand
    private let y: Operand

    init(_ value: Operand, _ y: Operand) {
        self.value = value
        self.y = y
    }

    func run(_ workspace: Workspace) {
        switch y.dataType.byteCount {
        case 8: fill(workspace, UInt64.self)
        case 4: fill(workspace, UInt32.self)
        case 2: fill(workspace, UInt16.self)
        default: fill(workspace, UInt8.self)
        }
    }

    private func fill<T: BitwiseCopyable>(_ workspace: Workspace, _ type: T.Type) {
        let bits = workspace.span(value, as: type)[0]
        var target = workspace.mutableSpan(y, as: type)
        for index in target.indices { target[index] = bits }
    }
}
