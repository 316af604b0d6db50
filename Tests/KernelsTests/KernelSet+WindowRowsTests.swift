import Kernels
import Primitives
import Testing

private let shapes = [
    WindowShape(
        channels: 8, sizes: (1, 5, 9), outputs: (1, 5, 9), kernel: (1, 3, 3), strides: (1, 1, 1),
        dilations: (1, 1, 1), pads: (0, 1, 1)),
    WindowShape(
        channels: 11, sizes: (1, 7, 12), outputs: (1, 3, 5), kernel: (1, 3, 4), strides: (1, 2, 2),
        dilations: (1, 1, 1), pads: (0, 0, 0)),
    WindowShape(
        channels: 3, sizes: (3, 4, 5), outputs: (2, 2, 2), kernel: (2, 2, 3), strides: (2, 3, 2),
        dilations: (1, 2, 1), pads: (1, 1, 1)),
]

/// The values under a window, with their taps, for every image, output pixel and channel in order.
private func windows(_ s: WindowShape, images: Int, _ x: [Float]) -> [[(tap: Int, value: Float)]] {
    var result: [[(tap: Int, value: Float)]] = []
    for image in 0..<images {
        for pixel in 0..<s.outputPixels {
            let (z, y, u) = (
                pixel / (s.outputs.1 * s.outputs.2), pixel / s.outputs.2 % s.outputs.1,
                pixel % s.outputs.2
            )
            for channel in 0..<s.channels {
                var found: [(tap: Int, value: Float)] = []
                for tap in 0..<s.taps {
                    let at = (
                        z * s.strides.0 - s.pads.0
                            + tap / (s.kernel.1 * s.kernel.2) * s.dilations.0,
                        y * s.strides.1 - s.pads.1 + tap / s.kernel.2 % s.kernel.1 * s.dilations.1,
                        u * s.strides.2 - s.pads.2 + tap % s.kernel.2 * s.dilations.2
                    )
                    guard at.0 >= 0, at.1 >= 0, at.2 >= 0, at.0 < s.sizes.0, at.1 < s.sizes.1,
                        at.2 < s.sizes.2
                    else { continue }
                    let place =
                        (image * s.inputPixels + (at.0 * s.sizes.1 + at.1) * s.sizes.2 + at.2)
                        * s.channels + channel
                    found.append((tap, x[place]))
                }
                result.append(found)
            }
        }
    }
    return result
}

@Test(arguments: KernelSet.all) func poolsOverRowsTakeTheTapsInside(kernels: KernelSet) {
    var random = SeededGenerator(81)
    for s in shapes {
        let images = 2
        var x = random.floats(images * s.inputPixels * s.channels)
        x[x.count / 2] = .nan
        let values = windows(s, images: images, x)
        let pixels = images * s.outputPixels
        var y = [Float](repeating: 7, count: pixels * s.channels)
        var target = y.mutableSpan
        kernels.maxPool(x.span, s, pixels: 0..<pixels / 2, y: &target)
        kernels.maxPool(x.span, s, pixels: pixels / 2..<pixels, y: &target)
        let greatest = values.map { window in
            window.contains { $0.value.isNaN }
                ? Float.nan : window.map(\.value).max() ?? -.infinity
        }
        #expect(y.map(\.isNaN) == greatest.map(\.isNaN))
        #expect(zip(y, greatest).allSatisfy { $0 == $1 || ($0.isNaN && $1.isNaN) })
        x[x.count / 2] = 0.25
        let divisors = (0..<s.outputPixels).map { Float($0 % 3) }
        var means = [Float](repeating: 7, count: y.count)
        var meansTarget = means.mutableSpan
        kernels.meanPool(x.span, s, divisors: divisors.span, pixels: 0..<pixels, y: &meansTarget)
        for (index, window) in windows(s, images: images, x).enumerated() {
            let divisor = divisors[index / s.channels % s.outputPixels]
            let expected = divisor == 0 ? 0 : window.reduce(0) { $0 + $1.value } / divisor
            #expect(abs(means[index] - expected) < 1e-5)
        }
    }
}

@Test(arguments: KernelSet.all) func depthwiseRowsGiveTheSumsInAnyParts(kernels: KernelSet) {
    var random = SeededGenerator(82)
    for s in shapes {
        let images = 2
        let x = random.floats(images * s.inputPixels * s.channels)
        let weights = random.floats(s.taps * s.channels)
        let bias = random.floats(s.channels)
        let pixels = images * s.outputPixels
        let residual = random.floats(pixels * s.channels)
        func made(_ cuts: [Int]) -> [Float] {
            var y = [Float](repeating: .nan, count: pixels * s.channels)
            var target = y.mutableSpan
            for (first, end) in zip(cuts, cuts.dropFirst()) {
                kernels.depthwise(
                    x.span, s, weights: weights.span, bias: bias.span, residual: residual.span,
                    rectifies: true, pixels: first..<end, y: &target)
            }
            return y
        }
        let whole = made([0, pixels])
        for (index, window) in windows(s, images: images, x).enumerated() {
            let channel = index % s.channels
            let sum = window.reduce(0.0) {
                $0 + Double($1.value) * Double(weights[$1.tap * s.channels + channel])
            }
            let expected = Float(max(sum + Double(bias[channel]) + Double(residual[index]), 0))
            #expect(abs(whole[index] - expected) < 1e-5)
        }
        #expect(bits(made([0, 1, 3, pixels / 2, pixels])) == bits(whole))
    }
}
