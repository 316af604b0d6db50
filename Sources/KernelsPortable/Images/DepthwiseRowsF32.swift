import Primitives

// Depthwise convolution over channels-last images: vectors of channels, up to four output pixels at a
// time. Which pixels go together depends on their place in the image and on where a part begins; the sum
// of a pixel runs over its taps in row-major order in every case.

/// Each channel with a filter of its own. `weights` holds `channels` values a tap.
@inline(never)
public func depthwiseRowsF32(
    _ x: UnsafePointer<Float>, _ s: WindowShape, weights: UnsafePointer<Float>,
    bias: UnsafePointer<Float>?, residual: UnsafePointer<Float>?, rectifies: Bool,
    rows: Range<Int>, y: UnsafeMutablePointer<Float>
) {
    let end = DepthwiseEnd(bias: bias, residual: residual, rectifies: rectifies, y: y)
    let reach = (s.kernel.2 - 1) * s.dilations.2
    var row = rows.lowerBound
    while row < rows.upperBound {
        let (image, pixel) = row.quotientAndRemainder(dividingBy: s.outputPixels)
        let (line, first) = pixel.quotientAndRemainder(dividingBy: s.outputs.2)
        let (depth, height) = line.quotientAndRemainder(dividingBy: s.outputs.1)
        let taps = LineTaps(
            s, x + image * s.inputPixels * s.channels, weights,
            z: depth * s.strides.0 - s.pads.0, y: height * s.strides.1 - s.pads.1)
        let last = min(s.outputs.2, first + rows.upperBound - row)
        var column = first
        while column < last {
            let left = column * s.strides.2 - s.pads.2
            if column + 4 <= last, left >= 0, left + 3 * s.strides.2 + reach < s.sizes.2 {
                four(taps, left, end, row)
                column += 4
                row += 4
            } else {
                one(taps, left, end, row)
                column += 1
                row += 1
            }
        }
    }
}

/// The lines of taps that lie inside, for the output pixels of one line.
private struct LineTaps {
    let s: WindowShape
    let weights: UnsafePointer<Float>
    /// The image.
    let base: UnsafePointer<Float>
    /// Taps along depth and height that lie inside.
    let (depth, height): (Range<Int>, Range<Int>)
    let (z, y): (Int, Int)

    init(
        _ s: WindowShape, _ base: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, z: Int,
        y: Int
    ) {
        self.s = s
        self.base = base
        self.weights = weights
        (self.z, self.y) = (z, y)
        depth = Self.inside(z, s.kernel.0, s.dilations.0, s.sizes.0)
        height = Self.inside(y, s.kernel.1, s.dilations.1, s.sizes.1)
    }

    /// The taps of an axis that lie inside when the first stands at `start`.
    static func inside(_ start: Int, _ taps: Int, _ dilation: Int, _ size: Int) -> Range<Int> {
        let first = start >= 0 ? 0 : min((dilation - 1 - start) / dilation, taps)
        let end = start >= size ? 0 : min((size - 1 - start) / dilation + 1, taps)
        return first..<max(first, end)
    }

    /// Visits the lines in order: its pixel at column 0, and the weights of its first tap.
    @inline(__always)
    func visit(_ body: (UnsafePointer<Float>, UnsafePointer<Float>) -> Void) {
        for zTap in depth {
            for yTap in height {
                let pixel = (z + zTap * s.dilations.0) * s.sizes.1 + y + yTap * s.dilations.1
                let tap = (zTap * s.kernel.1 + yTap) * s.kernel.2
                body(base + pixel * s.sizes.2 * s.channels, weights + tap * s.channels)
            }
        }
    }
}

private struct DepthwiseEnd {
    let bias: UnsafePointer<Float>?
    let residual: UnsafePointer<Float>?
    let rectifies: Bool
    let y: UnsafeMutablePointer<Float>

    @inline(__always)
    func write(_ sum: F8, _ at: Int, _ channel: Int, _ count: Int) {
        var value = sum
        if let bias { value += channels(bias + channel, count) }
        if let residual { value += channels(residual + at + channel, count) }
        if rectifies { value = rectify(value) }
        put(value, y + at + channel, count)
    }
}

