import KernelsPortable
import KernelsV3
import Primitives

// Images whose channels lie last: a pixel's channels are neighbours, so that a convolution is a matrix
// product over pixels. Output pixels count through all images; a caller may give a range of them to
// each of several threads, which changes no bit.
extension KernelSet {
    /// Where the rows of a convolution go, and what happens to them on the way.
    public struct RowEnding {
        /// Floats from one output pixel to the next.
        let stride: Int
        let rectifies: Bool

        /// - Parameters:
        ///   - stride: floats from one output pixel to the next (all groups' filters).
        ///   - rectifies: max(value, 0), at the very end.
        public init(stride: Int, rectifies: Bool) {
            self.stride = stride
            self.rectifies = rectifies
        }
    }

    /// y[pixel, filter] = activation(Σ window(pixel) · filter + bias + residual) for some output pixels.
    ///
    /// `x` holds padded images from `base` on; a window is a run of `shape.run` floats at each of
    /// `tapOffsets`. `filters` holds the taps' runs one behind the other: k = taps · run. Filter 0 is
    /// written to `y[column]` of pixel 0, `column` being the first filter of a group; `bias` holds the
    /// group's values, `residual` is laid out as `y`. `part` is a range of the filters, from a multiple
    /// of 16 on. Sums run tap by tap from zero upwards, then bias
    /// and residual are added.
    /// - Cost: 2 · pixels · k · n operations, without a copy of the windows.
    @inline(never)
    public func convolve(
        _ x: Span<Float>, base: Int, _ shape: ConvolutionShape, tapOffsets: Span<Int>,
        pixels: Range<Int>, filters: PackedMatrix, part: Range<Int>, bias: Span<Float>?,
        residual: Span<Float>?,
        _ ending: RowEnding, y: inout MutableSpan<Float>, column: Int
    ) {
        if pixels.isEmpty || part.isEmpty { return }
        precondition(
            part.lowerBound >= 0 && part.upperBound <= filters.n
                && part.lowerBound % PackedMatrix.panelColumns == 0, "a part starts at a panel")
        let (outputs, steps) = (shape.outputs, shape.steps)
        precondition(
            min(outputs.0, outputs.1, outputs.2) > 0 && min(steps.0, steps.1, steps.2) >= 0
                && shape.imageStride >= 0 && pixels.lowerBound >= 0,
            "windows move forwards over pixels that are there")
        precondition(filters.k == area(tapOffsets.count, shape.run), "a filter has a value a tap")
        var reach = 0
        for index in tapOffsets.indices {
            precondition(tapOffsets[index] >= 0, "a tap lies behind its window's start")
            reach = max(reach, tapOffsets[index])
        }
        let images = (pixels.upperBound - 1) / shape.pixelCount
        let last =
            area(images, shape.imageStride) + area(outputs.0 - 1, steps.0)
            + area(outputs.1 - 1, steps.1) + area(outputs.2 - 1, steps.2)
        precondition(
            base >= 0 && last + reach + shape.run <= x.count - base, "windows lie inside of x")
        precondition(
            column >= 0 && ending.stride >= column + filters.n
                && area(pixels.upperBound, ending.stride) <= y.count, "there is room for each pixel"
        )
        var biasAddress: UnsafePointer<Float>?
        if let bias {
            precondition(bias.count == filters.n, "a bias holds one value a filter")
            biasAddress = unsafe bias.address + part.lowerBound
        }
        let column = column + part.lowerBound
        let panels = part.lowerBound * filters.k
        var residualAddress: UnsafePointer<Float>?
        if let residual {
            precondition(residual.count == y.count, "a residual is laid out as the result")
            residualAddress = unsafe residual.address + column
        }
        let weights = filters.memory.span(as: Float.self)
        switch level {
        case .portable:
            unsafe KernelsPortable.convRowsF32(
                x.address + base, shape, tapOffsets: tapOffsets.address, taps: tapOffsets.count,
                rows: pixels, filters: weights.address + panels, columns: part.count,
                bias: biasAddress,
                residual: residualAddress, rectifies: ending.rectifies, y: y.address + column,
                stride: ending.stride)
        case .v3:
            unsafe KernelsV3.convRowsF32(
                x.address + base, shape, tapOffsets: tapOffsets.address, taps: tapOffsets.count,
                rows: pixels, filters: weights.address + panels, columns: part.count,
                bias: biasAddress,
                residual: residualAddress, rectifies: ending.rectifies, y: y.address + column,
                stride: ending.stride)
        }
    }

