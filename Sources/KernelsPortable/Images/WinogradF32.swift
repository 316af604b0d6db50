import Primitives

// Winograd's minimal filtering for windows of 3 × 3 (Lavin & Gray, "Fast Algorithms for Convolutional
// Neural Networks", 2016): an output tile of n × n takes (n + 2)² products a channel instead of 9 n².
// Channels lie last, so that everything goes by vectors of channels.

/// Three points and infinity: tiles of 2 × 2.
private let pointsSmall = 4
/// Five points and infinity: tiles of 4 × 4.
private let pointsLarge = 6

/// v[point, tile, channel] = Bᵀ · d · B for `count` tiles from `first` on, as
/// `KernelSet.winogradInput` says. The caller has checked every bound.
@inline(never)
public func winogradInputF32(
    _ x: UnsafePointer<Float>, _ shape: WindowShape, tile: Int, first: Int, count: Int,
    v: UnsafeMutablePointer<Float>
) {
    let (across, down) = (
        (shape.outputs.2 + tile - 1) / tile, (shape.outputs.1 + tile - 1) / tile
    )
    let channels = shape.channels
    let (height, width) = (shape.sizes.1, shape.sizes.2)
    let points = tile + 2
    for index in 0..<count {
        let (image, place) = (first + index).quotientAndRemainder(dividingBy: across * down)
        let top = place / across * tile - shape.pads.1
        let left = place % across * tile - shape.pads.2
        let base = x + image * height * width * channels
        let isInside = top >= 0 && left >= 0 && top + points <= height && left + points <= width
        let target = v + index * channels
        let pointStep = count * channels
        let patch = Patch(
            base: base, channels: channels, height: height, width: width, top: top, left: left,
            isInside: isInside)
        if tile == 4 {
            inputLarge(patch, target, pointStep)
        } else {
            inputSmall(patch, target, pointStep)
        }
    }
}

/// The pixels under a tile.
private struct Patch {
    let base: UnsafePointer<Float>
    let (channels, height, width): (Int, Int, Int)
    let (top, left): (Int, Int)
    let isInside: Bool

    init(
        base: UnsafePointer<Float>, channels: Int, height: Int, width: Int, top: Int, left: Int,
        isInside: Bool
    ) {
        self.base = base
        (self.channels, self.height, self.width) = (channels, height, width)
        (self.top, self.left) = (top, left)
        self.isInside = isInside
    }

    @inline(__always)
    func eight(_ row: Int, _ column: Int, _ channel: Int) -> F8 {
        let (y, x) = (top + row, left + column)
        if !isInside, y < 0 || x < 0 || y >= height || x >= width { return F8(repeating: 0) }
        return load(base + (y * width + x) * channels + channel)
    }
}

private typealias Six = (F8, F8, F8, F8, F8, F8)

@inline(__always)
private func input(_ d: Six) -> Six {
    let four = F8(repeating: 4)
    let five = F8(repeating: 5)
    let two = F8(repeating: 2)
    let even = multiplyAdd(d.4, d.2, -four)  // d4 - 4 d2
    let odd = multiplyAdd(d.3, d.1, -four)  // d3 - 4 d1
    let evenTwo = d.4 - d.2
    let oddTwo = two * (d.3 - d.1)
    return (
        multiplyAdd(multiplyAdd(d.4, d.0, four), d.2, -five), even + odd, even - odd,
        evenTwo + oddTwo, evenTwo - oddTwo,
        multiplyAdd(multiplyAdd(d.5, d.1, four), d.3, -five)
    )
}

private func inputLarge(_ patch: Patch, _ target: UnsafeMutablePointer<Float>, _ step: Int) {
    // Not a temporary allocation: those above a kilobyte come from the heap.
    var storage = InlineArray<36, F8>(repeating: F8())
    var span = storage.mutableSpan
    span.withUnsafeMutableBufferPointer { buffer in
        guard let rows = buffer.baseAddress else { return }
        var channel = 0
        while channel < patch.channels {
            for column in 0..<6 {
                let made = input(
                    (
                        patch.eight(0, column, channel), patch.eight(1, column, channel),
                        patch.eight(2, column, channel), patch.eight(3, column, channel),
                        patch.eight(4, column, channel), patch.eight(5, column, channel)
                    ))
                rows[column] = made.0
                rows[6 + column] = made.1
                rows[12 + column] = made.2
                rows[18 + column] = made.3
                rows[24 + column] = made.4
                rows[30 + column] = made.5
            }
            for row in 0..<6 {
                let r = rows + row * 6
                let made = input((r[0], r[1], r[2], r[3], r[4], r[5]))
                let to = target + row * 6 * step + channel
                store(made.0, to)
                store(made.1, to + step)
                store(made.2, to + 2 * step)
                store(made.3, to + 3 * step)
                store(made.4, to + 4 * step)
                store(made.5, to + 5 * step)
            }
            channel += 8
        }
    }
}

private typealias Four = (F8, F8, F8, F8)

@inline(__always)
private func input(_ d: Four) -> Four { (d.0 - d.2, d.1 + d.2, d.2 - d.1, d.1 - d.3) }

