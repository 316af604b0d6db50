import Primitives

/// ONNX `Exp`: e to the power of each element.
enum ExpOperator {
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try UnaryOperator(context, .exp)
    }
}
