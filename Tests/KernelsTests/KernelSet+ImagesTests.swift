import Kernels
import Primitives
import Testing

/// A convolution over channels-last images, tap by tap in float64.
private struct Images {
    var (count, height, width, channels, filters) = (2, 5, 7, 16, 24)
    var kernel = (3, 3)
    var stride = 1
    var pad = 1

    var outputs: (Int, Int) {
        (
            (height + 2 * pad - kernel.0) / stride + 1, (width + 2 * pad - kernel.1) / stride + 1
        )
    }
    var window: WindowShape {
        WindowShape(
            channels: channels, sizes: (1, height, width), outputs: (1, outputs.0, outputs.1),
            kernel: (1, kernel.0, kernel.1), strides: (1, stride, stride), dilations: (1, 1, 1),
            pads: (0, pad, pad))
    }

    /// `weights` holds taps × channels × filters.
    func reference(_ x: [Float], _ weights: [Float], _ bias: [Float], _ residual: [Float])
        -> [Float]
    {
        var y: [Float] = []
        for image in 0..<count {
            for row in 0..<outputs.0 {
                for column in 0..<outputs.1 {
                    for filter in 0..<filters {
                        var sum = 0.0
                        for tap in 0..<kernel.0 * kernel.1 {
                            let (v, u) = (
                                row * stride - pad + tap / kernel.1,
                                column * stride - pad + tap % kernel.1
                            )
                            guard v >= 0, u >= 0, v < height, u < width else { continue }
                            for channel in 0..<channels {
                                let at = ((image * height + v) * width + u) * channels + channel
                                sum +=
                                    Double(x[at])
                                    * Double(
                                        weights[(tap * channels + channel) * filters + filter])
                            }
                        }
                        sum += Double(bias[filter]) + Double(residual[y.count])
                        y.append(Float(max(sum, 0)))
                    }
                }
            }
        }
        return y
    }
}

private func expectNear(_ actual: [Float], _ expected: [Float], _ bound: Float) {
    #expect(actual.count == expected.count)
    let worst = zip(actual, expected).map { abs($0 - $1) }.max() ?? 0
    #expect(worst <= bound, "off by \(worst)")
}

@Test(arguments: KernelSet.all) func windowsAreMultipliedWhereTheyLie(kernels: KernelSet) {
    var random = SeededGenerator(71)
    let cases = [
        Images(), Images(count: 1, height: 3, width: 3, channels: 3, filters: 5, kernel: (3, 3)),
        Images(count: 3, height: 9, width: 6, channels: 5, filters: 17, kernel: (2, 3), stride: 2),
        Images(count: 1, height: 16, width: 15, channels: 130, filters: 16, kernel: (3, 3)),
        Images(count: 2, height: 4, width: 4, channels: 1, filters: 100, kernel: (1, 1), stride: 3),
        // Twelve neighbours at a time: half a panel of filters, dense or with room behind it.
        Images(count: 2, height: 5, width: 28, channels: 1, filters: 6, kernel: (5, 5)),
        Images(count: 1, height: 3, width: 30, channels: 2, filters: 8, kernel: (3, 3), stride: 2),
        Images(count: 2, height: 2, width: 13, channels: 3, filters: 3, kernel: (1, 1)),
        Images(count: 1, height: 4, width: 25, channels: 4, filters: 21, kernel: (3, 3)),
    ]
    for images in cases {
        let taps = images.kernel.0 * images.kernel.1
        let x = random.floats(images.count * images.height * images.width * images.channels)
        let weights = random.floats(taps * images.channels * images.filters)
        let bias = random.floats(images.filters)
        let pixels = images.count * images.outputs.0 * images.outputs.1
        let residual = random.floats(pixels * images.filters)
        let expected = images.reference(x, weights, bias, residual)
        let (high, wide) = (images.height + 2 * images.pad, images.width + 2 * images.pad)
        var padded = [Float](repeating: .nan, count: images.count * high * wide * images.channels)
        var paddedTarget = padded.mutableSpan
        kernels.padLines(
            x.span, images.window, padded: (1, high, wide), lines: 0..<images.count * high,
            y: &paddedTarget)
        let packed = PackedMatrix(
            packing: weights.span, k: taps * images.channels, n: images.filters, transposed: false)
        let offsets = (0..<images.kernel.0).map { $0 * wide * images.channels }
        let shape = ConvolutionShape(
            outputs: (1, images.outputs.0, images.outputs.1),
            imageStride: high * wide * images.channels,
            steps: (0, images.stride * wide * images.channels, images.stride * images.channels),
            run: images.kernel.1 * images.channels)
        /// The pixels and filters cut at these places.
        func convolved(_ pixelCuts: [Int], _ filterCuts: [Int]) -> [Float] {
            var y = [Float](repeating: .nan, count: pixels * images.filters)
            var target = y.mutableSpan
            for (first, end) in zip(pixelCuts, pixelCuts.dropFirst()) {
                for (left, right) in zip(filterCuts, filterCuts.dropFirst()) {
                    kernels.convolve(
                        padded.span, base: 0, shape, tapOffsets: offsets.span, pixels: first..<end,
                        filters: packed, part: left..<right, bias: bias.span,
                        residual: residual.span,
                        .init(stride: images.filters, rectifies: true), y: &target, column: 0)
                }
            }
            return y
        }
        let whole = convolved([0, pixels], [0, images.filters])
        expectNear(whole, expected, 2e-4)
        // Promise 1: parts change no bit.
        let split = images.filters > 16 ? [0, 16, images.filters] : [0, images.filters]
        let parts = convolved([0, 1, pixels / 2, pixels], split)
        #expect(bits(parts) == bits(whole))
    }
}

