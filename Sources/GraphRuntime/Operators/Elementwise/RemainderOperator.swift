import Glibc
import Primitives

/// ONNX `Mod`: the remainder with the sign of the divisor (Python's `%`) for integers, or C's
/// `fmod`, with the sign of the dividend, when `fmod` is set. A remainder by 0 is 0.
enum RemainderOperator {
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        let isC = try context.flag("fmod", default: false)
        return try PairOperator(context, types: DataType.numbers) {
            places throws(OperatorFailure) in
            let type = places.y.dataType
            if type.isFloat {
                return try type.withNumber { type in
                    func make<T: Number>(_: T.Type) -> any Step {
                        PairStep<T, T, T>(places) { a, b in
                            let rest = fmod(a.real, b.real)
                            let turns = !isC && rest != 0 && (rest < 0) != (b.real < 0)
                            return T.real(turns ? rest + b.real : rest)
                        }
                    }
                    return make(type)
                }
            }
            return try type.withInteger { type in
                func make<T: WholeNumber>(_: T.Type) -> any Step {
                    PairStep<T, T, T>(places) { a, b in
                        if b == 0 { return 0 }
                        let rest = a.remainderReportingOverflow(dividingBy: b).partialValue
                        return !isC && rest != 0 && (rest < 0) != (b < 0) ? rest &+ b : rest
                    }
                }
                return make(type)
            }
        }
    }
}
