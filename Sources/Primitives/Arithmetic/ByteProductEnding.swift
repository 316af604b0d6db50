/// What becomes of the 32-bit sums of a product of bytes, column by column.
///
/// A sum is first corrected to Σ (a − zero) · (b − offset) + bias, in int32 arithmetic that wraps. All
/// lists hold a value for each column, filled up to whole panels of 16.
public struct ByteProductEnding {
    /// Added to the sums; nil: nothing.
    public var bias: UnsafePointer<Int32>?
    /// The zero point of the left operand, where `bias` does not make up for it already: this many
    /// times the column's sum is taken off.
    public var zero: Int32
    public var columnSums: UnsafePointer<Int32>
    /// Zero points of the right operand's columns, where they are not all zero.
    public var offsets: UnsafePointer<Int32>?
    /// How many products a sum has, times the zero point of the left operand: what is taken off a row's
    /// sum before it is multiplied by an offset.
    public var rowTerm: Int32
    /// A sum becomes this number of units, times `factor`; nil for sums that stay as they are.
    public var scales: UnsafePointer<Float>?
    public var factor: Float
    /// Added to results in float32; nil: nothing.
    public var addends: UnsafePointer<Float>?
    /// The range of a quantized result before its zero point is added.
    public var low: Float
    public var high: Float
    public var resultZero: Int32

    public init(columnSums: UnsafePointer<Int32>) {
        self.columnSums = columnSums
        bias = nil
        zero = 0
        offsets = nil
        rowTerm = 0
        scales = nil
        factor = 1
        addends = nil
        low = 0
        high = 0
        resultZero = 0
    }
}

/// Where the results of a product of bytes go.
public enum ByteProductTarget {
    case sums(UnsafeMutablePointer<Int32>)
    case reals(UnsafeMutablePointer<Float>)
    case bytes(UnsafeMutablePointer<UInt8>)

    /// The same place, some values further on.
    @inlinable @inline(__always)
    public func advanced(by count: Int) -> ByteProductTarget {
        switch self {
        case .sums(let base): .sums(base + count)
        case .reals(let base): .reals(base + count)
        case .bytes(let base): .bytes(base + count)
        }
    }
}
