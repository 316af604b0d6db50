import Primitives

// A convolution over channels-last images as a matrix product that gathers nothing: the rows of A are
// the windows where they lie, run by run. The order of every sum is run by run, float by float.

/// Rows whose windows' addresses are looked up once; they stay in the second-level cache.
private let rowBlock = 192
/// Floats of a panel a pass reads, where there are more rows than one tile: it stays near the cache.
private let depthBlock = 768
/// Panels finished together.
private let panelGroup = 6
private let tileRows = 6

/// y[row, column] = activation(Σ window(row) · filter(column) + bias + residual), as
/// `KernelSet.convolve` says. The caller has checked every bound.
@inline(never)
public func convRowsF32(
    _ x: UnsafePointer<Float>, _ shape: ConvolutionShape, tapOffsets: UnsafePointer<Int>,
    taps: Int, rows: Range<Int>, filters: UnsafePointer<Float>, columns: Int,
    bias: UnsafePointer<Float>?, residual: UnsafePointer<Float>?, rectifies: Bool,
    y: UnsafeMutablePointer<Float>, stride: Int
) {
    // Not a temporary allocation: those above a kilobyte come from the heap.
    var windows = InlineArray<198, UnsafePointer<Float>>(repeating: x)
    var span = windows.mutableSpan
    span.withUnsafeMutableBufferPointer { windows in
        guard let starts = windows.baseAddress else { return }
        var first = rows.lowerBound
        while first < rows.upperBound {
            let count = min(rowBlock, rows.upperBound - first)
            find(x, shape, first, count, starts)
            let offset = first * stride
            convolve(
                starts, count, shape.run, shape.steps.2, tapOffsets, taps, filters, columns, bias,
                residual.map { $0 + offset }, rectifies, y + offset, stride)
            first += count
        }
    }
}

/// The address of each row's window; the last is repeated to fill up a tile.
private func find(
    _ x: UnsafePointer<Float>, _ shape: ConvolutionShape, _ first: Int, _ count: Int,
    _ starts: UnsafeMutablePointer<UnsafePointer<Float>>
) {
    var column = first % shape.outputs.2
    for index in 0..<count {
        if index == 0 || column == shape.outputs.2 {
            column = index == 0 ? column : 0
            (starts + index).initialize(to: x + shape.start(ofPixel: first + index))
        } else {
            (starts + index).initialize(to: starts[index - 1] + shape.steps.2)
        }
        column += 1
    }
    for index in count..<count + tileRows { (starts + index).initialize(to: starts[count - 1]) }
}

private func convolve(
    _ starts: UnsafeMutablePointer<UnsafePointer<Float>>, _ count: Int, _ run: Int, _ step: Int,
    _ tapOffsets: UnsafePointer<Int>, _ taps: Int, _ filters: UnsafePointer<Float>, _ columns: Int,
    _ bias: UnsafePointer<Float>?, _ residual: UnsafePointer<Float>?, _ rectifies: Bool,
    _ y: UnsafeMutablePointer<Float>, _ stride: Int
) {
    let tapsPerPass = count <= tileRows ? taps : max(1, depthBlock / max(run, 1))
    let panelStep = taps * run * 16
    var tap = 0
    repeat {
        let pass = min(tapsPerPass, taps - tap)
        var column = 0
        while column < columns {
            let group = min(panelGroup * 16, columns - column)
            var panel = 0
            while panel < group {
                let at = column + panel
                var tile = GemmTile(
                    a: starts[0], lda: 0, b: filters + at / 16 * panelStep + tap * run * 16,
                    bStep: 16, panelStep: 0, k: run, c: y + at, ldc: stride, columns: columns - at,
                    isFirst: tap == 0, isLast: tap + pass == taps, bias: bias.map { $0 + at },
                    rectifies: rectifies, residual: residual.map { $0 + at })
                let isNarrow = tile.columns <= 8 && tile.isFirst && tile.isLast
                var row = 0
                while row < count {
                    // Twelve neighbours of one line, where half a panel would be zeros.
                    if isNarrow, row + 12 <= count,
                        starts[row + 11] - starts[row] == 11 * step
                    {
                        convF32_12x8(tile, starts[row], step, tapOffsets, pass)
                        tile.c += 12 * stride
                        tile.residual = tile.residual.map { $0 + 12 * stride }
                        row += 12
                        continue
                    }
                    convF32_6x16(tile, starts + row, tapOffsets + tap, pass, count - row)
                    tile.c += tileRows * stride
                    tile.residual = tile.residual.map { $0 + tileRows * stride }
                    row += tileRows
                }
                panel += 16
            }
            column += group
        }
        tap += pass
    } while tap < taps
}

