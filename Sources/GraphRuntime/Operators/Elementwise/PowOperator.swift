import Glibc
import Primitives

/// ONNX `Pow`: a power, in the type of the base; the exponent may have another type. Computed in
/// float64, for integers with integer exponents exactly (wrapping around).
enum PowOperator {
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try PairOperator(context, types: DataType.numbers, isUniform: false) {
            places throws(OperatorFailure) in
            let exponent = places.b.dataType
            return try places.y.dataType.withNumber { base in
                func outer<T: Number>(_: T.Type) -> any Step {
                    func inner<E: Number>(_: E.Type) -> any Step {
                        PairStep<T, E, T>(places) { Self.power($0, $1) }
                    }
                    return (try? exponent.withNumber { inner($0) }) ?? inner(Float.self)
                }
                return outer(base)
            }
        }
    }

    private static func power<T: Number, E: Number>(_ base: T, _ exponent: E) -> T {
        guard T.Wide.self == Int64.self, E.Wide.self == Int64.self, exponent >= E.zero else {
            return T.real(pow(base.real, exponent.real))
        }
        var (result, square, rest) = (T.one, base, Int(exponent.real))
        while rest > 0 {
            if rest & 1 == 1 { result = T.product(result, square) }
            square = T.product(square, square)
            rest >>= 1
        }
        return result
    }
}
