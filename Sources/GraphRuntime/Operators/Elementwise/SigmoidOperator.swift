import Primitives

/// ONNX `Sigmoid`: 1 / (1 + e^-x) of each element.
enum SigmoidOperator {
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try UnaryOperator(context, .sigmoid)
    }
}
