import Primitives

/// ONNX `Floor`: each element rounded down.
enum FloorOperator {
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try UnaryOperator(context, .floor)
    }
}
