import CVector
import Primitives

/// A convolution where each channel has one filter of its own, as `KernelSet.depthwise` says for
/// bytes. `weights` holds a row of all channels, filled up to a multiple of 16, for each tap.
///
/// With `isNarrow` no weight is greater than 128 and no more than 64 taps there are, and a last row of
/// `weights` holds their sums: products then fit 16 bits.
@inline(never)
public func depthwiseByteRows(
    _ x: UnsafePointer<UInt8>, _ s: WindowShape, flip: UInt8, zero: Int32,
    weights: UnsafePointer<Int16>, ending: ByteProductEnding, rows: Range<Int>,
    target: ByteProductTarget, isNarrow: Bool
) {
    if isNarrow {
        return narrowRows(
            x, s, flip: flip, zero: zero, weights: weights, ending: ending, rows: rows,
            target: target)
    }
    let wide = (s.channels + 15) / 16 * 16
    let (flips, zeros) = (SIMD16<UInt8>(repeating: flip), SIMD16<Int16>(repeating: Int16(zero)))
    for row in rows {
        let (image, pixel) = row.quotientAndRemainder(dividingBy: s.outputPixels)
        let base = x + image * s.inputPixels * s.channels
        var channel = 0
        while channel < s.channels {
            let count = s.channels - channel
            var sums = SIMD16<Int32>(repeating: 0)
            if let bias = ending.bias { sums = vector(bias + channel) }
            visitTaps(s, ofPixel: pixel) { pixel, tap in
                let value = bytes(base + pixel * s.channels + channel, count) ^ flips
                let weight = shorts(weights + tap * wide + channel)
                sums &+= martlet_products(martlet_shorts(value) &- zeros, weight)
            }
            ending.write(
                sums, channel, to: target, at: row * s.channels + channel, count: count)
            channel += 16
        }
    }
}

/// Writes the results of a pixel: Σ x · w, taps outside of the image standing on zero points, less
/// zero · Σ w. `places` has where each tap's channels start from `origin` on, `narrowOutside` for those
/// outside.
@inline(__always)
private func narrowPixel(
    _ origin: UnsafePointer<UInt8>, _ places: UnsafePointer<Int>, _ s: WindowShape, flip: UInt8,
    zero: Int32, weights: UnsafePointer<Int16>, ending: ByteProductEnding, row: Int,
    target: ByteProductTarget
) {
    let wide = (s.channels + 15) / 16 * 16
    let taps = s.taps
    let flips = SIMD16<UInt8>(repeating: flip)
    let zeros = SIMD16<Int16>(repeating: Int16(truncatingIfNeeded: zero))
    var channel = 0
    while channel < s.channels {
        let count = s.channels - channel
        var weight = weights + channel
        var sums = SIMD16<Int32>(repeating: 0)
        for tap in 0..<taps {
            let place = places[tap]
            let value =
                place == narrowOutside
                ? zeros : martlet_shorts(bytes(origin + place + channel, count) ^ flips)
            sums &+= martlet_integers(value &* shorts(weight))
            weight += wide
        }
        sums &-= martlet_products(zeros, shorts(weight))
        if let bias = ending.bias { sums &+= vector(bias + channel) }
        ending.write(sums, channel, to: target, at: row * s.channels + channel, count: count)
        channel += 16
    }
}

/// The place of a tap outside of the image.
private let narrowOutside = Int.min

/// The same sums with 16-bit products. A window inside of its image has its taps at the same places
/// from its first one on; only at edges they are looked for.
private func narrowRows(
    _ x: UnsafePointer<UInt8>, _ s: WindowShape, flip: UInt8, zero: Int32,
    weights: UnsafePointer<Int16>, ending: ByteProductEnding, rows: Range<Int>,
    target: ByteProductTarget
) {
    var inside = InlineArray<64, Int>(repeating: 0)
    for tap in 0..<s.taps {
        let (line, column) = tap.quotientAndRemainder(dividingBy: s.kernel.2)
        let (depth, height) = line.quotientAndRemainder(dividingBy: s.kernel.1)
        inside[tap] =
            ((depth * s.dilations.0 * s.sizes.1 + height * s.dilations.1) * s.sizes.2
                + column * s.dilations.2) * s.channels
    }
    let reach = (
        (s.kernel.0 - 1) * s.dilations.0, (s.kernel.1 - 1) * s.dilations.1,
        (s.kernel.2 - 1) * s.dilations.2
    )
    var found = inside
    var insideSpan = inside.mutableSpan
    var foundSpan = found.mutableSpan
    insideSpan.withUnsafeMutableBufferPointer { inside in
        foundSpan.withUnsafeMutableBufferPointer { found in
            guard let inside = inside.baseAddress, let found = found.baseAddress else { return }
            for row in rows {
                let (image, pixel) = row.quotientAndRemainder(dividingBy: s.outputPixels)
                let (line, column) = pixel.quotientAndRemainder(dividingBy: s.outputs.2)
                let (depth, height) = line.quotientAndRemainder(dividingBy: s.outputs.1)
                let z = depth * s.strides.0 - s.pads.0
                let y = height * s.strides.1 - s.pads.1
                let left = column * s.strides.2 - s.pads.2
                var origin = x + image * s.inputPixels * s.channels
                let isInside =
                    z >= 0 && y >= 0 && left >= 0 && z + reach.0 < s.sizes.0
                    && y + reach.1 < s.sizes.1 && left + reach.2 < s.sizes.2
                if isInside {
                    origin += ((z * s.sizes.1 + y) * s.sizes.2 + left) * s.channels
                } else {
                    for tap in 0..<s.taps { found[tap] = narrowOutside }
                    visitTaps(s, ofPixel: pixel) { pixel, tap in found[tap] = pixel * s.channels }
                }
                narrowPixel(
                    origin, isInside ? inside : found, s, flip: flip, zero: zero,
                    weights: weights, ending: ending, row: row, target: target)
            }
        }
    }
}

@inline(__always)
private func shorts(_ source: UnsafePointer<Int16>) -> SIMD16<Int16> {
    UnsafeRawPointer(source).loadUnaligned(as: SIMD16<Int16>.self)
}
