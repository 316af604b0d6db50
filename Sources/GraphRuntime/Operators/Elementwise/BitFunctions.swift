import Glibc
import Primitives

/// Functions of booleans and of the bits of integers.
enum BitFunctions {
    typealias Made = any Operator

    @Sendable static func and(_ context: OperatorContext) throws(OperatorFailure) -> Made {
        try PairOperator(context, types: [.bool]) { PairStep<UInt8, UInt8, UInt8>($0) { $0 & $1 } }
    }

    @Sendable static func or(_ context: OperatorContext) throws(OperatorFailure) -> Made {
        try PairOperator(context, types: [.bool]) { PairStep<UInt8, UInt8, UInt8>($0) { $0 | $1 } }
    }

    @Sendable static func xor(_ context: OperatorContext) throws(OperatorFailure) -> Made {
        try PairOperator(context, types: [.bool]) { PairStep<UInt8, UInt8, UInt8>($0) { $0 ^ $1 } }
    }

    @Sendable static func bitwiseAnd(_ context: OperatorContext) throws(OperatorFailure) -> Made {
        try PairOperator(context, types: DataType.integers) { places throws(OperatorFailure) in
            try Self.words(places) {
                $0 & $1
            } _: {
                $0 & $1
            } _: {
                $0 & $1
            } _: {
                $0 & $1
            }
        }
    }

    @Sendable static func bitwiseOr(_ context: OperatorContext) throws(OperatorFailure) -> Made {
        try PairOperator(context, types: DataType.integers) { places throws(OperatorFailure) in
            try Self.words(places) {
                $0 | $1
            } _: {
                $0 | $1
            } _: {
                $0 | $1
            } _: {
                $0 | $1
            }
        }
    }

    @Sendable static func bitwiseXor(_ context: OperatorContext) throws(OperatorFailure) -> Made {
        try PairOperator(context, types: DataType.integers) { places throws(OperatorFailure) in
            try Self.words(places) {
                $0 ^ $1
            } _: {
                $0 ^ $1
            } _: {
                $0 ^ $1
            } _: {
                $0 ^ $1
            }
        }
    }

    @Sendable static func bitwiseNot(_ context: OperatorContext) throws(OperatorFailure) -> Made {
        try MapOperator(context, types: DataType.integers) { x, y throws(OperatorFailure) in
            try y.dataType.withInteger { type in
                func make<T: WholeNumber>(_: T.Type) -> any Step { MapStep<T, T>(x, y) { ~$0 } }
                return make(type)
            }
        }
    }

    /// Bits moved left or right; zeros come in, from the left the sign of signed types. A shift by the
    /// width or more, or by a negative distance, moves all of them out.
    @Sendable static func bitShift(_ context: OperatorContext) throws(OperatorFailure) -> Made {
        let isLeft: Bool
        switch try context.string("direction") {
        case "LEFT": isLeft = true
        case "RIGHT": isLeft = false
        default: throw OperatorFailure("its attribute 'direction' must be LEFT or RIGHT")
        }
        return try PairOperator(context, types: DataType.integers) {
            places throws(OperatorFailure) in
            try places.y.dataType.withInteger { type in
                func make<T: WholeNumber>(_: T.Type) -> any Step {
                    PairStep<T, T, T>(places) { value, distance in
                        guard distance >= 0, distance < T.bitWidth else {
                            return !isLeft && value < 0 ? ~0 : 0
                        }
                        return isLeft ? value &<< distance : value &>> distance
                    }
                }
                return make(type)
            }
        }
    }

    private static func words(
        _ places: PairPlaces, _ f8: @escaping @Sendable (UInt8, UInt8) -> UInt8,
        _ f16: @escaping @Sendable (UInt16, UInt16) -> UInt16,
        _ f32: @escaping @Sendable (UInt32, UInt32) -> UInt32,
        _ f64: @escaping @Sendable (UInt64, UInt64) -> UInt64
    ) throws(OperatorFailure) -> any Step {
        switch places.y.dataType.byteCount {
        case 8: PairStep<UInt64, UInt64, UInt64>(places, f64)
        case 4: PairStep<UInt32, UInt32, UInt32>(places, f32)
        case 2: PairStep<UInt16, UInt16, UInt16>(places, f16)
        default: PairStep<UInt8, UInt8, UInt8>(places, f8)
        }
    }
}
