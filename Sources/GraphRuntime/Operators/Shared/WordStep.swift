import Primitives

extension DataType {
    /// Makes a step that only moves elements, for a word of the element's width. Strings are
    /// moved by steps of their own.
    func withWord(_ body: (any Word.Type) -> any Step) -> any Step {
        switch byteCount {
        case 8: body(UInt64.self)
        case 4: body(UInt32.self)
        case 2: body(UInt16.self)
        default: body(UInt8.self)
        }
    }
}

/// Bits of an element, whatever they mean.
protocol Word: BitwiseCopyable, Sendable {}
extension UInt64: Word {}
extension UInt32: Word {}
extension UInt16: Word {}
extension UInt8: Word {}
