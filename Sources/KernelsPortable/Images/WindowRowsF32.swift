import Primitives

// Pooling and depthwise convolution over channels-last images: vectors of channels, one output pixel
// after the other, the taps in row-major order.

/// Visits the taps of an output pixel that lie inside: the offset of the pixel under the tap in its
/// image (in pixels), and the tap's number.
@inline(__always)
private func visit(
    _ s: WindowShape, _ z0: Int, _ y0: Int, _ x0: Int, _ body: (_ pixel: Int, _ tap: Int) -> Void
) {
    for zTap in 0..<s.kernel.0 {
        let z = z0 + zTap * s.dilations.0
        if z < 0 || z >= s.sizes.0 { continue }
        for yTap in 0..<s.kernel.1 {
            let y = y0 + yTap * s.dilations.1
            if y < 0 || y >= s.sizes.1 { continue }
            for xTap in 0..<s.kernel.2 {
                let x = x0 + xTap * s.dilations.2
                if x < 0 || x >= s.sizes.2 { continue }
                body(
                    (z * s.sizes.1 + y) * s.sizes.2 + x,
                    (zTap * s.kernel.1 + yTap) * s.kernel.2 + xTap)
            }
        }
    }
}

/// Visits the output pixels of `rows`, which count through all images, with the first tap's place.
@inline(__always)
private func visit(
    _ s: WindowShape, _ rows: Range<Int>,
    _ body: (_ row: Int, _ image: Int, _ z: Int, _ y: Int, _ x: Int) -> Void
) {
    for row in rows {
        let (image, pixel) = row.quotientAndRemainder(dividingBy: s.outputPixels)
        let (line, column) = pixel.quotientAndRemainder(dividingBy: s.outputs.2)
        let (depth, height) = line.quotientAndRemainder(dividingBy: s.outputs.1)
        body(
            row, image, depth * s.strides.0 - s.pads.0, height * s.strides.1 - s.pads.1,
            column * s.strides.2 - s.pads.2)
    }
}

/// Eight channels from `source`, fewer at the end of a pixel.
@inline(__always)
private func channels(_ source: UnsafePointer<Float>, _ count: Int) -> F8 {
    count >= 8 ? load(source) : load(source, count: count)
}

@inline(__always)
private func put(_ value: F8, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
    if count >= 8 { store(value, target) } else { store(value, target, count: count) }
}

/// The greatest value under each window; NaN where one is NaN.
@inline(never)
public func maxPoolRowsF32(
    _ x: UnsafePointer<Float>, _ s: WindowShape, rows: Range<Int>, y: UnsafeMutablePointer<Float>
) {
    visit(s, rows) { row, image, z, top, left in
        let base = x + image * s.inputPixels * s.channels
        let target = y + row * s.channels
        var channel = 0
        while channel < s.channels {
            let count = s.channels - channel
            var best = F8(repeating: -.infinity)
            visit(s, z, top, left) { pixel, _ in
                let value = channels(base + pixel * s.channels + channel, count)
                // A NaN on either side stays: what is not (best ≥ value), unless best is NaN.
                let isLess = .!(best .>= value)
                best = select(isLess .& (best .== best), value, best)
            }
            put(best, target + channel, count)
            channel += 8
        }
    }
}

/// The mean under each window. `divisors` holds one value an output pixel of an image; sums are in
/// float32, tap by tap.
@inline(never)
public func meanPoolRowsF32(
    _ x: UnsafePointer<Float>, _ s: WindowShape, divisors: UnsafePointer<Float>, rows: Range<Int>,
    y: UnsafeMutablePointer<Float>
) {
    visit(s, rows) { row, image, z, top, left in
        let base = x + image * s.inputPixels * s.channels
        let target = y + row * s.channels
        let divisor = divisors[row % s.outputPixels]
        var channel = 0
        while channel < s.channels {
            let count = s.channels - channel
            var sum = F8(repeating: 0)
            visit(s, z, top, left) { pixel, _ in
                sum += channels(base + pixel * s.channels + channel, count)
            }
            let mean = divisor == 0 ? F8(repeating: 0) : sum / F8(repeating: divisor)
            put(mean, target + channel, count)
            channel += 8
        }
    }
}

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
        let column = row % s.outputs.2
        let left = column * s.strides.2 - s.pads.2
        let isFour =
            row + 4 <= rows.upperBound && column + 4 <= s.outputs.2 && left >= 0
            && left + 3 * s.strides.2 + reach < s.sizes.2
        let count = isFour ? 4 : 1
        visit(s, row..<row + 1) { row, image, z, top, left in
            let base = x + image * s.inputPixels * s.channels
            if isFour {
                four(base, s, z, top, left, weights, end, row)
            } else {
                one(base, s, z, top, left, weights, end, row)
            }
        }
        row += count
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

private func one(
    _ base: UnsafePointer<Float>, _ s: WindowShape, _ z: Int, _ top: Int, _ left: Int,
    _ weights: UnsafePointer<Float>, _ end: DepthwiseEnd, _ row: Int
) {
    var channel = 0
    while channel < s.channels {
        let count = s.channels - channel
        var sum = F8(repeating: 0)
        visit(s, z, top, left) { pixel, tap in
            sum = multiplyAdd(
                sum, channels(base + pixel * s.channels + channel, count),
                channels(weights + tap * s.channels + channel, count))
        }
        end.write(sum, row * s.channels, channel, count)
        channel += 8
    }
}

/// Four neighbours whose columns lie inside: a weight is loaded once for all.
private func four(
    _ base: UnsafePointer<Float>, _ s: WindowShape, _ z: Int, _ top: Int, _ left: Int,
    _ weights: UnsafePointer<Float>, _ end: DepthwiseEnd, _ row: Int
) {
    let step = s.strides.2 * s.channels
    var channel = 0
    while channel + 8 <= s.channels {
        var s0 = F8(repeating: 0)
        var (s1, s2, s3) = (s0, s0, s0)
        visit(s, z, top, left) { pixel, tap in
            let weight = load(weights + tap * s.channels + channel)
            let from = base + pixel * s.channels + channel
            s0 = multiplyAdd(s0, load(from), weight)
            s1 = multiplyAdd(s1, load(from + step), weight)
            s2 = multiplyAdd(s2, load(from + 2 * step), weight)
            s3 = multiplyAdd(s3, load(from + 3 * step), weight)
        }
        let at = row * s.channels
        end.write(s0, at, channel, 8)
        end.write(s1, at + s.channels, channel, 8)
        end.write(s2, at + 2 * s.channels, channel, 8)
        end.write(s3, at + 3 * s.channels, channel, 8)
        channel += 8
    }
    if channel == s.channels { return }
    let count = s.channels - channel
    for neighbour in 0..<4 {
        var sum = F8(repeating: 0)
        visit(s, z, top, left + neighbour * s.strides.2) { pixel, tap in
            sum = multiplyAdd(
                sum, channels(base + pixel * s.channels + channel, count),
                channels(weights + tap * s.channels + channel, count))
        }
        end.write(sum, (row + neighbour) * s.channels, channel, count)
    }
}
