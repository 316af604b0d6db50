import Models
import Primitives

/// A number or boolean as a column stores it, and how it is made from what bodies hold.
///
/// The `from` functions convert what can be converted without loss of meaning and give nil for the
/// rest: integers to floats, but no float to an integer; nothing but booleans to booleans.
protocol ColumnElement: BitwiseCopyable, LeafReader {
    static func read(_ reader: inout JSONReader) throws(JSONError) -> Self
    static func from(float: Double) -> Self?
    static func from(signed: Int64) -> Self?
    static func from(unsigned: UInt64) -> Self?
    static func from(boolean: Bool) -> Self?
    /// Appends the value as JSON.
    func append(to buffer: inout ByteBuffer)
    /// The value of a float that is infinite or no number, which `append` writes as `null`.
    var nonFinite: Double? { get }
}

extension ColumnElement {
    var nonFinite: Double? { nil }
}

extension Float: ColumnElement {
    static func read(_ reader: inout JSONReader) throws(JSONError) -> Float {
        try reader.readFloat()
    }
    static func from(float: Double) -> Float? {
        let value = Float(float)
        return value.isFinite == float.isFinite ? value : nil
    }
    static func from(signed: Int64) -> Float? { Float(signed) }
    static func from(unsigned: UInt64) -> Float? { Float(unsigned) }
    static func from(boolean: Bool) -> Float? { boolean ? 1 : 0 }
    func append(to buffer: inout ByteBuffer) { buffer.append(shortest: self) }
    var nonFinite: Double? { isFinite ? nil : Double(self) }
}

extension Double: ColumnElement {
    static func read(_ reader: inout JSONReader) throws(JSONError) -> Double {
        try reader.readDouble()
    }
    static func from(float: Double) -> Double? { float }
    static func from(signed: Int64) -> Double? { Double(signed) }
    static func from(unsigned: UInt64) -> Double? { Double(unsigned) }
    static func from(boolean: Bool) -> Double? { boolean ? 1 : 0 }
    func append(to buffer: inout ByteBuffer) { buffer.append(shortest: self) }
    var nonFinite: Double? { isFinite ? nil : Double(self) }
}

extension Float16: ColumnElement {
    static func read(_ reader: inout JSONReader) throws(JSONError) -> Float16 {
        let offset = reader.offset
        guard let value = from(float: try reader.readDouble()) else {
            throw JSONError(.numberOutOfRange, offset: offset)
        }
        return value
    }
    static func from(float: Double) -> Float16? {
        let value = Float16(float)
        return value.isFinite == float.isFinite ? value : nil
    }
    static func from(signed: Int64) -> Float16? { from(float: Double(signed)) }
    static func from(unsigned: UInt64) -> Float16? { from(float: Double(unsigned)) }
    static func from(boolean: Bool) -> Float16? { boolean ? 1 : 0 }
    func append(to buffer: inout ByteBuffer) { buffer.append(shortest: Float(self)) }
    var nonFinite: Double? { isFinite ? nil : Double(self) }
}

/// The upper half of a Float.
struct BrainFloat: ColumnElement {
    var bits: UInt16

    /// Rounds to nearest, ties to even.
    init(_ value: Float) {
        let word = value.bitPattern
        // Any NaN stays one: its payload may be in the half that is cut off.
        let rounded = word &+ 0x7FFF &+ (word >> 16 & 1)
        bits = UInt16(truncatingIfNeeded: (value.isNaN ? word | 0x40_0000 : rounded) >> 16)
    }

    var float: Float { Float(bitPattern: UInt32(bits) << 16) }

    static func read(_ reader: inout JSONReader) throws(JSONError) -> BrainFloat {
        let offset = reader.offset
        let value = BrainFloat(try reader.readFloat())
        guard value.float.isFinite else { throw JSONError(.numberOutOfRange, offset: offset) }
        return value
    }
    static func from(float: Double) -> BrainFloat? {
        let value = BrainFloat(Float(float))
        return value.float.isFinite == float.isFinite ? value : nil
    }
    static func from(signed: Int64) -> BrainFloat? { from(float: Double(signed)) }
    static func from(unsigned: UInt64) -> BrainFloat? { from(float: Double(unsigned)) }
    static func from(boolean: Bool) -> BrainFloat? { from(float: boolean ? 1 : 0) }
    func append(to buffer: inout ByteBuffer) { buffer.append(shortest: float) }
    var nonFinite: Double? { float.isFinite ? nil : Double(float) }
}

/// A boolean in a byte: 0 or 1.
struct BooleanByte: ColumnElement {
    var byte: UInt8

    init(_ value: Bool) { byte = value ? 1 : 0 }

    static func read(_ reader: inout JSONReader) throws(JSONError) -> BooleanByte {
        BooleanByte(try reader.readBool())
    }
    static func from(float: Double) -> BooleanByte? { nil }
    static func from(signed: Int64) -> BooleanByte? { nil }
    static func from(unsigned: UInt64) -> BooleanByte? { nil }
    static func from(boolean: Bool) -> BooleanByte? { BooleanByte(boolean) }
    func append(to buffer: inout ByteBuffer) { buffer.append(byte == 0 ? "false" : "true") }
}

/// What all integers share.
protocol IntegerElement: ColumnElement, FixedWidthInteger {}

extension IntegerElement {
    static func read(_ reader: inout JSONReader) throws(JSONError) -> Self {
        let offset = reader.offset
        let value = isSigned ? Self(exactly: try reader.readInt64()) : Self(exactly: try reader.readUInt64())
        guard let value else { throw JSONError(.numberOutOfRange, offset: offset) }
        return value
    }
    static func from(float: Double) -> Self? { nil }
    static func from(signed: Int64) -> Self? { Self(exactly: signed) }
    static func from(unsigned: UInt64) -> Self? { Self(exactly: unsigned) }
    static func from(boolean: Bool) -> Self? { boolean ? 1 : 0 }
    func append(to buffer: inout ByteBuffer) {
        if Self.isSigned {
            buffer.append(decimal: Int(truncatingIfNeeded: self))
        } else {
            buffer.append(decimal: UInt64(truncatingIfNeeded: self))
        }
    }
}

extension Int8: IntegerElement {}
extension Int16: IntegerElement {}
extension Int32: IntegerElement {}
extension Int64: IntegerElement {}
extension UInt8: IntegerElement {}
extension UInt16: IntegerElement {}
extension UInt32: IntegerElement {}
extension UInt64: IntegerElement {}
