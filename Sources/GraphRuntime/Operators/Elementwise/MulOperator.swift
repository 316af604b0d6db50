import Primitives

/// ONNX `Mul`: the product of two tensors, element by element, with broadcasting.
enum MulOperator {
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try BinaryOperator(context, .multiply)
    }
}