@Test(arguments: KernelSet.all, [2, 4])
func winogradAgreesWithPlainSumsAndDoesNotDependOnTheTilesAtOnce(kernels: KernelSet, tile: Int) {
    var random = SeededGenerator(72)
    let g: [[Float]] =
        tile == 2
        ? [[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]]
        : [
            [0.25, 0, 0], [-1 / 6, -1 / 6, -1 / 6], [-1 / 6, 1 / 6, -1 / 6],
            [1 / 24, 1 / 12, 1 / 6], [1 / 24, -1 / 12, 1 / 6], [0, 0, 1],
        ]
    for images in [
        Images(), Images(count: 3, height: 9, width: 4, channels: 8, filters: 8, pad: 0),
    ] {
        let (channels, filters) = (images.channels, images.filters)
        let x = random.floats(images.count * images.height * images.width * channels)
        let weights = random.floats(9 * channels * filters)
        let bias = random.floats(filters)
        let size = images.count * images.outputs.0 * images.outputs.1 * filters
        let residual = random.floats(size)
        let expected = images.reference(x, weights, bias, residual)
        let points = (0..<g.count * g.count).map { point in
            var matrix = [Float](repeating: 0, count: channels * filters)
            for place in matrix.indices {
                for tap in 0..<9 {
                    matrix[place] +=
                        g[point / g.count][tap / 3] * g[point % g.count][tap % 3]
                        * weights[tap * channels * filters + place]
                }
            }
            return PackedMatrix(
                packing: matrix.span, k: channels, n: filters, transposed: false)
        }
        var other = images.window
        other.channels = filters
        let tiles = KernelSet.winogradTiles(images.window, tile: tile, images: images.count)
        func convolved(atOnce: Int) -> [Float] {
            var y = [Float](repeating: .nan, count: size)
            var target = y.mutableSpan
            var start = 0
            while start < tiles {
                let range = start..<min(start + atOnce, tiles)
                var v = [Float](repeating: .nan, count: points.count * range.count * channels)
                var m: [Float] = []
                var vTarget = v.mutableSpan
                kernels.winogradInput(
                    x.span, images.window, tile: tile, tiles: range, v: &vTarget)
                for point in points.indices {
                    let (vSize, mSize) = (range.count * channels, range.count * filters)
                    var product = [Float](repeating: .nan, count: mSize)
                    var productTarget = product.mutableSpan
                    kernels.gemm(
                        a: v.span.extracting(point * vSize..<(point + 1) * vSize), m: range.count,
                        b: points[point], c: &productTarget)
                    m.append(contentsOf: product)
                }
                kernels.winogradOutput(
                    m.span, other, tile: tile, tiles: range, bias: bias.span,
                    residual: residual.span, rectifies: true, y: &target)
                start = range.upperBound
            }
            return y
        }
        let whole = convolved(atOnce: tiles)
        expectNear(whole, expected, 2e-4)
        for atOnce in [1, 5, 7] { #expect(bits(convolved(atOnce: atOnce)) == bits(whole)) }
    }
}
