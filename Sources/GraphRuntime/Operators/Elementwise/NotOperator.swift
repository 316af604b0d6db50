import Primitives

/// ONNX `Not`: true where its input is false.
final class NotOperator: Operator {
    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        [ValueInfo(try inputs.dataType(0, oneOf: [.bool], "its input"), inputs[0].shape)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        NotStep(inputs[0], outputs[0])
    }
}

private final class NotStep: Step {
    private let (x, y): (Operand, Operand)

    init(_ x: Operand, _ y: Operand) { (self.x, self.y) = (x, y) }

    func run(_ workspace: Workspace) {
        let source = workspace.span(x, as: UInt8.self)
        var target = workspace.mutableSpan(y, as: UInt8.self)
        for index in source.indices { target[index] = source[index] == 0 ? 1 : 0 }
    }
}