private func inputSmall(_ patch: Patch, _ target: UnsafeMutablePointer<Float>, _ step: Int) {
    withUnsafeTemporaryAllocation(of: F8.self, capacity: 16) { buffer in
        guard let rows = buffer.baseAddress else { return }
        var channel = 0
        while channel < patch.channels {
            for column in 0..<4 {
                let made = input(
                    (
                        patch.eight(0, column, channel), patch.eight(1, column, channel),
                        patch.eight(2, column, channel), patch.eight(3, column, channel)
                    ))
                rows[column] = made.0
                rows[4 + column] = made.1
                rows[8 + column] = made.2
                rows[12 + column] = made.3
            }
            for row in 0..<4 {
                let r = rows + row * 4
                let made = input((r[0], r[1], r[2], r[3]))
                let to = target + row * 4 * step + channel
                store(made.0, to)
                store(made.1, to + step)
                store(made.2, to + 2 * step)
                store(made.3, to + 3 * step)
            }
            channel += 8
        }
    }
}

/// y = activation(Aᵀ · m · A + bias + residual) for `count` tiles from `first` on, as
/// `KernelSet.winogradOutput` says. `shape.channels` are those of y. The caller has checked every
/// bound.
@inline(never)
public func winogradOutputF32(
    _ m: UnsafePointer<Float>, _ shape: WindowShape, tile: Int, first: Int, count: Int,
    bias: UnsafePointer<Float>?, residual: UnsafePointer<Float>?, rectifies: Bool,
    y: UnsafeMutablePointer<Float>
) {
    let (across, down) = (
        (shape.outputs.2 + tile - 1) / tile, (shape.outputs.1 + tile - 1) / tile
    )
    let channels = shape.channels
    for index in 0..<count {
        let (image, place) = (first + index).quotientAndRemainder(dividingBy: across * down)
        let (top, left) = (place / across * tile, place % across * tile)
        let corner = ((image * shape.outputs.1 + top) * shape.outputs.2 + left) * channels
        let end = Finish(
            y: y + corner, residual: residual.map { $0 + corner }, bias: bias,
            rectifies: rectifies, rowStep: shape.outputs.2 * channels, channels: channels,
            rows: min(tile, shape.outputs.1 - top), columns: min(tile, shape.outputs.2 - left))
        let source = m + index * channels
        if tile == 4 {
            outputLarge(source, count * channels, end)
        } else {
            outputSmall(source, count * channels, end)
        }
    }
}

/// Where a tile's results go.
private struct Finish {
    let y: UnsafeMutablePointer<Float>
    let residual: UnsafePointer<Float>?
    let bias: UnsafePointer<Float>?
    let rectifies: Bool
    let (rowStep, channels): (Int, Int)
    let (rows, columns): (Int, Int)

    init(
        y: UnsafeMutablePointer<Float>, residual: UnsafePointer<Float>?,
        bias: UnsafePointer<Float>?, rectifies: Bool, rowStep: Int, channels: Int, rows: Int,
        columns: Int
    ) {
        (self.y, self.residual, self.bias) = (y, residual, bias)
        self.rectifies = rectifies
        (self.rowStep, self.channels) = (rowStep, channels)
        (self.rows, self.columns) = (rows, columns)
    }

    @inline(__always)
    func write(_ value: F8, _ row: Int, _ column: Int, _ channel: Int) {
        if column >= columns { return }
        let at = row * rowStep + column * channels + channel
        var value = value
        if let bias { value += load(bias + channel) }
        if let residual { value += load(residual + at) }
        if rectifies { value = rectify(value) }
        store(value, y + at)
    }
}

/// Six points give four outputs.
@inline(__always)
private func output(_ m: Six) -> Four {
    let (sum12, difference12) = (m.1 + m.2, m.1 - m.2)
    let (sum34, difference34) = (m.3 + m.4, m.3 - m.4)
    return (
        m.0 + sum12 + sum34, multiplyAdd(difference12, difference34, F8(repeating: 2)),
        multiplyAdd(sum12, sum34, F8(repeating: 4)),
        multiplyAdd(difference12, difference34, F8(repeating: 8)) + m.5
    )
}

private func outputLarge(_ source: UnsafePointer<Float>, _ step: Int, _ end: Finish) {
    withUnsafeTemporaryAllocation(of: F8.self, capacity: 24) { buffer in
        guard let rows = buffer.baseAddress else { return }
        var channel = 0
        while channel < end.channels {
            for column in 0..<6 {
                let from = source + column * step + channel
                let made = output(
                    (
                        load(from), load(from + 6 * step), load(from + 12 * step),
                        load(from + 18 * step), load(from + 24 * step), load(from + 30 * step)
                    ))
                rows[column] = made.0
                rows[6 + column] = made.1
                rows[12 + column] = made.2
                rows[18 + column] = made.3
            }
            for row in 0..<end.rows {
                let r = rows + row * 6
                let made = output((r[0], r[1], r[2], r[3], r[4], r[5]))
                end.write(made.0, row, 0, channel)
                end.write(made.1, row, 1, channel)
                end.write(made.2, row, 2, channel)
                end.write(made.3, row, 3, channel)
            }
            channel += 8
        }
    }
}

private func outputSmall(_ source: UnsafePointer<Float>, _ step: Int, _ end: Finish) {
    withUnsafeTemporaryAllocation(of: F8.self, capacity: 8) { buffer in
        guard let rows = buffer.baseAddress else { return }
        var channel = 0
        while channel < end.channels {
            for column in 0..<4 {
                let from = source + column * step + channel
                let (m0, m1) = (load(from), load(from + 4 * step))
                let (m2, m3) = (load(from + 8 * step), load(from + 12 * step))
                rows[column] = m0 + m1 + m2
                rows[4 + column] = m1 - m2 - m3
            }
            for row in 0..<end.rows {
                let r = rows + row * 4
                end.write(r[0] + r[1] + r[2], row, 0, channel)
                end.write(r[1] - r[2] - r[3], row, 1, channel)
            }
            channel += 8
        }
    }
}
