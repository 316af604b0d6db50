import Primitives

/// ONNX `Abs`: the magnitude of each element.
enum AbsOperator {
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try UnaryOperator(context, .abs, takesIntegers: true)
    }
}
