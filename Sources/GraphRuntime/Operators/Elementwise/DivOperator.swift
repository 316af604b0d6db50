import Primitives

/// ONNX `Div`: the quotient of two tensors; integers are divided towards zero, with broadcasting.
enum DivOperator {
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try BinaryOperator(context, .divide)
    }
}
