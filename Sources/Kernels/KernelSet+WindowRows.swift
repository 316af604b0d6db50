import KernelsPortable
import KernelsV3
import Primitives

// Sliding windows over images whose channels lie last. `pixels` is a range of output pixels, counted
// through all images; the taps of a window that hang over the edge count nothing.
extension KernelSet {
    /// The greatest value of each channel under each window; NaN where one is NaN.
    @inline(never)
    public func maxPool(
        _ x: Span<Float>, _ shape: WindowShape, pixels: Range<Int>, y: inout MutableSpan<Float>
    ) {
        if pixels.isEmpty { return }
        checkWindows(x.count, shape, pixels, y.count)
        switch level {
        case .portable:
            unsafe KernelsPortable.maxPoolRowsF32(x.address, shape, rows: pixels, y: y.address)
        case .v3: unsafe KernelsV3.maxPoolRowsF32(x.address, shape, rows: pixels, y: y.address)
        }
    }

    /// The sum of each channel under each window divided by the pixel's divisor; 0 where that is 0.
    @inline(never)
    public func meanPool(
        _ x: Span<Float>, _ shape: WindowShape, divisors: Span<Float>, pixels: Range<Int>,
        y: inout MutableSpan<Float>
    ) {
        if pixels.isEmpty { return }
        checkWindows(x.count, shape, pixels, y.count)
        precondition(divisors.count == shape.outputPixels, "a divisor an output pixel")
        switch level {
        case .portable:
            unsafe KernelsPortable.meanPoolRowsF32(
                x.address, shape, divisors: divisors.address, rows: pixels, y: y.address)
        case .v3:
            unsafe KernelsV3.meanPoolRowsF32(
                x.address, shape, divisors: divisors.address, rows: pixels, y: y.address)
        }
    }

    /// A convolution where each channel has one filter of its own: activation(Σ + bias + residual).
    ///
    /// `weights` holds a row of all channels for each tap; `residual` is laid out as `y`.
    /// - Cost: 2 · pixels · taps · channels operations, bound by memory.
    @inline(never)
    public func depthwise(
        _ x: Span<Float>, _ shape: WindowShape, weights: Span<Float>, bias: Span<Float>?,
        residual: Span<Float>?, rectifies: Bool, pixels: Range<Int>, y: inout MutableSpan<Float>
    ) {
        if pixels.isEmpty { return }
        checkWindows(x.count, shape, pixels, y.count)
        precondition(weights.count == area(shape.taps, shape.channels), "a weight a tap")
        var biasAddress: UnsafePointer<Float>?
        if let bias {
            precondition(bias.count == shape.channels, "a bias holds one value a channel")
            biasAddress = unsafe bias.address
        }
        var residualAddress: UnsafePointer<Float>?
        if let residual {
            precondition(residual.count == y.count, "a residual is laid out as the result")
            residualAddress = unsafe residual.address
        }
        switch level {
        case .portable:
            unsafe KernelsPortable.depthwiseRowsF32(
                x.address, shape, weights: weights.address, bias: biasAddress,
                residual: residualAddress, rectifies: rectifies, rows: pixels, y: y.address)
        case .v3:
            unsafe KernelsV3.depthwiseRowsF32(
                x.address, shape, weights: weights.address, bias: biasAddress,
                residual: residualAddress, rectifies: rectifies, rows: pixels, y: y.address)
        }
    }

    /// Some lines of images with zeros around them: `padded` are the sizes of an image of y, in which
    /// the image of x starts at `shape.pads`. Lines count through all images of y.
    /// - Cost: a copy.
    @inline(never)
    public func padLines(
        _ x: Span<Float>, _ shape: WindowShape, padded: Triple, lines: Range<Int>,
        y: inout MutableSpan<Float>
    ) {
        if lines.isEmpty { return }
        checkLines(x.count, shape, padded, lines, y.count)
        switch level {
        case .portable:
            unsafe KernelsPortable.padLinesF32(
                x.address, shape, padded: padded, lines: lines, y: y.address)
        case .v3:
            unsafe KernelsV3.padLinesF32(
                x.address, shape, padded: padded, lines: lines, y: y.address)
        }
    }

    func checkLines(
        _ x: Int, _ shape: WindowShape, _ padded: Triple, _ lines: Range<Int>, _ y: Int
    ) {
        precondition(
            min(shape.pads.0, shape.pads.1, shape.pads.2) >= 0
                && padded.0 >= shape.sizes.0 + shape.pads.0
                && padded.1 >= shape.sizes.1 + shape.pads.1
                && padded.2 >= shape.sizes.2 + shape.pads.2
                && min(shape.sizes.0, shape.sizes.1, shape.sizes.2) >= 0 && lines.lowerBound >= 0,
            "the image lies inside of the padded one")
        precondition(
            area(lines.upperBound, area(padded.2, shape.channels)) <= y, "lines are inside")
        let images = (lines.upperBound - 1) / area(padded.0, padded.1) + 1
        let pixels = area(area(shape.sizes.0, shape.sizes.1), shape.sizes.2)
        precondition(
            area(images, area(pixels, shape.channels)) <= x, "the input holds every image")
    }

    func checkWindows(_ x: Int, _ shape: WindowShape, _ pixels: Range<Int>, _ y: Int) {
        let (kernel, strides, dilations) = (shape.kernel, shape.strides, shape.dilations)
        precondition(
            min(kernel.0, kernel.1, kernel.2) > 0 && min(strides.0, strides.1, strides.2) > 0
                && min(dilations.0, dilations.1, dilations.2) > 0
                && min(shape.pads.0, shape.pads.1, shape.pads.2) >= 0,
            "a window has taps and moves forwards")
        precondition(
            min(shape.outputs.0, shape.outputs.1, shape.outputs.2) > 0 && pixels.lowerBound >= 0,
            "there are output pixels")
        let images = (pixels.upperBound - 1) / shape.outputPixels + 1
        let pixelsIn = area(area(shape.sizes.0, shape.sizes.1), shape.sizes.2)
        precondition(
            area(images, area(pixelsIn, shape.channels)) <= x, "the input holds every image")
        precondition(
            area(pixels.upperBound, shape.channels) <= y, "the output has room for every pixel")
    }
}