    /// Output tiles of all images that Winograd's algorithm cuts an image into.
    public static func winogradTiles(_ shape: WindowShape, tile: Int, images: Int) -> Int {
        let across = (shape.outputs.2 + tile - 1) / tile
        let down = (shape.outputs.1 + tile - 1) / tile
        return area(images, area(across, down))
    }

    /// v[point, tile, channel] = Bᵀ · d · B, where d is the patch of x under an output tile of
    /// `tile` × `tile` pixels (2 or 4) and point counts the (tile + 2)² values of the result.
    ///
    /// Windows are 3 × 3 with strides and dilations of 1 over images of one depth; `shape.channels` is a
    /// multiple of 8.
    /// - Cost: about 4 operations a value of v.
    @inline(never)
    public func winogradInput(
        _ x: Span<Float>, _ shape: WindowShape, tile: Int, tiles: Range<Int>,
        v: inout MutableSpan<Float>
    ) {
        if tiles.isEmpty { return }
        let images = checkWinograd(shape, tile, tiles)
        precondition(
            area(images, area(shape.inputPixels, shape.channels)) <= x.count,
            "the input holds every image")
        precondition(
            area((tile + 2) * (tile + 2), area(tiles.count, shape.channels)) <= v.count,
            "there is room for every point")
        switch level {
        case .portable:
            unsafe KernelsPortable.winogradInputF32(
                x.address, shape, tile: tile, first: tiles.lowerBound, count: tiles.count,
                v: v.address)
        case .v3:
            unsafe KernelsV3.winogradInputF32(
                x.address, shape, tile: tile, first: tiles.lowerBound, count: tiles.count,
                v: v.address)
        }
    }

    /// y = activation(Aᵀ · m · A + bias + residual) for some tiles: the way back.
    ///
    /// `m[point, tile, filter]` are the products; `shape.channels` counts filters, a multiple of 8.
    @inline(never)
    public func winogradOutput(
        _ m: Span<Float>, _ shape: WindowShape, tile: Int, tiles: Range<Int>, bias: Span<Float>?,
        residual: Span<Float>?, rectifies: Bool, y: inout MutableSpan<Float>
    ) {
        if tiles.isEmpty { return }
        let images = checkWinograd(shape, tile, tiles)
        precondition(
            area((tile + 2) * (tile + 2), area(tiles.count, shape.channels)) <= m.count,
            "every point is there")
        precondition(
            area(images, area(shape.outputPixels, shape.channels)) <= y.count,
            "the output has room for every image")
        var biasAddress: UnsafePointer<Float>?
        if let bias {
            precondition(bias.count == shape.channels, "a bias holds one value a filter")
            biasAddress = unsafe bias.address
        }
        var residualAddress: UnsafePointer<Float>?
        if let residual {
            precondition(residual.count == y.count, "a residual is laid out as the result")
            residualAddress = unsafe residual.address
        }
        switch level {
        case .portable:
            unsafe KernelsPortable.winogradOutputF32(
                m.address, shape, tile: tile, first: tiles.lowerBound, count: tiles.count,
                bias: biasAddress, residual: residualAddress, rectifies: rectifies, y: y.address)
        case .v3:
            unsafe KernelsV3.winogradOutputF32(
                m.address, shape, tile: tile, first: tiles.lowerBound, count: tiles.count,
                bias: biasAddress, residual: residualAddress, rectifies: rectifies, y: y.address)
        }
    }

    /// Checks what both ways have in common; returns how many images the tiles reach into.
    private func checkWinograd(_ shape: WindowShape, _ tile: Int, _ tiles: Range<Int>) -> Int {
        precondition(tile == 2 || tile == 4, "a tile is 2 × 2 or 4 × 4")
        precondition(
            shape.kernel == (1, 3, 3) && shape.strides == (1, 1, 1)
                && shape.dilations == (1, 1, 1) && shape.sizes.0 == 1 && shape.outputs.0 == 1
                && min(shape.outputs.1, shape.outputs.2) > 0 && tiles.lowerBound >= 0
                && shape.channels > 0 && shape.channels % 8 == 0,
            "windows are 3 × 3 over whole vectors of channels")
        let each = Self.winogradTiles(shape, tile: tile, images: 1)
        return (tiles.upperBound - 1) / each + 1
    }
}
