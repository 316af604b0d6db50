import Primitives

/// ONNX `Round`: each element rounded to the nearest integer, halves to the even one.
enum RoundOperator {
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try UnaryOperator(context, .round)
    }
}
