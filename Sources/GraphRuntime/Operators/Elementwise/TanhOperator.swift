import Primitives

/// ONNX `Tanh`: the hyperbolic tangent of each element.
enum TanhOperator {
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try UnaryOperator(context, .tanh)
    }
}
