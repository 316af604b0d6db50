/// ONNX `ReduceMean`: the mean of the elements along some axes.
enum ReduceMeanOperator {
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try ReduceOperator(context, .mean, inputSince: 18)
    }
}
