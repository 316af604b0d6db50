import KernelsPortable
import KernelsV3
import Primitives

extension KernelSet {
    /// Sizes along depth, height and width.
    public typealias Triple = (Int, Int, Int)

    /// Row r of `rows` = the window of output pixel `start + r` of one image: for each channel, each
    /// tap in row-major order; 0 where the window hangs over the edge.
    ///
    /// `x` holds the image from `base` on, channel by channel. Output pixel (z, y, x) has its first
    /// tap at (z, y, x) · strides - pads.
    /// - Cost: a copy of count · channels · taps values.
    @inline(never)
    public func gatherWindows(
        _ x: Span<Float>, base: Int, channels: Int, sizes: Triple, outputs: Triple, kernel: Triple,
        strides: Triple, dilations: Triple, pads: Triple, start: Int, count: Int,
        rows: inout MutableSpan<Float>
    ) {
        let plane = area(area(sizes.0, sizes.1), sizes.2)
        let taps = area(area(kernel.0, kernel.1), kernel.2)
        let pixels = area(area(outputs.0, outputs.1), outputs.2)
        precondition(
            base >= 0 && area(channels, plane) <= x.count - base, "the image lies inside its span")
        precondition(
            start >= 0 && count >= 0 && count <= pixels - start, "the pixels are the output's")
        precondition(
            area(count, area(channels, taps)) <= rows.count, "there is room for every window")
        let isPositive =
            min(strides.0, strides.1, strides.2) > 0
            && min(dilations.0, dilations.1, dilations.2) > 0 && min(pads.0, pads.1, pads.2) >= 0
        precondition(isPositive, "a window moves forwards")
        if count == 0 { return }
        switch level {
        case .portable:
            unsafe KernelsPortable.gatherWindowsF32(
                x.address + base, channels: channels, sizes: sizes, outputs: outputs,
                kernel: kernel, strides: strides, dilations: dilations, pads: pads, start: start,
                count: count, rows: rows.address)
        case .v3:
            unsafe KernelsV3.gatherWindowsF32(
                x.address + base, channels: channels, sizes: sizes, outputs: outputs,
                kernel: kernel, strides: strides, dilations: dilations, pads: pads, start: start,
                count: count, rows: rows.address)
        }
    }

    /// One plane of a depthwise convolution: y[pixel] = activation(Σ x[window] · weights + bias).
    ///
    /// `x` holds the plane, `weights` the filter in row-major order, `y` every output pixel. Where a
    /// window hangs over the edge, its taps outside count nothing. The activation is ReLU or none.
    /// - Cost: 2 · outputs · taps operations.
    @inline(never)
    public func slideWindow(
        _ x: Span<Float>, sizes: Triple, outputs: Triple, kernel: Triple, strides: Triple,
        dilations: Triple, pads: Triple, weights: Span<Float>, bias: Float, rectifies: Bool,
        y: inout MutableSpan<Float>
    ) {
        precondition(
            x.count == area(area(sizes.0, sizes.1), sizes.2), "the input holds the plane")
        precondition(
            weights.count == area(area(kernel.0, kernel.1), kernel.2), "a weight a tap")
        precondition(
            y.count == area(area(outputs.0, outputs.1), outputs.2), "a value an output pixel")
        let isPositive =
            min(strides.0, strides.1, strides.2) > 0
            && min(dilations.0, dilations.1, dilations.2) > 0 && min(pads.0, pads.1, pads.2) >= 0
            && min(kernel.0, kernel.1, kernel.2) > 0
        precondition(isPositive, "a window has taps and moves forwards")
        switch level {
        case .portable:
            unsafe KernelsPortable.slideWindowF32(
                x.address, sizes: sizes, outputs: outputs, kernel: kernel, strides: strides,
                dilations: dilations, pads: pads, weights: weights.address, bias: bias,
                rectifies: rectifies, y: y.address)
        case .v3:
            unsafe KernelsV3.slideWindowF32(
                x.address, sizes: sizes, outputs: outputs, kernel: kernel, strides: strides,
                dilations: dilations, pads: pads, weights: weights.address, bias: bias,
                rectifies: rectifies, y: y.address)
        }
    }

    /// y[base + column · stride + row] = x[row, column]: a row-major matrix written as columns.
    @inline(never)
    public func scatterColumns(
        _ x: Span<Float>, rows: Int, columns: Int, y: inout MutableSpan<Float>, base: Int,
        stride: Int
    ) {
        precondition(area(rows, columns) <= x.count, "the matrix lies inside its span")
        if rows == 0 || columns == 0 { return }
        precondition(
            base >= 0 && stride >= rows && area(columns - 1, stride) <= y.count - base - rows,
            "every column lies inside the target")
        switch level {
        case .portable:
            unsafe KernelsPortable.scatterColumnsF32(
                x.address, rows: rows, columns: columns, y: y.address + base, stride: stride)
        case .v3:
            unsafe KernelsV3.scatterColumnsF32(
                x.address, rows: rows, columns: columns, y: y.address + base, stride: stride)
        }
    }
}
