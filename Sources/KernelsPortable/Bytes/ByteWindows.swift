import CVector
import Primitives

// Windows over channels-last images of bytes: pooling, and copies with pads.

/// Visits the taps of an output pixel that lie inside: the pixel under the tap in its image, and the
/// tap's number.
@inline(__always)
func visitTaps(
    _ s: WindowShape, ofPixel pixel: Int, _ body: (_ pixel: Int, _ tap: Int) -> Void
) {
    let (line, column) = pixel.quotientAndRemainder(dividingBy: s.outputs.2)
    let (depth, height) = line.quotientAndRemainder(dividingBy: s.outputs.1)
    let z0 = depth * s.strides.0 - s.pads.0
    let y0 = height * s.strides.1 - s.pads.1
    let x0 = column * s.strides.2 - s.pads.2
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

/// The greatest byte of each channel under each window. A window without a tap inside has the least.
@inline(never)
public func maxPoolByteRows(
    _ x: UnsafePointer<UInt8>, _ s: WindowShape, flip: UInt8, rows: Range<Int>,
    y: UnsafeMutablePointer<UInt8>
) {
    let flips = SIMD16<UInt8>(repeating: flip)
    for row in rows {
        let (image, pixel) = row.quotientAndRemainder(dividingBy: s.outputPixels)
        let base = x + image * s.inputPixels * s.channels
        var channel = 0
        while channel < s.channels {
            let count = s.channels - channel
            var best = SIMD16<UInt8>(repeating: 0)
            visitTaps(s, ofPixel: pixel) { pixel, _ in
                let value = bytes(base + pixel * s.channels + channel, count) ^ flips
                best = best.replacing(with: value, where: value .> best)
            }
            store(best ^ flips, y + row * s.channels + channel, count)
            channel += 16
        }
    }
}

/// Copies lines of images to where they stand in padded ones, `fill` around them: `KernelSet.padLines`
/// for bytes. The caller has checked every bound.
@inline(never)
public func padByteLines(
    _ x: UnsafePointer<UInt8>, _ shape: WindowShape, padded: (Int, Int, Int), fill: UInt8,
    lines: Range<Int>, y: UnsafeMutablePointer<UInt8>
) {
    let before = shape.pads.2 * shape.channels
    let width = shape.sizes.2 * shape.channels
    let wide = padded.2 * shape.channels
    for line in lines {
        let (plane, row) = line.quotientAndRemainder(dividingBy: padded.1)
        let (image, depth) = plane.quotientAndRemainder(dividingBy: padded.0)
        let (fromDepth, fromRow) = (depth - shape.pads.0, row - shape.pads.1)
        let target = y + line * wide
        let isInside =
            fromDepth >= 0 && fromDepth < shape.sizes.0 && fromRow >= 0
            && fromRow < shape.sizes.1
        guard isInside else {
            target.update(repeating: fill, count: wide)
            continue
        }
        let from = x + ((image * shape.sizes.0 + fromDepth) * shape.sizes.1 + fromRow) * width
        target.update(repeating: fill, count: before)
        (target + before).update(from: from, count: width)
        (target + before + width).update(repeating: fill, count: wide - before - width)
    }
}
