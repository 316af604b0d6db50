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
                starts, count, shape.run, tapOffsets, taps, filters, columns, bias,
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
    _ starts: UnsafeMutablePointer<UnsafePointer<Float>>, _ count: Int, _ run: Int,
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
                var row = 0
                while row < count {
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
    t.close(s00, row: 0, panel: 0)
    if rows > 1 { t.close(s10, row: 1, panel: 0) }
    if rows > 2 { t.close(s20, row: 2, panel: 0) }
    if rows > 3 { t.close(s30, row: 3, panel: 0) }
    if rows > 4 { t.close(s40, row: 4, panel: 0) }
    if rows > 5 { t.close(s50, row: 5, panel: 0) }
}
