import Primitives

#if MARTLET_FMA
    /// Sixteen vector registers of eight hold twelve sums.
    private let tallRows = 6
#else
    /// Sixteen vector registers of four hold twelve sums.
    private let tallRows = 3
#endif
/// Panels whose rows are finished together: a multiple of every tile's width, few enough to stay in
/// the second-level cache.
private let panelGroup = 6
/// Rows of B a pass reads: half as many keep a panel wholly in the first-level cache, but the sums
/// that are written and read back cost more (111 against 113 GFLOP/s at 128 × 512 × 512, measured).
private let depthBlock = 512
/// Rows of A that pass all panels together, at least, and floats of theirs: they stay in the
/// second-level cache, where a panel finds them again.
private let rowBlock = 192
private let rowBlockFloats = 48 << 10

/// c = activation(a · b + bias) with `b` in packed panels of 16 columns.
@inline(never)
public func gemmF32(
    a: UnsafePointer<Float>, lda: Int, m: Int, k: Int, b: UnsafePointer<Float>, n: Int,
    bias: UnsafePointer<Float>?, residual: UnsafePointer<Float>? = nil, activation: Activation,
    c: UnsafeMutablePointer<Float>, ldc: Int
) {
    let panels = Panels(base: b, bStep: 16, panelStep: 16 * k)
    multiply(
        a: a, lda: lda, m: m, k: k, b: panels, n: n, bias: bias, residual: residual,
        rectifies: activation == .relu, c: c, ldc: ldc)
    switch activation {
    case .none, .relu: break
    case .sigmoid: apply(.sigmoid, c, m: m, n: n, ldc: ldc)
    case .tanh: apply(.tanh, c, m: m, n: n, ldc: ldc)
    }
}

private func apply(
    _ function: UnaryFunction, _ c: UnsafeMutablePointer<Float>, m: Int, n: Int, ldc: Int
) {
    for row in 0..<m {
        let target = c + row * ldc
        unaryF32(function, target, target, count: n)
    }
}

/// c = a · b with `b` row-major where it lies; only the columns past the last whole panel are copied.
@inline(never)
public func matmulF32(
    a: UnsafePointer<Float>, m: Int, k: Int, b: UnsafePointer<Float>, n: Int,
    c: UnsafeMutablePointer<Float>
) {
    let whole = n & ~15
    if whole > 0 {
        let panels = Panels(base: b, bStep: n, panelStep: 16)
        multiply(
            a: a, lda: k, m: m, k: k, b: panels, n: whole, bias: nil, residual: nil,
            rectifies: false, c: c, ldc: n)
    }
    if whole < n { multiplyEdge(a: a, m: m, k: k, b: b + whole, n: n, c: c + whole, n - whole) }
}

/// The columns past the last whole panel: copied, padded, a few rows of B at a time.
private func multiplyEdge(
    a: UnsafePointer<Float>, m: Int, k: Int, b: UnsafePointer<Float>, n: Int,
    c: UnsafeMutablePointer<Float>, _ columns: Int
) {
    var copy = InlineArray<1024, Float>(repeating: 0)
    var start = 0
    repeat {
        let depth = min(64, k - start)
        for row in 0..<depth {
            for column in 0..<columns { copy[row * 16 + column] = b[(start + row) * n + column] }
        }
        copy.span.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            let block = Block(
                k: depth, isFirst: start == 0, isLast: start + depth == k, bias: nil,
                residual: nil, rectifies: false)
            multiply(
                block, a: a + start, lda: k, m: m, b: Panels(base: base, bStep: 16, panelStep: 0),
                n: columns, c: c, ldc: n)
        }
        start += depth
    } while start < k
}

/// Where the panels of B lie: packed, or columns of a row-major matrix.
struct Panels {
    var base: UnsafePointer<Float>
    let bStep: Int
    let panelStep: Int
}

/// A range of the k axis, and what happens at its ends.
struct Block {
    let k: Int
    let isFirst: Bool
    let isLast: Bool
    let bias: UnsafePointer<Float>?
    /// Laid out as C is.
    let residual: UnsafePointer<Float>?
    let rectifies: Bool
}

private func multiply(
    a: UnsafePointer<Float>, lda: Int, m: Int, k: Int, b: Panels, n: Int,
    bias: UnsafePointer<Float>?, residual: UnsafePointer<Float>?, rectifies: Bool,
    c: UnsafeMutablePointer<Float>, ldc: Int
) {
    // Few rows read every weight once: splitting k would only write the sums and read them back.
    let depthLimit = m <= tallRows ? Int.max : depthBlock
    let blockRows = max(
        rowBlock, rowBlockFloats / max(min(k, depthLimit), 1) / tallRows * tallRows)
    var row = 0
    while row < m {
        let rows = min(blockRows, m - row)
        var start = 0
        repeat {
            let depth = min(depthLimit, k - start)
            let block = Block(
                k: depth, isFirst: start == 0, isLast: start + depth == k, bias: bias,
                residual: residual.map { $0 + row * ldc }, rectifies: rectifies)
            var panels = b
            panels.base += start * b.bStep
            multiply(
                block, a: a + row * lda + start, lda: lda, m: rows, b: panels, n: n,
                c: c + row * ldc, ldc: ldc)
            start += depth
        } while start < k
        row += rows
    }
}

