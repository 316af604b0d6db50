import KernelsPortable
import KernelsV3
import KernelsVNNI
import Primitives

// Functions of bytes element by element. All levels give the same bits.
extension KernelSet {
    /// y = saturate(round(x / scale) + zero), halves to even (ONNX `QuantizeLinear`). What is no number
    /// becomes the least byte.
    @inline(never)
    public func quantize(_ x: Span<Float>, _ scale: ByteScale, y: inout MutableSpan<UInt8>) {
        precondition(x.count == y.count, "a byte a number")
        let zero = Int32(scale.zeroPoint)
        switch byteLevel {
        case .portable:
            unsafe KernelsPortable.quantizeBytes(
                x.address, count: x.count, scale: scale.scale, low: scale.low, high: scale.high,
                zero: zero, y: y.address)
        case .v3:
            unsafe KernelsV3.quantizeBytes(
                x.address, count: x.count, scale: scale.scale, low: scale.low, high: scale.high,
                zero: zero, y: y.address)
        case .vnni:
            unsafe KernelsVNNI.quantizeBytes(
                x.address, count: x.count, scale: scale.scale, low: scale.low, high: scale.high,
                zero: zero, y: y.address)
        }
    }

    /// The same for rows of as many values as there are scales. `zeros` holds zero points as the
    /// bytes' own type counts them, nil for none.
    @inline(never)
    public func quantizeRows(
        _ x: Span<Float>, scales: Span<Float>, zeros: Span<Float>?, isSigned: Bool,
        y: inout MutableSpan<UInt8>
    ) {
        if x.isEmpty { return }
        let columns = scales.count
        precondition(x.count == y.count && x.count % columns == 0, "whole rows, a byte a number")
        let zeroAddress = unsafe Self.zeroAddress(zeros, columns)
        let (least, greatest): (Float, Float) = isSigned ? (-128, 127) : (0, 255)
        switch byteLevel {
        case .portable:
            unsafe KernelsPortable.quantizeByteRows(
                x.address, rows: x.count / columns, columns: columns, scales: scales.address,
                zeros: zeroAddress, least: least, greatest: greatest, y: y.address)
        case .v3:
            unsafe KernelsV3.quantizeByteRows(
                x.address, rows: x.count / columns, columns: columns, scales: scales.address,
                zeros: zeroAddress, least: least, greatest: greatest, y: y.address)
        case .vnni:
            unsafe KernelsVNNI.quantizeByteRows(
                x.address, rows: x.count / columns, columns: columns, scales: scales.address,
                zeros: zeroAddress, least: least, greatest: greatest, y: y.address)
        }
    }

    /// y = (x − zero) · scale (ONNX `DequantizeLinear`).
    @inline(never)
    public func dequantize(_ x: Span<UInt8>, _ scale: ByteScale, y: inout MutableSpan<Float>) {
        precondition(x.count == y.count, "a number a byte")
        switch byteLevel {
        case .portable:
            unsafe KernelsPortable.dequantizeBytes(
                x.address, count: x.count, flip: scale.flip, scale: scale.scale,
                zero: scale.zero, y: y.address)
        case .v3:
            unsafe KernelsV3.dequantizeBytes(
                x.address, count: x.count, flip: scale.flip, scale: scale.scale,
                zero: scale.zero, y: y.address)
        case .vnni:
            unsafe KernelsVNNI.dequantizeBytes(
                x.address, count: x.count, flip: scale.flip, scale: scale.scale,
                zero: scale.zero, y: y.address)
        }
    }

    /// The same for rows of as many values as there are scales.
    @inline(never)
    public func dequantizeRows(
        _ x: Span<UInt8>, scales: Span<Float>, zeros: Span<Float>?, isSigned: Bool,
        y: inout MutableSpan<Float>
    ) {
        if x.isEmpty { return }
        let columns = scales.count
        precondition(x.count == y.count && x.count % columns == 0, "whole rows, a number a byte")
        let zeroAddress = unsafe Self.zeroAddress(zeros, columns)
        let flip: UInt8 = isSigned ? 0x80 : 0
        switch byteLevel {
        case .portable:
            unsafe KernelsPortable.dequantizeByteRows(
                x.address, rows: x.count / columns, columns: columns, flip: flip,
                scales: scales.address, zeros: zeroAddress, y: y.address)
        case .v3:
            unsafe KernelsV3.dequantizeByteRows(
                x.address, rows: x.count / columns, columns: columns, flip: flip,
                scales: scales.address, zeros: zeroAddress, y: y.address)
        case .vnni:
            unsafe KernelsVNNI.dequantizeByteRows(
                x.address, rows: x.count / columns, columns: columns, flip: flip,
                scales: scales.address, zeros: zeroAddress, y: y.address)
        }
    }

    private static func zeroAddress(_ zeros: Span<Float>?, _ columns: Int) -> UnsafePointer<Float>?
    {
        guard let zeros else { return nil }
        precondition(zeros.count == columns, "a zero point a column")
        return unsafe zeros.address
    }

    /// The sum, or the product, of two lists of quantized numbers, computed in float32 and quantized.
    @inline(never)
    public func pair(
        _ x: Span<UInt8>, _ a: ByteScale, _ z: Span<UInt8>, _ b: ByteScale, isProduct: Bool,
        _ result: ByteScale, y: inout MutableSpan<UInt8>
    ) {
        precondition(x.count == y.count && z.count == y.count, "lists of one length")
        let zero = Int32(result.zeroPoint)
        switch byteLevel {
        case .portable:
            unsafe KernelsPortable.pairBytes(
                a, x.address, b, z.address, isProduct: isProduct, count: x.count,
                scale: result.scale, low: result.low, high: result.high, zero: zero, y: y.address)
        case .v3:
            unsafe KernelsV3.pairBytes(
                a, x.address, b, z.address, isProduct: isProduct, count: x.count,
                scale: result.scale, low: result.low, high: result.high, zero: zero, y: y.address)
        case .vnni:
            unsafe KernelsVNNI.pairBytes(
                a, x.address, b, z.address, isProduct: isProduct, count: x.count,
                scale: result.scale, low: result.low, high: result.high, zero: zero, y: y.address)
        }
    }

    /// y = table[x]: any function of a byte.
    @inline(never)
    public func map(_ x: Span<UInt8>, table: Span<UInt8>, y: inout MutableSpan<UInt8>) {
        precondition(x.count == y.count && table.count == 256, "a table has a byte a byte")
        unsafe KernelsPortable.mapBytes(
            x.address, count: x.count, table: table.address, y: y.address)
    }

    /// The least and the greatest of numbers and zero; what is no number counts nothing.
    @inline(never)
    public func range(_ x: Span<Float>) -> (low: Float, high: Float) {
        switch byteLevel {
        case .portable: unsafe KernelsPortable.rangeOfFloats(x.address, count: x.count)
        case .v3: unsafe KernelsV3.rangeOfFloats(x.address, count: x.count)
        case .vnni: unsafe KernelsVNNI.rangeOfFloats(x.address, count: x.count)
        }
    }
}
