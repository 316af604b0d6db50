/// ONNX `ReduceMin`: the least of the elements along some axes.
enum ReduceMinOperator {
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try ReduceOperator(context, .minimum, inputSince: 18)
    }
}
