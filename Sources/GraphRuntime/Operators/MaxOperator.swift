import Primitives

/// ONNX `Max`: the greatest of its inputs, element by element, with broadcasting.
enum MaxOperator {
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        if context.inputCount == 1 { return try IdentityOperator(context) }
        return try BinaryOperator(context, .maximum)
    }
}
