import Primitives

/// ONNX `Reciprocal`: one divided by each element.
enum ReciprocalOperator {
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try UnaryOperator(context, .reciprocal)
    }
}
