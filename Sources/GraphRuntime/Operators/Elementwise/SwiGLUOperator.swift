import Glibc
import Primitives

/// ONNX `SwiGLU`: swish(a) · b.
enum SwiGLUOperator {
    @Sendable static func make(
        _ context: OperatorContext
    ) throws(OperatorFailure) -> any Operator {
        let alpha = Double(try context.float("alpha", default: 1))
        return try PairOperator(context, types: [.float32, .float64]) {
            places throws(OperatorFailure) in
            if places.y.dataType == .float32 {
                return PairStep<Float, Float, Float>(places) { a, b in
                    Float(Double(a) / (1 + exp(-alpha * Double(a))) * Double(b))
                }
            }
            return PairStep<Double, Double, Double>(places) { $0 / (1 + exp(-alpha * $0)) * $1 }
        }
    }
}
