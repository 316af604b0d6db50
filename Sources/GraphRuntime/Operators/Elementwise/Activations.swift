import Glibc
import Primitives

/// Activation functions of the standard that have no kernel of their own.
enum Activations {
    typealias Made = any Operator

    /// x where it is not negative, else alpha · x.
    @Sendable static func leakyRelu(_ context: OperatorContext) throws(OperatorFailure) -> Made {
        let alpha = Double(try context.float("alpha", default: 0.01))
        return try PointwiseOperator(context) { $0 < 0 ? alpha * $0 : $0 }
    }

    /// x where it is positive, else alpha · (e^x - 1).
    @Sendable static func elu(_ context: OperatorContext) throws(OperatorFailure) -> Made {
        let alpha = Double(try context.float("alpha", default: 1))
        return try PointwiseOperator(context) { $0 < 0 ? alpha * expm1($0) : $0 }
    }

    /// gamma · elu(x), with the constants of Klambauer et al., "Self-Normalizing Neural Networks".
    @Sendable static func selu(_ context: OperatorContext) throws(OperatorFailure) -> Made {
        let alpha = Double(try context.float("alpha", default: 1.67326319217681884765625))
        let gamma = Double(try context.float("gamma", default: 1.05070102214813232421875))
        return try PointwiseOperator(context) { gamma * ($0 < 0 ? alpha * expm1($0) : $0) }
    }

    /// max(0, x) + min(0, alpha · (e^(x / alpha) - 1)).
    @Sendable static func celu(_ context: OperatorContext) throws(OperatorFailure) -> Made {
        let alpha = Double(try context.float("alpha", default: 1))
        return try PointwiseOperator(context) { max(0, $0) + min(0, alpha * expm1($0 / alpha)) }
    }

    /// alpha · x + beta held between 0 and 1.
    @Sendable static func hardSigmoid(_ context: OperatorContext) throws(OperatorFailure) -> Made {
        let alpha = Double(try context.float("alpha", default: 0.2))
        let beta = Double(try context.float("beta", default: 0.5))
        return try PointwiseOperator(context) { max(0, min(1, alpha * $0 + beta)) }
    }

    /// x · max(0, min(1, x / 6 + 0.5)).
    @Sendable static func hardSwish(_ context: OperatorContext) throws(OperatorFailure) -> Made {
        try PointwiseOperator(context) { $0 * max(0, min(1, $0 / 6 + 0.5)) }
    }

    /// x · sigmoid(alpha · x).
    @Sendable static func swish(_ context: OperatorContext) throws(OperatorFailure) -> Made {
        let alpha = try context.float("alpha", default: 1)
        return try GatedOperator(context, linear: Double(alpha), cubic: 0)
    }

    /// x · tanh(log(1 + e^x)).
    @Sendable static func mish(_ context: OperatorContext) throws(OperatorFailure) -> Made {
        try PointwiseOperator(context) { x in
            x * Glibc.tanh(x > 0 ? x + log1p(Glibc.exp(-x)) : log1p(Glibc.exp(x)))
        }
    }

    /// x · Φ(x), by the error function or by tanh (Hendrycks & Gimpel, "Gaussian Error Linear
    /// Units").
    @Sendable static func gelu(_ context: OperatorContext) throws(OperatorFailure) -> Made {
        switch try context.string("approximate") ?? "none" {
        case "none":
            return try UnaryOperator(context, .gelu)
        case "tanh":
            // ½ · (1 + tanh(z)) is σ(2z).
            let scale = 2 * (2 / Double.pi).squareRoot()
            return try GatedOperator(context, linear: scale, cubic: scale * 0.044715)
        case let other: throw OperatorFailure("the approximation '\(other)' is not known")
        }
    }

    /// x / (1 + |x|).
    @Sendable static func softsign(_ context: OperatorContext) throws(OperatorFailure) -> Made {
        try PointwiseOperator(context) { $0 / (1 + $0.magnitude) }
    }

    /// x where it is above alpha, else 0.
    @Sendable static func thresholdedRelu(
        _ context: OperatorContext
    ) throws(OperatorFailure) -> Made {
        let alpha = Double(try context.float("alpha", default: 1))
        return try PointwiseOperator(context) { $0 > alpha ? $0 : 0 }
    }

    /// x moved towards 0 by `bias` where it is farther than `lambd`, else 0.
    @Sendable static func shrink(_ context: OperatorContext) throws(OperatorFailure) -> Made {
        let bias = Double(try context.float("bias", default: 0))
        let threshold = Double(try context.float("lambd", default: 0.5))
        return try MapOperator(context, types: DataType.numbers) { x, y throws(OperatorFailure) in
            try y.dataType.withNumber { type in
                func make<T: Number>(_: T.Type) -> any Step {
                    MapStep<T, T>(x, y) { value in
                        let real = value.real
                        return T.real(
                            real < -threshold ? real + bias : real > threshold ? real - bias : 0)
                    }
                }
                return make(type)
            }
        }
    }

    /// x where it is not negative, else slope · x; the slope is broadcast to x.
    @Sendable static func pRelu(_ context: OperatorContext) throws(OperatorFailure) -> Made {
        try PairOperator(context, types: DataType.numbers) { places throws(OperatorFailure) in
            try places.y.dataType.withNumber { type in
                func make<T: Number>(_: T.Type) -> any Step {
                    PairStep<T, T, T>(places) { $0 < T.zero ? T.product($1, $0) : $0 }
                }
                return make(type)
            }
        }
    }
}
