import Primitives

/// ONNX `Add`: the sum of two tensors, with broadcasting.
enum AddOperator {
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try BinaryOperator(context, .add)
    }
}
