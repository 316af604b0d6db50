/// ONNX `LogSoftmax`: the logarithm of `Softmax`.
enum LogSoftmaxOperator {
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try SoftmaxFamily(context, isLogarithm: true)
    }
}
