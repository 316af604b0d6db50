import Primitives

/// A window of one filter slid over one plane, as `KernelSet.slideWindow` says. The caller has checked
/// every bound.
///
/// Rows whose windows lie inside go by eights; which instructions make a pixel depends on its place in
/// the image only.
@inline(never)
public func slideWindowF32(
    _ x: UnsafePointer<Float>, sizes: (Int, Int, Int), outputs: (Int, Int, Int),
    kernel: (Int, Int, Int), strides: (Int, Int, Int), dilations: (Int, Int, Int),
    pads: (Int, Int, Int), weights: UnsafePointer<Float>, bias: Float, rectifies: Bool,
    y: UnsafeMutablePointer<Float>
) {
    // Columns whose taps all lie inside of the row.
    let reach = (kernel.2 - 1) * dilations.2
    let first = min((pads.2 + strides.2 - 1) / strides.2, outputs.2)
    let room = sizes.2 - 1 - reach + pads.2
    let end = max(first, room < 0 ? first : min(room / strides.2 + 1, outputs.2))
    for depth in 0..<outputs.0 {
        for row in 0..<outputs.1 {
            let line = WindowLine(
                x: x, sizes: sizes, kernel: kernel, dilations: dilations,
                z0: depth * strides.0 - pads.0, y0: row * strides.1 - pads.1, weights: weights)
            let target = y + (depth * outputs.1 + row) * outputs.2
            func finish(_ sum: Float) -> Float {
                let value = sum + bias
                return rectifies && value < 0 ? 0 : value
            }
            for column in 0..<first {
                target[column] = finish(line.edge(column * strides.2 - pads.2))
            }
            var column = first
            let shift = F8(repeating: bias)
            while column + 8 <= end {
                let start = column * strides.2 - pads.2
                if strides.2 == 1 {
                    let value = line.eight(start) + shift
                    store(rectifies ? rectify(value) : value, target + column)
                } else if strides.2 == 2, start + reach + 16 <= sizes.2 {
                    let value = line.everySecond(start) + shift
                    store(rectifies ? rectify(value) : value, target + column)
                } else {
                    for offset in 0..<8 {
                        target[column + offset] = finish(line.inside(start + offset * strides.2))
                    }
                }
                column += 8
            }
            while column < end {
                target[column] = finish(line.inside(column * strides.2 - pads.2))
                column += 1
            }
            for column in end..<outputs.2 {
                target[column] = finish(line.edge(column * strides.2 - pads.2))
            }
        }
    }
}

/// The windows of one row of outputs.
private struct WindowLine {
    let x: UnsafePointer<Float>
    let sizes: (Int, Int, Int)
    let kernel: (Int, Int, Int)
    let dilations: (Int, Int, Int)
    let z0: Int
    let y0: Int
    let weights: UnsafePointer<Float>

    /// Visits the rows of taps that lie inside, with their weights.
    @inline(__always)
    private func rows(_ body: (UnsafePointer<Float>, UnsafePointer<Float>) -> Void) {
        for zTap in 0..<kernel.0 {
            let z = z0 + zTap * dilations.0
            if z < 0 || z >= sizes.0 { continue }
            for yTap in 0..<kernel.1 {
                let y = y0 + yTap * dilations.1
                if y < 0 || y >= sizes.1 { continue }
                body(
                    x + (z * sizes.1 + y) * sizes.2, weights + (zTap * kernel.1 + yTap) * kernel.2)
            }
        }
    }

    @inline(__always)
    func inside(_ start: Int) -> Float {
        var sum: Float = 0
        rows { line, taps in
            for tap in 0..<kernel.2 { sum += line[start + tap * dilations.2] * taps[tap] }
        }
        return sum
    }

    func edge(_ start: Int) -> Float {
        var sum: Float = 0
        rows { line, taps in
            for tap in 0..<kernel.2 {
                let at = start + tap * dilations.2
                if at >= 0, at < sizes.2 { sum += line[at] * taps[tap] }
            }
        }
        return sum
    }

    /// Eight neighbours.
    @inline(__always)
    func eight(_ start: Int) -> F8 {
        var sum = F8(repeating: 0)
        rows { line, taps in
            for tap in 0..<kernel.2 {
                sum = multiplyAdd(
                    sum, load(line + start + tap * dilations.2), F8(repeating: taps[tap]))
            }
        }
        return sum
    }

    /// Eight that are two pixels apart.
    @inline(__always)
    func everySecond(_ start: Int) -> F8 {
        var sum = F8(repeating: 0)
        rows { line, taps in
            for tap in 0..<kernel.2 {
                let from = line + start + tap * dilations.2
                let (a, b) = (load(from), load(from + 8))
                let values = F8(lowHalf: a.evenHalf, highHalf: b.evenHalf)
                sum = multiplyAdd(sum, values, F8(repeating: taps[tap]))
            }
        }
        return sum
    }
}
