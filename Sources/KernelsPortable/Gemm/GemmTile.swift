import CVector

/// One row of a tile over one panel: 16 sums in two registers.
struct Strip {
    var low: F8
    var high: F8

    /// sums += a · (16 values of B).
    @inline(__always)
    mutating func add(_ a: F8, _ b: UnsafePointer<Float>) {
        low = multiplyAdd(low, a, load(b))
        high = multiplyAdd(high, a, load(b + 8))
    }

    @inline(__always)
    mutating func add(_ a: F8, _ b: Strip) {
        low = multiplyAdd(low, a, b.low)
        high = multiplyAdd(high, a, b.high)
    }
}

/// What a micro-kernel works on: some rows of A, some panels of B, a block of the k axis.
struct GemmTile {
    var a: UnsafePointer<Float>
    let lda: Int
    /// The first panel's first row of 16 values.
    var b: UnsafePointer<Float>
    /// Floats from one k to the next, and from one panel to the next.
    let bStep: Int
    let panelStep: Int
    let k: Int
    var c: UnsafeMutablePointer<Float>
    let ldc: Int
    /// Columns of C from `c` on: fewer than the panels hold at the right edge.
    var columns: Int
    /// The first block of k starts from 0, a later one from what C holds.
    let isFirst: Bool
    /// The last block of k adds the bias and rectifies.
    let isLast: Bool
    var bias: UnsafePointer<Float>?
    let rectifies: Bool
    /// Added after the bias, laid out as C is.
    var residual: UnsafePointer<Float>?
    /// Where memory is fetched from ahead of its use, and floats from one k to the next.
    var ahead: UnsafePointer<Float>
    var aheadStep = 0

    init(
        a: UnsafePointer<Float>, lda: Int, b: UnsafePointer<Float>, bStep: Int, panelStep: Int,
        k: Int, c: UnsafeMutablePointer<Float>, ldc: Int, columns: Int, isFirst: Bool, isLast: Bool,
        bias: UnsafePointer<Float>?, rectifies: Bool, residual: UnsafePointer<Float>?
    ) {
        (self.a, self.lda, self.b, self.bStep) = (a, lda, b, bStep)
        (self.panelStep, self.k, self.c, self.ldc) = (panelStep, k, c, ldc)
        (self.columns, self.isFirst, self.isLast) = (columns, isFirst, isLast)
        (self.bias, self.rectifies, self.residual) = (bias, rectifies, residual)
        ahead = b
    }

    /// Lets the tile fetch its part of the next panel: as many tiles as use this one share the work,
    /// so that memory and arithmetic are busy at the same time. (The panel behind the last is not
    /// there: fetching ahead of the end does nothing.)
    @inline(__always)
    mutating func fetch(part: Int, of parts: Int) {
        ahead = b + panelStep + part * k * 16 / parts
        aheadStep = (16 + parts - 1) / parts
    }

    @inline(__always)
    static func prefetch(_ address: UnsafePointer<Float>) { martlet_prefetch(address) }

    @inline(__always)
    func panel(_ index: Int) -> UnsafePointer<Float> { b + index * panelStep }

    /// The sums so far.
    @inline(__always)
    func open(row: Int, panel: Int) -> Strip {
        if isFirst { return Strip(low: F8(repeating: 0), high: F8(repeating: 0)) }
        let source = UnsafePointer(c + row * ldc + panel * 16)
        let columns = columns - panel * 16
        if columns >= 16 { return Strip(low: load(source), high: load(source + 8)) }
        return loadEdge(source, columns)
    }

    /// Writes the sums, finished by bias and rectification when k is done.
    @inline(__always)
    func close(_ strip: Strip, row: Int, panel: Int) {
        let target = c + row * ldc + panel * 16
        let columns = columns - panel * 16
        let isWhole = columns >= 16
        var strip = strip
        if isLast {
            if let bias {
                let source = bias + panel * 16
                let addend =
                    isWhole
                    ? Strip(low: load(source), high: load(source + 8)) : loadEdge(source, columns)
                strip.low += addend.low
                strip.high += addend.high
            }
            if let residual {
                let source = residual + row * ldc + panel * 16
                let addend =
                    isWhole
                    ? Strip(low: load(source), high: load(source + 8)) : loadEdge(source, columns)
                strip.low += addend.low
                strip.high += addend.high
            }
            if rectifies {
                strip.low = rectify(strip.low)
                strip.high = rectify(strip.high)
            }
        }
        if isWhole {
            store(strip.low, target)
            store(strip.high, target + 8)
        } else {
            storeEdge(strip, target, columns)
        }
    }
}

/// The usual end of a tile of one panel: whole, and nothing added but a bias. (`GemmTile.close` is too
/// large to be inlined for every row.)
struct PlainEnd {
    private let c: UnsafeMutablePointer<Float>
    private let ldc: Int
    private let bias: Strip
    private let hasBias: Bool
    private let rectifies: Bool

    /// nil when the tile ends otherwise.
    @inline(__always)
    init?(_ tile: GemmTile) {
        guard tile.columns >= 16, tile.residual == nil || !tile.isLast else { return nil }
        (c, ldc) = (tile.c, tile.ldc)
        let source = tile.isLast ? tile.bias : nil
        hasBias = source != nil
        bias =
            source.map { Strip(low: load($0), high: load($0 + 8)) }
            ?? Strip(low: F8(repeating: 0), high: F8(repeating: 0))
        rectifies = tile.isLast && tile.rectifies
    }

    @inline(__always)
    func close(_ strip: Strip, row: Int) {
        var (low, high) = (strip.low, strip.high)
        if hasBias {
            low += bias.low
            high += bias.high
        }
        if rectifies {
            low = rectify(low)
            high = rectify(high)
        }
        store(low, c + row * ldc)
        store(high, c + row * ldc + 8)
    }
}

@inline(never)
private func loadEdge(_ source: UnsafePointer<Float>, _ columns: Int) -> Strip {
    if columns < 8 {
        return Strip(low: load(source, count: columns), high: F8(repeating: 0))
    }
    return Strip(low: load(source), high: load(source + 8, count: columns - 8))
}

@inline(never)
private func storeEdge(_ strip: Strip, _ target: UnsafeMutablePointer<Float>, _ columns: Int) {
    if columns < 8 {
        store(strip.low, target, count: columns)
    } else {
        store(strip.low, target)
        store(strip.high, target + 8, count: columns - 8)
    }
}
