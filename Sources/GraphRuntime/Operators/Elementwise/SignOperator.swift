import Primitives

/// ONNX `Sign`: -1, 0 or 1 for each element.
enum SignOperator {
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try UnaryOperator(context, .sign, takesIntegers: true)
    }
}
