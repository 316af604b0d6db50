import Glibc
import Primitives

/// An element type with arithmetic. Integers wrap around; the result of dividing one by zero is
/// undefined in the standard, here it is the dividend.
protocol Number: BitwiseCopyable, Comparable, Sendable {
    /// The type sums of many are kept in.
    associatedtype Wide: Number
    var wide: Wide { get }
    /// Rounded once; integers wrap around.
    static func narrow(_ value: Wide) -> Self
    /// The value in float64.
    var real: Double { get }
    /// The nearest value to a float64; an integer is cut off, 0 when out of range.
    static func real(_ value: Double) -> Self
    static var zero: Self { get }
    static var one: Self { get }
    /// The ends of the type's range; infinities for floats.
    static var lowest: Self { get }
    static var highest: Self { get }
    /// The value nearest to a float; an integer is cut off, 0 when out of range.
    static func from(_ value: Float) -> Self
    static func sum(_ a: Self, _ b: Self) -> Self
    static func difference(_ a: Self, _ b: Self) -> Self
    static func product(_ a: Self, _ b: Self) -> Self
    static func quotient(_ a: Self, _ b: Self) -> Self
    /// The greater (lesser); NaN when either is.
    static func greater(_ a: Self, _ b: Self) -> Self
    static func lesser(_ a: Self, _ b: Self) -> Self
    /// The quotient by a count of elements.
    func divided(by count: Int) -> Self
    var magnitudeValue: Self { get }
    var isMissing: Bool { get }
}

extension Number where Self: BinaryFloatingPoint {
    var real: Double { Double(self) }
    static func real(_ value: Double) -> Self { Self(value) }
    var wide: Double { Double(self) }
    static func narrow(_ value: Double) -> Self { Self(value) }
    static var one: Self { 1 }
    static var lowest: Self { -.infinity }
    static var highest: Self { .infinity }
    static func from(_ value: Float) -> Self { Self(value) }
    static func sum(_ a: Self, _ b: Self) -> Self { a + b }
    static func difference(_ a: Self, _ b: Self) -> Self { a - b }
    static func product(_ a: Self, _ b: Self) -> Self { a * b }
    static func quotient(_ a: Self, _ b: Self) -> Self { a / b }
    static func greater(_ a: Self, _ b: Self) -> Self { a.isNaN || a > b ? a : b }
    static func lesser(_ a: Self, _ b: Self) -> Self { a.isNaN || a < b ? a : b }
    func divided(by count: Int) -> Self { self / Self(count) }
    var magnitudeValue: Self { magnitude }
    var isMissing: Bool { isNaN }
}

extension Number where Self: FixedWidthInteger {
    var real: Double { Double(self) }
    static func real(_ value: Double) -> Self { Self(exactly: value.rounded(.towardZero)) ?? 0 }
    var wide: Int64 { Int64(truncatingIfNeeded: self) }
    static func narrow(_ value: Int64) -> Self { Self(truncatingIfNeeded: value) }
    static var one: Self { 1 }
    static var lowest: Self { .min }
    static var highest: Self { .max }
    static func from(_ value: Float) -> Self { Self(exactly: value.rounded(.towardZero)) ?? 0 }
    static func sum(_ a: Self, _ b: Self) -> Self { a &+ b }
    static func difference(_ a: Self, _ b: Self) -> Self { a &- b }
    static func product(_ a: Self, _ b: Self) -> Self { a &* b }
    static func quotient(_ a: Self, _ b: Self) -> Self {
        a.dividedReportingOverflow(by: b).partialValue
    }
    static func greater(_ a: Self, _ b: Self) -> Self { a > b ? a : b }
    static func lesser(_ a: Self, _ b: Self) -> Self { a < b ? a : b }
    func divided(by count: Int) -> Self {
        guard let divisor = Self(exactly: count) else { return 0 }
        return Self.quotient(self, divisor)
    }
    var magnitudeValue: Self { self < 0 ? 0 &- self : self }
    var isMissing: Bool { false }
}

/// An integer type with its bits.
protocol WholeNumber: Number, FixedWidthInteger {}

extension Float: Number {}
extension Double: Number {}
extension Int8: WholeNumber {}
extension Int16: WholeNumber {}
extension Int32: WholeNumber {}
extension Int64: WholeNumber {}
extension UInt8: WholeNumber {}
extension UInt16: WholeNumber {}
extension UInt32: WholeNumber {}
extension UInt64: WholeNumber {}

extension BinaryFunction {
    /// The function on one pair.
    @inline(__always)
    func callAsFunction<T: Number>(_ a: T, _ b: T) -> T {
        switch self {
        case .add: T.sum(a, b)
        case .subtract: T.difference(a, b)
        case .multiply: T.product(a, b)
        case .divide: T.quotient(a, b)
        case .maximum: T.greater(a, b)
        case .minimum: T.lesser(a, b)
        }
    }
}

extension DataType {
    /// Types with arithmetic here, in the order of messages.
    static let numbers: [DataType] = [
        .float32, .float64, .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64,
    ]

    /// Integer types.
    static let integers: [DataType] = [
        .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64,
    ]

    /// All types whose elements have a fixed width.
    static let fixed: [DataType] = numbers + [.bool, .float16, .bfloat16]

    /// Makes a step for the Swift type of an integer type.
    func withInteger(_ body: (any WholeNumber.Type) -> any Step) throws(OperatorFailure) -> any Step
    {
        switch self {
        case .int8: body(Int8.self)
        case .int16: body(Int16.self)
        case .int32: body(Int32.self)
        case .int64: body(Int64.self)
        case .uint8: body(UInt8.self)
        case .uint16: body(UInt16.self)
        case .uint32: body(UInt32.self)
        case .uint64: body(UInt64.self)
        case .float32, .float64, .float16, .bfloat16, .bool, .string:
            throw OperatorFailure("\(name) is no integer type")
        }
    }

    /// Makes a step for the Swift type of an element type with arithmetic.
    func withNumber(_ body: (any Number.Type) -> any Step) throws(OperatorFailure) -> any Step {
        switch self {
        case .float32: body(Float.self)
        case .float64: body(Double.self)
        case .int8: body(Int8.self)
        case .int16: body(Int16.self)
        case .int32: body(Int32.self)
        case .int64: body(Int64.self)
        case .uint8: body(UInt8.self)
        case .uint16: body(UInt16.self)
        case .uint32: body(UInt32.self)
        case .uint64: body(UInt64.self)
        case .float16, .bfloat16, .bool, .string:
            throw OperatorFailure("\(name) has no arithmetic here")
        }
    }
}
