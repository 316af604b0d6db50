import Primitives

/// ONNX `Ceil`: each element rounded up.
enum CeilOperator {
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try UnaryOperator(context, .ceiling)
    }
}