/// Six windows times a panel; `rows` of them are written.
// swift-format-ignore: AlwaysUseLowerCamelCase
@inline(never)
private func convF32_6x16(
    _ t: GemmTile, _ starts: UnsafePointer<UnsafePointer<Float>>, _ tapOffsets: UnsafePointer<Int>,
    _ taps: Int, _ rows: Int
) {
    // Rows that are not there open what the last one holds: read, never written.
    let last = rows - 1
    var s00 = t.open(row: 0, panel: 0)
    var s10 = t.open(row: min(1, last), panel: 0)
    var s20 = t.open(row: min(2, last), panel: 0)
    var s30 = t.open(row: min(3, last), panel: 0)
    var s40 = t.open(row: min(4, last), panel: 0)
    var s50 = t.open(row: min(5, last), panel: 0)
    var b0 = t.b
    let run = t.k
    for tap in 0..<taps {
        let offset = tapOffsets[tap]
        let a0 = starts[0] + offset
        let a1 = starts[1] + offset
        let a2 = starts[2] + offset
        let a3 = starts[3] + offset
        let a4 = starts[4] + offset
        let a5 = starts[5] + offset
        for k in 0..<run {
            let w = Strip(low: load(b0), high: load(b0 + 8))
            s00.add(F8(repeating: a0[k]), w)
            s10.add(F8(repeating: a1[k]), w)
            s20.add(F8(repeating: a2[k]), w)
            s30.add(F8(repeating: a3[k]), w)
            s40.add(F8(repeating: a4[k]), w)
            s50.add(F8(repeating: a5[k]), w)
            b0 += 16
        }
    }
    if rows >= 6, let end = PlainEnd(t) {
        end.close(s00, row: 0)
        end.close(s10, row: 1)
        end.close(s20, row: 2)
        end.close(s30, row: 3)
        end.close(s40, row: 4)
        end.close(s50, row: 5)
        return
    }
    t.close(s00, row: 0, panel: 0)
    if rows > 1 { t.close(s10, row: 1, panel: 0) }
    if rows > 2 { t.close(s20, row: 2, panel: 0) }
    if rows > 3 { t.close(s30, row: 3, panel: 0) }
    if rows > 4 { t.close(s40, row: 4, panel: 0) }
    if rows > 5 { t.close(s50, row: 5, panel: 0) }
}

/// Twelve windows, `step` floats apart, times the first half of a panel; one pass over all taps.
// swift-format-ignore: AlwaysUseLowerCamelCase
@inline(never)
private func convF32_12x8(
    _ t: GemmTile, _ start: UnsafePointer<Float>, _ step: Int, _ tapOffsets: UnsafePointer<Int>,
    _ taps: Int
) {
    let zero = F8(repeating: 0)
    var (s0, s1, s2, s3, s4, s5) = (zero, zero, zero, zero, zero, zero)
    var (s6, s7, s8, s9, s10, s11) = (zero, zero, zero, zero, zero, zero)
    var b = t.b
    for tap in 0..<taps {
        // Three windows an address: few registers hold them all.
        var p0 = start + tapOffsets[tap]
        var p3 = p0 + 3 * step
        var p6 = p3 + 3 * step
        var p9 = p6 + 3 * step
        let end = p0 + t.k
        while p0 < end {
            let w = load(b)
            s0 = multiplyAdd(s0, F8(repeating: p0[0]), w)
            s1 = multiplyAdd(s1, F8(repeating: p0[step]), w)
            s2 = multiplyAdd(s2, F8(repeating: p0[2 * step]), w)
            s3 = multiplyAdd(s3, F8(repeating: p3[0]), w)
            s4 = multiplyAdd(s4, F8(repeating: p3[step]), w)
            s5 = multiplyAdd(s5, F8(repeating: p3[2 * step]), w)
            s6 = multiplyAdd(s6, F8(repeating: p6[0]), w)
            s7 = multiplyAdd(s7, F8(repeating: p6[step]), w)
            s8 = multiplyAdd(s8, F8(repeating: p6[2 * step]), w)
            s9 = multiplyAdd(s9, F8(repeating: p9[0]), w)
            s10 = multiplyAdd(s10, F8(repeating: p9[step]), w)
            s11 = multiplyAdd(s11, F8(repeating: p9[2 * step]), w)
            b += 16
            p0 += 1
            p3 += 1
            p6 += 1
            p9 += 1
        }
    }
    let finish = NarrowEnd(t)
    finish.write(s0, 0)
    finish.write(s1, 1)
    finish.write(s2, 2)
    finish.write(s3, 3)
    finish.write(s4, 4)
    finish.write(s5, 5)
    finish.write(s6, 6)
    finish.write(s7, 7)
    finish.write(s8, 8)
    finish.write(s9, 9)
    finish.write(s10, 10)
    finish.write(s11, 11)
}

/// What happens to the sums of a narrow tile.
private struct NarrowEnd {
    let tile: GemmTile
    let bias: F8
    /// Rows are dense, and what is written behind one is written over by the next.
    let overlaps: Bool

    init(_ tile: GemmTile) {
        self.tile = tile
        bias = tile.bias.map { load($0, upTo: tile.columns) } ?? F8(repeating: 0)
        overlaps = tile.ldc == tile.columns && tile.columns >= 4
    }

    @inline(__always)
    func write(_ sum: F8, _ row: Int) {
        var value = sum
        if tile.bias != nil { value += bias }
        if let residual = tile.residual {
            value += load(residual + row * tile.ldc, upTo: tile.columns)
        }
        if tile.rectifies { value = rectify(value) }
        let target = tile.c + row * tile.ldc
        if tile.columns == 8 || overlaps && row < 11 {
            store(value, target)
        } else {
            store(value, target, count: tile.columns)
        }
    }
}

/// Eight floats, or fewer and zeros.
@inline(__always)
private func load(_ source: UnsafePointer<Float>, upTo count: Int) -> F8 {
    count >= 8 ? load(source) : load(source, count: count)
}
