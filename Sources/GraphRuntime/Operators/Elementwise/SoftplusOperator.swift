import Primitives

/// ONNX `Softplus`: log(1 + e^x) of each element.
enum SoftplusOperator {
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try UnaryOperator(context, .softplus)
    }
}
