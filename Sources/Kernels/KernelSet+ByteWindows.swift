import KernelsPortable
import KernelsV3
import KernelsVNNI
import Primitives

// Sliding windows over channels-last images of bytes; see KernelSet+WindowRows.swift.
extension KernelSet {
    /// The greatest byte of each channel under each window.
    @inline(never)
    public func maxPool(
        _ x: Span<UInt8>, _ shape: WindowShape, isSigned: Bool, pixels: Range<Int>,
        y: inout MutableSpan<UInt8>
    ) {
        if pixels.isEmpty { return }
        checkWindows(x.count, shape, pixels, y.count)
        let flip: UInt8 = isSigned ? 0x80 : 0
        switch byteLevel {
        case .portable:
            unsafe KernelsPortable.maxPoolByteRows(
                x.address, shape, flip: flip, rows: pixels, y: y.address)
        case .v3:
            unsafe KernelsV3.maxPoolByteRows(
                x.address, shape, flip: flip, rows: pixels, y: y.address)
        case .vnni:
            unsafe KernelsVNNI.maxPoolByteRows(
                x.address, shape, flip: flip, rows: pixels, y: y.address)
        }
    }

    /// A convolution where each channel has one filter of its own: sums over the taps that lie inside,
    /// ended as `multiply` says.
    @inline(never)
    public func depthwise(
        _ x: Span<UInt8>, _ shape: WindowShape, scale: ByteScale, filters: ByteRowFilters,
        _ ending: ByteEnding, pixels: Range<Int>, y: inout MutableSpan<UInt8>
    ) {
        if pixels.isEmpty { return }
        checkWindows(x.count, shape, pixels, y.count)
        unsafe depthwise(x, shape, scale, filters, ending, pixels, .bytes(y.address))
    }

    /// The same with sums as they are.
    @inline(never)
    public func depthwise(
        _ x: Span<UInt8>, _ shape: WindowShape, scale: ByteScale, filters: ByteRowFilters,
        _ ending: ByteEnding, pixels: Range<Int>, y: inout MutableSpan<Int32>
    ) {
        if pixels.isEmpty { return }
        checkWindows(x.count, shape, pixels, y.count)
        unsafe depthwise(x, shape, scale, filters, ending, pixels, .sums(y.address))
    }

    private func depthwise(
        _ x: Span<UInt8>, _ shape: WindowShape, _ scale: ByteScale, _ filters: ByteRowFilters,
        _ ending: ByteEnding, _ pixels: Range<Int>, _ target: ByteProductTarget
    ) {
        let ending = ending.kernelEnding(columns: shape.channels)
        precondition(
            filters.taps == shape.taps && filters.channels == shape.channels,
            "a weight a tap and channel")
        let weights = filters.values.span
        switch byteLevel {
        case .portable:
            unsafe KernelsPortable.depthwiseByteRows(
                x.address, shape, flip: scale.flip, zero: scale.zero, weights: weights.address,
                ending: ending, rows: pixels, target: target, isNarrow: filters.isNarrow)
        case .v3:
            unsafe KernelsV3.depthwiseByteRows(
                x.address, shape, flip: scale.flip, zero: scale.zero, weights: weights.address,
                ending: ending, rows: pixels, target: target, isNarrow: filters.isNarrow)
        case .vnni:
            unsafe KernelsVNNI.depthwiseByteRows(
                x.address, shape, flip: scale.flip, zero: scale.zero, weights: weights.address,
                ending: ending, rows: pixels, target: target, isNarrow: filters.isNarrow)
        }
    }

    /// Some lines of images with `fill` around them, as `padLines` for floats does it.
    @inline(never)
    public func padLines(
        _ x: Span<UInt8>, _ shape: WindowShape, padded: Triple, fill: UInt8, lines: Range<Int>,
        y: inout MutableSpan<UInt8>
    ) {
        if lines.isEmpty { return }
        checkLines(x.count, shape, padded, lines, y.count)
        unsafe KernelsPortable.padByteLines(
            x.address, shape, padded: padded, fill: fill, lines: lines, y: y.address)
    }
}
