import Primitives

/// ONNX `Dropout` at inference: its input, as it is; the mask, if asked for, keeps everything.
final class DropoutOperator: Operator {
    private let givesMask: Bool
    /// Before opset 10 the mask has the input's type.
    private let maskIsBool: Bool
    let isView: Bool

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1, max: context.version < 12 ? 1 : 3)
        try context.requireOutputs(1, max: 2)
        context.ignore("ratio", "seed")
        if context.hasInput(2) {
            guard let mode = context.constant(2), mode.dataType == .bool,
                mode.elementCount == 1, !mode.array(as: Bool.self)[0]
            else { throw OperatorFailure("training mode is not supported") }
        }
        givesMask = context.hasOutput(1)
        maskIsBool = context.version >= 10
        isView = !givesMask
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let input = inputs[0]
        let output = ValueInfo(input.dataType, input.shape)
        guard givesMask else { return [output] }
        guard maskIsBool else { throw OperatorFailure("its mask is supported from opset 10 on") }
        return [output, ValueInfo(.bool, input.shape)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        DropoutStep(CopyStep(inputs[0], outputs[0]), mask: outputs.optional(1))
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int { 0 }
}

private final class DropoutStep: Step {
    private let copy: CopyStep
    private let mask: Operand?

    init(_ copy: CopyStep, mask: Operand?) {
        self.copy = copy
        self.mask = mask
    }

    func run(_ workspace: Workspace) {
        copy.run(workspace)
        guard let mask else { return }
        var target = workspace.mutableSpan(mask, as: UInt8.self)
        for index in target.indices { target[index] = 1 }
    }
}
