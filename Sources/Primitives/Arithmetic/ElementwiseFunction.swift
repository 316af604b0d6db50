/// A function of one float32, applied to every element.
///
/// Transcendental functions are within 2 ulp of the exact value. NaN gives NaN everywhere.
public enum UnaryFunction: UInt8, Sendable, CaseIterable {
    /// max(x, 0); NaN and -0 stay as they are.
    case relu
    case exp, log, sigmoid, tanh
    /// log(1 + e^x), without overflow.
    case softplus
    /// The error function.
    case erf
    /// x · (1 + erf(x / √2)) / 2. Within 16 ulp; below -5.6, where it is above -1e-7, it is 0.
    case gelu
    case sqrt, abs, negate, reciprocal, floor, ceiling
    /// To the nearest integer, halves to the even one (ONNX Round, IEEE 754 roundTiesToEven).
    case round
    /// -1, 0 or 1.
    case sign
}

/// A function of two float32, applied to pairs of elements.
public enum BinaryFunction: UInt8, Sendable, CaseIterable {
    case add, subtract, multiply, divide
    /// The greater (smaller) operand; NaN when either is NaN (ONNX Max, Min).
    case maximum, minimum
}

/// By what a row is divided (ai.onnx.ml Normalizer).
public enum Norm: UInt8, Sendable, CaseIterable {
    /// The greatest value of the row (not of the magnitudes), as ONNX Runtime computes it.
    case max
    /// The sum of magnitudes.
    case l1
    /// The root of the sum of squares.
    case l2
}