private func one(_ taps: LineTaps, _ left: Int, _ end: DepthwiseEnd, _ row: Int) {
    let s = taps.s
    let across = LineTaps.inside(left, s.kernel.2, s.dilations.2, s.sizes.2)
    var channel = 0
    while channel < s.channels {
        let count = s.channels - channel
        var sum = F8(repeating: 0)
        taps.visit { line, weights in
            for tap in across {
                let at = (left + tap * s.dilations.2) * s.channels + channel
                sum = multiplyAdd(
                    sum, channels(line + at, count),
                    channels(weights + tap * s.channels + channel, count))
            }
        }
        end.write(sum, row * s.channels, channel, count)
        channel += 8
    }
}

/// Four neighbours whose columns lie inside: a weight is loaded once for all, and, of three taps that are
/// neighbours, a pixel too.
private func four(_ taps: LineTaps, _ left: Int, _ end: DepthwiseEnd, _ row: Int) {
    let s = taps.s
    let isSliding = s.kernel.2 == 3 && s.strides.2 == 1 && s.dilations.2 == 1
    var channel = 0
    while channel < s.channels {
        let count = s.channels - channel
        var sums = FourSums()
        let from = left * s.channels + channel
        if count < 8 {
            taps.visit { sums.addPart($0 + from, s, $1 + channel, count) }
        } else if isSliding {
            taps.visit { sums.slide($0 + from, s.channels, $1 + channel) }
        } else {
            taps.visit { sums.add($0 + from, s, $1 + channel) }
        }
        let at = row * s.channels
        end.write(sums.s0, at, channel, count)
        end.write(sums.s1, at + s.channels, channel, count)
        end.write(sums.s2, at + 2 * s.channels, channel, count)
        end.write(sums.s3, at + 3 * s.channels, channel, count)
        channel += 8
    }
}

/// Sums of eight channels of four output pixels.
private struct FourSums {
    var s0 = F8(repeating: 0)
    var s1 = F8(repeating: 0)
    var s2 = F8(repeating: 0)
    var s3 = F8(repeating: 0)

    /// A line of taps.
    @inline(__always)
    mutating func add(
        _ line: UnsafePointer<Float>, _ s: WindowShape, _ weights: UnsafePointer<Float>
    ) {
        let step = s.strides.2 * s.channels
        for tap in 0..<s.kernel.2 {
            let from = line + tap * s.dilations.2 * s.channels
            let weight = load(weights + tap * s.channels)
            s0 = multiplyAdd(s0, load(from), weight)
            s1 = multiplyAdd(s1, load(from + step), weight)
            s2 = multiplyAdd(s2, load(from + 2 * step), weight)
            s3 = multiplyAdd(s3, load(from + 3 * step), weight)
        }
    }

    /// Three taps over six pixels.
    @inline(__always)
    mutating func slide(
        _ line: UnsafePointer<Float>, _ step: Int, _ weights: UnsafePointer<Float>
    ) {
        let (w0, w1, w2) = (load(weights), load(weights + step), load(weights + 2 * step))
        let (x0, x1, x2) = (load(line), load(line + step), load(line + 2 * step))
        let (x3, x4, x5) = (load(line + 3 * step), load(line + 4 * step), load(line + 5 * step))
        s0 = multiplyAdd(multiplyAdd(multiplyAdd(s0, x0, w0), x1, w1), x2, w2)
        s1 = multiplyAdd(multiplyAdd(multiplyAdd(s1, x1, w0), x2, w1), x3, w2)
        s2 = multiplyAdd(multiplyAdd(multiplyAdd(s2, x2, w0), x3, w1), x4, w2)
        s3 = multiplyAdd(multiplyAdd(multiplyAdd(s3, x3, w0), x4, w1), x5, w2)
    }

    /// A line of taps for the last channels, fewer than eight.
    mutating func addPart(
        _ line: UnsafePointer<Float>, _ s: WindowShape, _ weights: UnsafePointer<Float>,
        _ count: Int
    ) {
        let step = s.strides.2 * s.channels
        for tap in 0..<s.kernel.2 {
            let from = line + tap * s.dilations.2 * s.channels
            let weight = load(weights + tap * s.channels, count: count)
            s0 = multiplyAdd(s0, load(from, count: count), weight)
            s1 = multiplyAdd(s1, load(from + step, count: count), weight)
            s2 = multiplyAdd(s2, load(from + 2 * step, count: count), weight)
            s3 = multiplyAdd(s3, load(from + 3 * step, count: count), weight)
        }
    }
}
