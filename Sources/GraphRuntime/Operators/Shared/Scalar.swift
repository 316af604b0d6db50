import Primitives

/// One element of any type, widened.
enum Scalar {
    case integer(Int64)
    case natural(UInt64)
    case real(Double)
    case text(String)

    /// A number as strings hold it.
    init?(parsing text: String, isFloat: Bool) {
        if !isFloat, let value = Int64(text) {
            self = .integer(value)
        } else if let value = Double(text) {
            self = .real(value)
        } else {
            return nil
        }
    }

    var double: Double {
        switch self {
        case .integer(let value): Double(value)
        case .natural(let value): Double(value)
        case .real(let value): value
        case .text: 0
        }
    }

    /// The bits of the value as an integer, fractions cut off.
    var bits: UInt64 {
        switch self {
        case .integer(let value): UInt64(bitPattern: value)
        case .natural(let value): value
        case .real(let value):
            if let whole = Int64(exactly: value.rounded(.towardZero)) {
                UInt64(bitPattern: whole)
            } else {
                UInt64(exactly: value.rounded(.towardZero)) ?? 1 << 63
            }
        case .text: 0
        }
    }

    var text: String {
        switch self {
        case .integer(let value): String(value)
        case .natural(let value): String(value)
        case .real(let value):
            value == value.rounded() && value.magnitude < 1e15
                ? String(Int64(value)) : "\(value)"
        case .text(let value): value
        }
    }
}

extension DataType {
    var isFloat: Bool {
        switch self {
        case .float32, .float64, .float16, .bfloat16: true
        case .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64, .bool, .string:
            false
        }
    }
}

extension Workspace {
    /// One element, whatever its type.
    func scalar(_ operand: borrowing Operand, _ index: Int) -> Scalar {
        switch operand.dataType {
        case .float32: .real(Double(span(operand, as: Float.self)[index]))
        case .float64: .real(span(operand, as: Double.self)[index])
        case .float16: .real(Double(HalfFloat.value(span(operand, as: UInt16.self)[index])))
        case .bfloat16:
            .real(Double(Float(bitPattern: UInt32(span(operand, as: UInt16.self)[index]) << 16)))
        case .int8: .integer(Int64(span(operand, as: Int8.self)[index]))
        case .int16: .integer(Int64(span(operand, as: Int16.self)[index]))
        case .int32: .integer(Int64(span(operand, as: Int32.self)[index]))
        case .int64: .integer(span(operand, as: Int64.self)[index])
        case .uint8: .integer(Int64(span(operand, as: UInt8.self)[index]))
        case .uint16: .integer(Int64(span(operand, as: UInt16.self)[index]))
        case .uint32: .integer(Int64(span(operand, as: UInt32.self)[index]))
        case .uint64: .natural(span(operand, as: UInt64.self)[index])
        case .bool: .integer(span(operand, as: UInt8.self)[index] == 0 ? 0 : 1)
        case .string: .text(string(operand, index))
        }
    }

    /// Stores a number as an element of the operand's type.
    func setScalar(_ operand: borrowing Operand, _ index: Int, _ value: Scalar) {
        switch operand.dataType {
        case .float32: store(operand, index, Float(value.double))
        case .float64: store(operand, index, value.double)
        case .float16: store(operand, index, HalfFloat.bits(Float(value.double)))
        case .bfloat16: store(operand, index, HalfFloat.brainBits(Float(value.double)))
        case .int8, .uint8: store(operand, index, UInt8(truncatingIfNeeded: value.bits))
        case .int16, .uint16: store(operand, index, UInt16(truncatingIfNeeded: value.bits))
        case .int32, .uint32: store(operand, index, UInt32(truncatingIfNeeded: value.bits))
        case .int64, .uint64: store(operand, index, value.bits)
        case .bool: store(operand, index, UInt8(value.double == 0 ? 0 : 1))
        case .string: setString(operand, index, value.text)
        }
    }

    private func store<T: BitwiseCopyable>(
        _ operand: borrowing Operand, _ index: Int, _ value: T
    ) {
        var target = mutableSpan(operand, as: T.self)
        target[index] = value
    }
}

/// Conversions of the 16-bit floats, rounding halves to even.
enum HalfFloat {
    /// The value of an IEEE 754 binary16.
    static func value(_ bits: UInt16) -> Float {
        let sign: Float = bits >> 15 == 1 ? -1 : 1
        let exponent = Int(bits >> 10 & 31)
        let fraction = Float(bits & 1023)
        switch exponent {
        case 0: return sign * fraction * 0x1p-24
        case 31: return fraction == 0 ? sign * .infinity : .nan
        default:
            return sign * Float(sign: .plus, exponent: exponent - 25, significand: 1024 + fraction)
        }
    }

    /// The binary16 nearest to a value.
    static func bits(_ value: Float) -> UInt16 {
        let sign: UInt16 = value.sign == .minus ? 0x8000 : 0
        let magnitude = value.magnitude
        if value.isNaN { return sign | 0x7E00 }
        if magnitude >= 65520 { return sign | 0x7C00 }
        if magnitude < 0x1p-14 {
            return sign | UInt16((magnitude * 0x1p24).rounded(.toNearestOrEven))
        }
        let exponent = Int(magnitude.exponent)
        let scaled = Float(sign: .plus, exponent: 10 - exponent, significand: magnitude)
        // 1024 ... 2048; a carry out of the fraction raises the exponent by itself.
        let fraction = Int(scaled.rounded(.toNearestOrEven)) - 1024
        return sign | UInt16((exponent + 15) << 10 + fraction)
    }

    /// The bfloat16 nearest to a value.
    static func brainBits(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        if value.isNaN { return UInt16(bits >> 16) | 64 }
        return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
    }
}
