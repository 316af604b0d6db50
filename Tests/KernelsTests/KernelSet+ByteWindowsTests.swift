import Kernels
import KernelsPortable
import Primitives
import Testing

private let shapes = [
    WindowShape(
        channels: 16, sizes: (1, 5, 9), outputs: (1, 5, 9), kernel: (1, 3, 3),
        strides: (1, 1, 1), dilations: (1, 1, 1), pads: (0, 1, 1)),
    WindowShape(
        channels: 21, sizes: (1, 7, 12), outputs: (1, 3, 5), kernel: (1, 3, 4),
        strides: (1, 2, 2), dilations: (1, 1, 1), pads: (0, 0, 0)),
    WindowShape(
        channels: 3, sizes: (3, 4, 5), outputs: (2, 2, 2), kernel: (2, 2, 3), strides: (2, 3, 2),
        dilations: (1, 2, 1), pads: (1, 1, 1)),
]

/// The places in x under a window, with their taps, for every image, output pixel and channel.
private func windows(_ s: WindowShape, images: Int) -> [[(tap: Int, place: Int)]] {
    var result: [[(tap: Int, place: Int)]] = []
    for pixel in 0..<images * s.outputPixels {
        let at = pixel % s.outputPixels
        let image = pixel / s.outputPixels
        let start = (
            at / (s.outputs.1 * s.outputs.2) * s.strides.0 - s.pads.0,
            at / s.outputs.2 % s.outputs.1 * s.strides.1 - s.pads.1,
            at % s.outputs.2 * s.strides.2 - s.pads.2
        )
        for channel in 0..<s.channels {
            var found: [(tap: Int, place: Int)] = []
            for tap in 0..<s.taps {
                let z = start.0 + tap / (s.kernel.1 * s.kernel.2) * s.dilations.0
                let y = start.1 + tap / s.kernel.2 % s.kernel.1 * s.dilations.1
                let x = start.2 + tap % s.kernel.2 * s.dilations.2
                guard z >= 0, y >= 0, x >= 0, z < s.sizes.0, y < s.sizes.1, x < s.sizes.2 else {
                    continue
                }
                let inside = (z * s.sizes.1 + y) * s.sizes.2 + x
                found.append((tap, (image * s.inputPixels + inside) * s.channels + channel))
            }
            result.append(found)
        }
    }
    return result
}

@Test(arguments: KernelSet.allBytes, [false, true])
func theGreatestByteIsThatOfItsType(kernels: KernelSet, isSigned: Bool) {
    var random = SeededGenerator(21)
    for s in shapes {
        let x = random.bytes(2 * s.inputPixels * s.channels)
        let (values, pixels) = (numbers(x, isSigned: isSigned), 2 * s.outputPixels)
        var y = [UInt8](repeating: 7, count: pixels * s.channels)
        var target = y.mutableSpan
        kernels.maxPool(x.span, s, isSigned: isSigned, pixels: 0..<3, y: &target)
        kernels.maxPool(x.span, s, isSigned: isSigned, pixels: 3..<pixels, y: &target)
        let wanted = windows(s, images: 2).map { taps in
            taps.map { values[$0.place] }.max() ?? (isSigned ? -128 : 0)
        }
        #expect(numbers(y, isSigned: isSigned) == wanted)
    }
}

@Test(arguments: KernelSet.allBytes, [false, true])
func aFilterAChannelSumsTheTapsInside(kernels: KernelSet, isSigned: Bool) {
    var random = SeededGenerator(22)
    for (s, greatest) in shapes.flatMap({ s in [128, 255].map { (s, $0) } }) {
        let x = random.bytes(2 * s.inputPixels * s.channels)
        let (values, pixels) = (numbers(x, isSigned: isSigned), 2 * s.outputPixels)
        let scale = ByteScale(scale: 1, zeroPoint: isSigned ? -7 : 200, isSigned: isSigned)
        // Weights less any zero point; the ends are met.
        let weights = (0..<s.taps * s.channels).map {
            $0 % 7 == 0 ? -greatest : Int.random(in: -greatest...greatest, using: &random)
        }
        let filters = ByteRowFilters(weights, taps: s.taps, channels: s.channels)
        #expect(filters.isNarrow == (greatest == 128))
        let bias = (0..<s.channels).map { _ in Int32.random(in: -999...999, using: &random) }
        let factors = random.floats(s.channels, in: 0.0001...0.01)
        let result = ByteScale(scale: 1, zeroPoint: 3, isSigned: isSigned)
        var sums = [Int32](repeating: 7, count: pixels * s.channels)
        var sumTarget = sums.mutableSpan
        kernels.depthwise(
            x.span, s, scale: scale, filters: filters,
            ByteEnding(columns: s.channels, bias: bias), pixels: 0..<pixels, y: &sumTarget)
        var bytes = [UInt8](repeating: 7, count: pixels * s.channels)
        var target = bytes.mutableSpan
        kernels.depthwise(
            x.span, s, scale: scale, filters: filters,
            ByteEnding(columns: s.channels, bias: bias, scales: factors, result: result),
            pixels: 0..<pixels, y: &target)
        for (place, taps) in windows(s, images: 2).enumerated() {
            let channel = place % s.channels
            let sum = taps.reduce(Int(bias[channel])) {
                $0 + (values[$1.place] - scale.zeroPoint)
                    * weights[channel * s.taps + $1.tap]
            }
            #expect(Int(sums[place]) == sum)
            let wanted = Reference.quantized(
                Float(sum) * factors[channel], zero: 3, isSigned: isSigned)
            #expect(numbers([bytes[place]], isSigned: isSigned)[0] == wanted)
        }
    }
}

@Test func linesOfBytesArePaddedWithWhatIsAskedFor() {
    var random = SeededGenerator(23)
    let s = shapes[0]
    let x = random.bytes(2 * s.inputPixels * s.channels)
    let padded = (1, 8, 11)
    var y = [UInt8](repeating: 1, count: 2 * 8 * 11 * 16)
    var target = y.mutableSpan
    for lines in [0..<5, 5..<16] {
        KernelSet.best.padLines(x.span, s, padded: padded, fill: 77, lines: lines, y: &target)
    }
    for image in 0..<2 {
        for row in 0..<8 {
            for column in 0..<11 {
                let isInside = (1..<6).contains(row) && (1..<10).contains(column)
                let from = ((image * 5 + row - 1) * 9 + column - 1) * 16
                let place = ((image * 8 + row) * 11 + column) * 16
                let wanted =
                    isInside ? Array(x[from..<from + 16]) : [UInt8](repeating: 77, count: 16)
                #expect(Array(y[place..<place + 16]) == wanted)
            }
        }
    }
}
