/// ONNX `ReduceSum`: the sum of the elements along some axes.
enum ReduceSumOperator {
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try ReduceOperator(context, .sum, inputSince: 13)
    }
}
