/// ONNX `ReduceMax`: the greatest of the elements along some axes.
enum ReduceMaxOperator {
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try ReduceOperator(context, .maximum, inputSince: 18)
    }
}
