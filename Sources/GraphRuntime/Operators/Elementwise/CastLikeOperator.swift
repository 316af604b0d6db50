import Primitives

/// ONNX `CastLike`: the first input's values in the element type of the second.
final class CastLikeOperator: Operator {
    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(2)
        try context.requireOutputs(1)
        context.ignore("saturate", "round_mode")
    }

    func infer(_ inputs: Inputs) -> [ValueInfo] {
        [ValueInfo(inputs[1].dataType, inputs[0].shape)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        CastOperator.step(inputs[0], outputs[0])
    }
}

/// ONNX `BitCast`: the bits of its input under another element type of the same width.
final class BitCastOperator: Operator {
    private let target: DataType

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        guard let code = try context.int("to"), let target = CastOperator.dataType(code) else {
            throw OperatorFailure("its attribute 'to' names no element type that is supported")
        }
        self.target = target
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let source = inputs[0].dataType
        guard source.byteCount == target.byteCount, source != .string, target != .string else {
            throw OperatorFailure("\(source.name) and \(target.name) differ in width")
        }
        return [ValueInfo(target, inputs[0].shape)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        let (x, y) = (inputs[0], outputs[0])
        return y.dataType.withWord { type in
            func make<T: Word>(_: T.Type) -> any Step { MapStep<T, T>(x, y) { $0 } }
            return make(type)
        }
    }
}
