import Primitives

/// ONNX `Log`: the natural logarithm of each element.
enum LogOperator {
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try UnaryOperator(context, .log)
    }
}
