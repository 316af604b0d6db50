import Primitives

/// ONNX `Sqrt`: the square root of each element.
enum SqrtOperator {
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try UnaryOperator(context, .sqrt)
    }
}
