import Primitives

/// Copies the windows of `count` output pixels into rows, as `KernelSet.gatherWindows` says. The
/// caller has checked every bound.
public func gatherWindowsF32(
    _ x: UnsafePointer<Float>, channels: Int, sizes: (Int, Int, Int), outputs: (Int, Int, Int),
    kernel: (Int, Int, Int), strides: (Int, Int, Int), dilations: (Int, Int, Int),
    pads: (Int, Int, Int), start: Int, count: Int, rows: UnsafeMutablePointer<Float>
) {
    let plane = sizes.0 * sizes.1 * sizes.2
    let taps = kernel.0 * kernel.1 * kernel.2
    let k = channels * taps
    var column = start % outputs.2
    var row = start / outputs.2 % outputs.1
    var depth = start / (outputs.2 * outputs.1)
    for pixel in 0..<count {
        let z0 = depth * strides.0 - pads.0
        let y0 = row * strides.1 - pads.1
        let x0 = column * strides.2 - pads.2
        let isInside =
            z0 >= 0 && y0 >= 0 && x0 >= 0 && z0 + (kernel.0 - 1) * dilations.0 < sizes.0
            && y0 + (kernel.1 - 1) * dilations.1 < sizes.1
            && x0 + (kernel.2 - 1) * dilations.2 < sizes.2
        var target = rows + pixel * k
        for channel in 0..<channels {
            let image = x + channel * plane
            for zTap in 0..<kernel.0 {
                let z = z0 + zTap * dilations.0
                for yTap in 0..<kernel.1 {
                    let y = y0 + yTap * dilations.1
                    if isInside {
                        let line = image + (z * sizes.1 + y) * sizes.2 + x0
                        for xTap in 0..<kernel.2 { target[xTap] = line[xTap * dilations.2] }
                    } else {
                        let isLine = z >= 0 && z < sizes.0 && y >= 0 && y < sizes.1
                        for xTap in 0..<kernel.2 {
                            let at = x0 + xTap * dilations.2
                            target[xTap] =
                                isLine && at >= 0 && at < sizes.2
                                ? image[(z * sizes.1 + y) * sizes.2 + at] : 0
                        }
                    }
                    target += kernel.2
                }
            }
        }
        column += 1
        if column == outputs.2 {
            column = 0
            row += 1
            if row == outputs.1 {
                row = 0
                depth += 1
            }
        }
    }
}

/// y[column · stride + row] = x[row, column], in blocks of eight rows, so that lines of both sides are
/// used whole.
public func scatterColumnsF32(
    _ x: UnsafePointer<Float>, rows: Int, columns: Int, y: UnsafeMutablePointer<Float>, stride: Int
) {
    var row = 0
    while row + 8 <= rows {
        let source = x + row * columns
        for column in 0..<columns {
            let target = y + column * stride + row
            for offset in 0..<8 { target[offset] = source[offset * columns + column] }
        }
        row += 8
    }
    while row < rows {
        for column in 0..<columns { y[column * stride + row] = x[row * columns + column] }
        row += 1
    }
}
