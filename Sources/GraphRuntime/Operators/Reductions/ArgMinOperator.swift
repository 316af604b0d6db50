/// ONNX `ArgMin`: the index of the least element along an axis.
enum ArgMinOperator {
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try ArgMaxOperator(context, findsLeast: true)
    }
}