/// One block of k for all rows and panels: group by group of panels, tile by tile.
func multiply(
    _ block: Block, a: UnsafePointer<Float>, lda: Int, m: Int, b: Panels, n: Int,
    c: UnsafeMutablePointer<Float>, ldc: Int
) {
    // Last rows too few for a tile of one panel wait for tiles that span several.
    let last = rowsByPanel(m)
    let prefetches = b.bStep == 16
    var column = 0
    var panel = 0
    while column < n {
        let columns = min(panelGroup * 16, n - column)
        var tile = GemmTile(
            a: a, lda: lda, b: b.base + panel * b.panelStep, bStep: b.bStep,
            panelStep: b.panelStep, k: block.k, c: c + column, ldc: ldc, columns: columns,
            isFirst: block.isFirst, isLast: block.isLast, bias: block.bias.map { $0 + column },
            rectifies: block.rectifies, residual: block.residual.map { $0 + column })
        if last > 0 { multiplyTall(tile, rows: last, prefetches: prefetches) }
        if last < m {
            tile.a += last * lda
            tile.c += last * ldc
            tile.residual = tile.residual.map { $0 + last * ldc }
            multiplyRest(tile, rows: m - last)
        }
        column += columns
        panel += panelGroup
    }
}

/// Rows that tiles of one panel do alone.
private func rowsByPanel(_ rows: Int) -> Int {
    #if MARTLET_FMA
        rows < 4 ? 0 : rows == 7 ? 6 : rows
    #else
        rows - rows % tallRows
    #endif
}

/// Tiles of four to six rows, panel by panel: a panel stays in the first-level cache while rows pass.
private func multiplyTall(_ group: GemmTile, rows: Int, prefetches: Bool) {
    var group = group
    let tiles = (rows + tallRows - 1) / tallRows
    while group.columns > 0 {
        var tile = group
        var (row, count) = (0, 0)
        while row < rows {
            if prefetches { tile.fetch(part: min(count, tiles - 1), of: tiles) }
            #if MARTLET_FMA
                // Six, but for the last that would leave fewer than four: 8 are 4 + 4, 9 are 5 + 4.
                let height: Int
                switch rows - row {
                case 4, 8:
                    height = 4
                    gemmF32_4x16(tile)
                case 5, 9, 13:
                    height = 5
                    gemmF32_5x16(tile)
                default:
                    height = 6
                    gemmF32_6x16(tile)
                }
            #else
                let height = tallRows
                gemmF32_3x16(tile)
            #endif
            tile.a += height * tile.lda
            tile.c += height * tile.ldc
            tile.residual = tile.residual.map { $0 + height * tile.ldc }
            row += height
            count += 1
        }
        group.advance(panels: 1)
    }
}

/// The last rows, fewer than a tall tile has: wide tiles while there are panels enough.
private func multiplyRest(_ group: GemmTile, rows: Int) {
    var tile = group
    while tile.columns > 0 {
        let panels = (tile.columns + 15) / 16
        switch (rows, panels) {
        case (1, 6...):
            gemmF32_1x96(tile)
            tile.advance(panels: 6)
        case (1, 4...):
            gemmF32_1x64(tile)
            tile.advance(panels: 4)
        case (1, _):
            gemmF32_1x16(tile)
            tile.advance(panels: 1)
        case (2, 3...):
            gemmF32_2x48(tile)
            tile.advance(panels: 3)
        case (2, _):
            gemmF32_2x16(tile)
            tile.advance(panels: 1)
        case (3, 2...):
            gemmF32_3x32(tile)
            tile.advance(panels: 2)
        case (3, _):
            gemmF32_3x16(tile)
            tile.advance(panels: 1)
        case (4, _):
            gemmF32_4x16(tile)
            tile.advance(panels: 1)
        default:
            gemmF32_5x16(tile)
            tile.advance(panels: 1)
        }
    }
}

extension GemmTile {
    /// Moves on to later panels.
    @inline(__always)
    mutating func advance(panels: Int) {
        b += panels * panelStep
        c += panels * 16
        bias = bias.map { $0 + panels * 16 }
        residual = residual.map { $0 + panels * 16 }
        columns -= panels * 16
    }
}
