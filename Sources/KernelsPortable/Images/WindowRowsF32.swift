import Primitives

// Pooling over channels-last images: vectors of channels, one output pixel after the other, the taps in
// row-major order.

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
    if rows.isEmpty { return }
    var (image, pixel) = rows.lowerBound.quotientAndRemainder(dividingBy: s.outputPixels)
    var (line, column) = pixel.quotientAndRemainder(dividingBy: s.outputs.2)
    var (depth, height) = line.quotientAndRemainder(dividingBy: s.outputs.1)
    for row in rows {
        body(
            row, image, depth * s.strides.0 - s.pads.0, height * s.strides.1 - s.pads.1,
            column * s.strides.2 - s.pads.2)
        column += 1
        guard column == s.outputs.2 else { continue }
        (column, height) = (0, height + 1)
        guard height == s.outputs.1 else { continue }
        (height, depth) = (0, depth + 1)
        guard depth == s.outputs.0 else { continue }
        (depth, image) = (0, image + 1)
    }
}

/// Whether all taps of a window of a flat image lie inside.
@inline(__always)
private func isInside(_ s: WindowShape, _ y0: Int, _ x0: Int) -> Bool {
    s.kernel.0 == 1 && s.sizes.0 == 1 && s.pads.0 == 0 && y0 >= 0 && x0 >= 0
        && y0 + (s.kernel.1 - 1) * s.dilations.1 < s.sizes.1
        && x0 + (s.kernel.2 - 1) * s.dilations.2 < s.sizes.2
}

/// The greater lane by lane; a NaN on either side stays: what is not (best ≥ value), unless best is NaN.
@inline(__always)
private func raise(_ best: F8, _ value: F8) -> F8 {
    let isLess = .!(best .>= value)
    return select(isLess .& (best .== best), value, best)
}

/// Eight channels from `source`, fewer at the end of a pixel.
@inline(__always)
func channels(_ source: UnsafePointer<Float>, _ count: Int) -> F8 {
    count >= 8 ? load(source) : load(source, count: count)
}

@inline(__always)
func put(_ value: F8, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
    if count >= 8 { store(value, target) } else { store(value, target, count: count) }
}

/// The greatest value under each window; NaN where one is NaN.
@inline(never)
public func maxPoolRowsF32(
    _ x: UnsafePointer<Float>, _ s: WindowShape, rows: Range<Int>, y: UnsafeMutablePointer<Float>
) {
    if rows.isEmpty { return }
    // Up to here eight values can be read, if fewer are wanted.
    let images = (rows.upperBound - 1) / s.outputPixels + 1
    let end = x + images * s.inputPixels * s.channels - 8
    let (line, across) = (s.dilations.1 * s.sizes.2 * s.channels, s.dilations.2 * s.channels)
    visit(s, rows) { row, image, z, top, left in
        let base = x + image * s.inputPixels * s.channels
        let target = y + row * s.channels
        let isInside = isInside(s, top, left)
        var channel = 0
        while channel < s.channels {
            let count = s.channels - channel
            var best = F8(repeating: -.infinity)
            if isInside {
                var from = base + (top * s.sizes.2 + left) * s.channels + channel
                for _ in 0..<s.kernel.1 {
                    for tap in 0..<s.kernel.2 {
                        let at = from + tap * across
                        let isWhole = count >= 8 || at <= end
                        best = raise(best, isWhole ? load(at) : load(at, count: count))
                    }
                    from += line
                }
            } else {
                visit(s, z, top, left) { pixel, _ in
                    best = raise(best, channels(base + pixel * s.channels + channel, count))
                }
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
