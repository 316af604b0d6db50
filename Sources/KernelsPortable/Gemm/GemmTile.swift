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
