import Primitives

/// ONNX `Neg`: each element with the opposite sign.
enum NegOperator {
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try UnaryOperator(context, .negate, takesIntegers: true)
    }
}
