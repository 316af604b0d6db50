import Primitives

/// ONNX `Relu`: each element, or zero where it is negative.
enum ReluOperator {
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try UnaryOperator(context, .relu, takesIntegers: true)
    }
}
