/// ONNX `Softmax`: exp(x - max) / Σ exp(x - max) along an axis.
enum SoftmaxOperator {
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try SoftmaxFamily(context, isLogarithm: false)
    }
}
