import Primitives

/// Copies some lines of channels-last images to where they stand in padded ones, zeros around them, as
/// `KernelSet.padLines` says. The caller has checked every bound.
@inline(never)
public func padLinesF32(
    _ x: UnsafePointer<Float>, _ shape: WindowShape, padded: (Int, Int, Int), lines: Range<Int>,
    y: UnsafeMutablePointer<Float>
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
            target.update(repeating: 0, count: wide)
            continue
        }
        let from = x + ((image * shape.sizes.0 + fromDepth) * shape.sizes.1 + fromRow) * width
        target.update(repeating: 0, count: before)
        (target + before).update(from: from, count: width)
        (target + before + width).update(repeating: 0, count: wide - before - width)
    }
}
