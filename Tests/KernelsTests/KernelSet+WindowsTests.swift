import Kernels
import Primitives
import Testing

/// A made-up sliding window in three axes.
private struct Window {
    var sizes = (1, 5, 7)
    var kernel = (1, 3, 2)
    var strides = (1, 1, 1)
    var dilations = (1, 1, 1)
    var pads = (0, 0, 0)

    var outputs: (Int, Int, Int) {
        func count(_ size: Int, _ kernel: Int, _ stride: Int, _ dilation: Int, _ pad: Int) -> Int {
            (size + 2 * pad - (kernel - 1) * dilation - 1) / stride + 1
        }
        return (
            count(sizes.0, kernel.0, strides.0, dilations.0, pads.0),
            count(sizes.1, kernel.1, strides.1, dilations.1, pads.1),
            count(sizes.2, kernel.2, strides.2, dilations.2, pads.2)
        )
    }
}

private let windows = [
    Window(),
    Window(sizes: (1, 1, 1), kernel: (1, 1, 1)),
    Window(sizes: (1, 9, 8), kernel: (1, 3, 3), strides: (1, 2, 3), pads: (0, 1, 1)),
    Window(sizes: (1, 1, 17), kernel: (1, 1, 4), dilations: (1, 1, 3), pads: (0, 0, 2)),
    Window(
        sizes: (4, 5, 6), kernel: (2, 3, 3), strides: (2, 1, 2), dilations: (1, 2, 1),
        pads: (1, 2, 1)),
]

@Test(arguments: KernelSet.all) func windowsAreGatheredTapByTap(kernels: KernelSet) {
    var random = SeededGenerator(41)
    for window in windows {
        let (sizes, outputs, kernel) = (window.sizes, window.outputs, window.kernel)
        let plane = sizes.0 * sizes.1 * sizes.2
        let taps = kernel.0 * kernel.1 * kernel.2
        let pixels = outputs.0 * outputs.1 * outputs.2
        for channels in [1, 3] {
            let base = 5
            let x = random.floats(base + channels * plane, in: -2...2)
            // The reference: every tap of every window looked up for itself.
            var expected: [Float] = []
            for pixel in 0..<pixels {
                let (z, y, column) = (
                    pixel / (outputs.1 * outputs.2), pixel / outputs.2 % outputs.1,
                    pixel % outputs.2
                )
                for channel in 0..<channels {
                    for tap in 0..<taps {
                        let at = (
                            z * window.strides.0 - window.pads.0
                                + tap / (kernel.1 * kernel.2) * window.dilations.0,
                            y * window.strides.1 - window.pads.1
                                + tap / kernel.2 % kernel.1 * window.dilations.1,
                            column * window.strides.2 - window.pads.2
                                + tap % kernel.2 * window.dilations.2
                        )
                        let isInside =
                            at.0 >= 0 && at.0 < sizes.0 && at.1 >= 0 && at.1 < sizes.1
                            && at.2 >= 0 && at.2 < sizes.2
                        let offset = (at.0 * sizes.1 + at.1) * sizes.2 + at.2
                        expected.append(isInside ? x[base + channel * plane + offset] : 0)
                    }
                }
            }
            for count in Set([pixels, 1, (pixels + 1) / 2]) {
                let start = pixels - count
                var rows = [Float](repeating: .nan, count: count * channels * taps)
                var target = rows.mutableSpan
                kernels.gatherWindows(
                    x.span, base: base, channels: channels, sizes: sizes, outputs: outputs,
                    kernel: kernel, strides: window.strides, dilations: window.dilations,
                    pads: window.pads, start: start, count: count, rows: &target)
                #expect(rows == Array(expected[(start * channels * taps)...]))
            }
        }
    }
}

@Test(arguments: KernelSet.all) func aMatrixIsWrittenAsColumns(kernels: KernelSet) {
    var random = SeededGenerator(42)
    for rows in [1, 2, 7, 8, 9, 16, 33] {
        for columns in [1, 3, 16, 17] {
            let x = random.floats(rows * columns, in: -1...1)
            let (base, stride) = (3, rows + 2)
            var y = [Float](repeating: 9, count: base + columns * stride)
            var target = y.mutableSpan
            kernels.scatterColumns(
                x.span, rows: rows, columns: columns, y: &target, base: base, stride: stride)
            var expected = [Float](repeating: 9, count: y.count)
            for row in 0..<rows {
                for column in 0..<columns {
                    expected[base + column * stride + row] = x[row * columns + column]
                }
            }
            #expect(y == expected)
        }
    }
}

@Test(arguments: KernelSet.all) func aSlidingWindowIsTheSumOfItsTaps(kernels: KernelSet) {
    var random = SeededGenerator(43)
    let wide = [
        Window(sizes: (1, 6, 40), kernel: (1, 3, 3), pads: (0, 1, 1)),
        Window(sizes: (1, 7, 41), kernel: (1, 3, 3), strides: (1, 2, 2), pads: (0, 1, 1)),
        Window(sizes: (1, 3, 33), kernel: (1, 2, 5), strides: (1, 1, 3), dilations: (1, 1, 2)),
        Window(sizes: (2, 4, 19), kernel: (2, 1, 2), strides: (1, 1, 2)),
    ]
    for window in windows + wide {
        let (sizes, outputs, kernel) = (window.sizes, window.outputs, window.kernel)
        let x = random.floats(sizes.0 * sizes.1 * sizes.2, in: -2...2)
        let weights = random.floats(kernel.0 * kernel.1 * kernel.2, in: -1...1)
        let bias: Float = 0.25
        let pixels = outputs.0 * outputs.1 * outputs.2
        for rectifies in [false, true] {
            var y = [Float](repeating: .nan, count: pixels)
            var target = y.mutableSpan
            kernels.slideWindow(
                x.span, sizes: sizes, outputs: outputs, kernel: kernel, strides: window.strides,
                dilations: window.dilations, pads: window.pads, weights: weights.span, bias: bias,
                rectifies: rectifies, y: &target)
            for pixel in 0..<pixels {
                let at = (
                    pixel / (outputs.1 * outputs.2) * window.strides.0 - window.pads.0,
                    pixel / outputs.2 % outputs.1 * window.strides.1 - window.pads.1,
                    pixel % outputs.2 * window.strides.2 - window.pads.2
                )
                var sum = Double(bias)
                for tap in weights.indices {
                    let z = at.0 + tap / (kernel.1 * kernel.2) * window.dilations.0
                    let row = at.1 + tap / kernel.2 % kernel.1 * window.dilations.1
                    let column = at.2 + tap % kernel.2 * window.dilations.2
                    guard z >= 0, z < sizes.0, row >= 0, row < sizes.1, column >= 0,
                        column < sizes.2
                    else { continue }
                    let value = x[(z * sizes.1 + row) * sizes.2 + column]
                    sum += Double(value) * Double(weights[tap])
                }
                let expected = rectifies ? max(sum, 0) : sum
                #expect(abs(Double(y[pixel]) - expected) < 1e-5)
            }
        }
    }
}
