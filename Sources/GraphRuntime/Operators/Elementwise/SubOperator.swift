import Primitives

/// ONNX `Sub`: the difference of two tensors, with broadcasting.
enum SubOperator {
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try BinaryOperator(context, .subtract)
    }
}
