/// Sums of `rows` × `panels`, all in registers: with VNNI up to 6 × 4, else up to 2 × 1 (of two lanes
/// a column).
struct ByteTileSums<let rows: Int, let panels: Int> {
    private var sums = InlineArray<rows, InlineArray<panels, ByteSums>>(
        repeating: InlineArray(repeating: ByteSums()))

    @inline(__always)
    init() {}

    /// Runs over all taps, run by run, four bytes at a time, and writes the results.
    @inline(__always)
    static func multiply(_ tile: ByteTile) {
        var sums = Self()
        var b = tile.b
        for tap in 0..<tile.taps {
            let offset = tile.tapOffsets[tap]
            var at = offset
            let end = offset + (tile.run & ~3)
            while at < end {
                sums.add(tile, b) { word(tile.starts[$0] + at) }
                b += 64
                at += 4
            }
            let rest = tile.run & 3
            if rest != 0 {
                sums.add(tile, b) { word(tile.starts[$0] + at, count: rest) }
                b += 64
            }
        }
        for row in 0..<rows {
            for panel in 0..<panels {
                tile.close(sums.sums[row][panel].columns, row: row, panel: panel)
            }
        }
    }

    @inline(__always)
    private mutating func add(
        _ tile: ByteTile, _ b: UnsafePointer<Int8>, _ word: (Int) -> UInt32
    ) {
        var weights = InlineArray<panels, BytePanel>(repeating: BytePanel(b))
        for panel in 0..<panels { weights[panel] = BytePanel(b + panel * tile.panelStep) }
        for row in 0..<rows {
            let a = ByteWord(word(row) ^ tile.flip)
            for panel in 0..<panels { sums[row][panel].add(a, weights[panel]) }
        }
    }
}
