import Primitives

// Blocks of queries against blocks of keys, with sums that are corrected when a later block has a
// greater score (Milakov & Gimelshein, "Online normalizer calculation for softmax", 2018; Dao and
// others, "FlashAttention", 2022). Up to 256 keys are one block, and nothing is corrected.

/// y = softmax(q · kᵀ · scale + mask) · v, as `KernelSet.attend` says. The caller has checked every
/// bound.
@inline(never)
public func attendF32(
    q: UnsafePointer<Float>, k: UnsafePointer<Float>, v: UnsafePointer<Float>,
    mask: UnsafePointer<Float>?, _ shape: AttentionBlock,
    scratch: UnsafeMutablePointer<Float>, y: UnsafeMutablePointer<Float>
) {
    let work = AttentionWork(shape, q, k, v, mask, y, scratch)
    let isOneBlock = shape.keys <= AttentionBlock.keyRows
    if isOneBlock { work.pack(firstKey: 0, count: shape.keys) }
    var first = 0
    while first < shape.queries {
        let rows = min(AttentionBlock.queryRows, shape.queries - first)
        work.scaleQueries(first, rows)
        // Keys that no query of the block sees are not read.
        let open = shape.openKeys.map { min(max($0 + first + rows - 1, 1), shape.keys) }
        var key = 0
        repeat {
            let count = min(AttentionBlock.keyRows, shape.keys - key)
            if !isOneBlock { work.pack(firstKey: key, count: count) }
            work.add(firstQuery: first, rows, firstKey: key, count)
            key += AttentionBlock.keyRows
        } while key < open ?? shape.keys
        work.finish(first, rows)
        first += rows
    }
}

/// The operands of a call, and its scratch memory.
private struct AttentionWork {
    let shape: AttentionBlock
    let (q, k, v): (UnsafePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>)
    let mask: UnsafePointer<Float>?
    let y: UnsafeMutablePointer<Float>
    /// A block of queries, row by row; panels of 16 keys and of 16 columns of values; scores; the
    /// greatest score of each query, and the sum of its weights.
    let (queries, keys, values): (Floats, Floats, Floats)
    let (scores, tops, totals): (Floats, Floats, Floats)

    typealias Floats = UnsafeMutablePointer<Float>

    init(
        _ shape: AttentionBlock, _ q: UnsafePointer<Float>, _ k: UnsafePointer<Float>,
        _ v: UnsafePointer<Float>, _ mask: UnsafePointer<Float>?, _ y: Floats, _ scratch: Floats
    ) {
        self.shape = shape
        (self.q, self.k, self.v, self.mask, self.y) = (q, k, v, mask, y)
        let block = (min(shape.keys, AttentionBlock.keyRows) + 15) & ~15
        queries = scratch
        keys = queries + AttentionBlock.queryRows * shape.width
        values = keys + block * shape.width
        scores = values + block * ((shape.valueWidth + 15) & ~15)
        tops = scores + AttentionBlock.queryRows * block
        totals = tops + AttentionBlock.queryRows
    }

    // MARK: Copies

    func scaleQueries(_ first: Int, _ rows: Int) {
        let scale = F8(repeating: shape.scale)
        for row in 0..<rows {
            let source = q + (first + row) * shape.q.row
            let target = queries + row * shape.width
            if shape.q.column == 1 {
                map(source, target, shape.width) { $0 * scale }
            } else {
                for column in 0..<shape.width {
                    target[column] = source[column * shape.q.column] * shape.scale
                }
            }
        }
    }

    /// Keys and values of a block, as panels of 16 columns.
    func pack(firstKey: Int, count: Int) {
        let source = k + firstKey * shape.k.row
        var key = 0
        while key < count {
            packKeys(
                source + key * shape.k.row, min(16, count - key), keys + key * shape.width)
            key += 16
        }
        let rows = v + firstKey * shape.v.row
        var column = 0
        while column < shape.valueWidth {
            let columns = min(16, shape.valueWidth - column)
            let target = values + column * count
            for row in 0..<count {
                let from = rows + row * shape.v.row + column * shape.v.column
                let to = target + row * 16
                if columns == 16, shape.v.column == 1 {
                    store(load(from), to)
                    store(load(from + 8), to + 8)
                } else {
                    for index in 0..<16 {
                        to[index] = index < columns ? from[index * shape.v.column] : 0
                    }
                }
            }
            column += 16
        }
    }

    /// A panel of keys: 16 values for each column, zeros past the last key.
    private func packKeys(_ source: UnsafePointer<Float>, _ count: Int, _ target: Floats) {
        var column = 0
        if count == 16, shape.k.column == 1 {
            while column + 8 <= shape.width {
                for half in 0..<2 {
                    let from = source + half * 8 * shape.k.row + column
                    turn(from, step: shape.k.row, target + column * 16 + half * 8)
                }
                column += 8
            }
        }
        for column in column..<shape.width {
            let from = source + column * shape.k.column
            let to = target + column * 16
            for key in 0..<16 { to[key] = key < count ? from[key * shape.k.row] : 0 }
        }
    }

    // MARK: Blocks

    /// A block of keys: scores, weights, and what they add to the queries' rows of y.
    func add(firstQuery: Int, _ rows: Int, firstKey: Int, _ count: Int) {
        let isFirst = firstKey == 0
        multiply(
            Block(
                k: shape.width, isFirst: true, isLast: true, bias: nil, residual: nil,
                rectifies: false), a: queries, lda: shape.width, m: rows,
            b: Panels(base: keys, bStep: 16, panelStep: 16 * shape.width), n: count, c: scores,
            ldc: count)
        for row in 0..<rows {
            weigh(firstQuery + row, row, firstKey: firstKey, count)
        }
        multiply(
            Block(
                k: count, isFirst: isFirst, isLast: false, bias: nil, residual: nil,
                rectifies: false), a: scores, lda: count, m: rows,
            b: Panels(base: values, bStep: 16, panelStep: 16 * count), n: shape.valueWidth,
            c: y + firstQuery * shape.yStride, ldc: shape.yStride)
    }

    /// Makes a row of scores weights, all relative to the greatest so far; what was summed relative to
    /// a smaller one is corrected.
    private func weigh(_ query: Int, _ row: Int, firstKey: Int, _ count: Int) {
        let line = scores + row * count
        if let mask {
            let from = mask + query * shape.mask.row + firstKey * shape.mask.column
            if shape.mask.column == 1 {
                binaryF32(.add, line, from, line, count: count)
            } else {
                for key in 0..<count { line[key] += from[key * shape.mask.column] }
            }
        }
        if let openKeys = shape.openKeys {
            let open = min(max(openKeys + query - firstKey, 0), count)
            for key in open..<count { line[key] = -.infinity }
        }
        let top = greatestF32(line, count: count)
        if firstKey == 0 {
            tops[row] = top
            totals[row] = exponentials(line, minus: top == -.infinity ? 0 : top, count, line)
            return
        }
        let old = tops[row]
        let greatest = top > old ? top : old
        // Nothing seen so far: all weights are 0, whatever they are relative to.
        let shift = greatest == -.infinity ? 0 : greatest
        let total = exponentials(line, minus: shift, count, line)
        let factor = exponential(F8(repeating: old - shift))
        tops[row] = greatest
        totals[row] = totals[row] * factor[0] + total
        if factor[0] != 1 {
            let target = y + query * shape.yStride
            map(UnsafePointer(target), target, shape.valueWidth) { $0 * factor }
        }
    }

    /// Divides the rows of y by the sums of their weights.
    func finish(_ first: Int, _ rows: Int) {
        for row in 0..<rows {
            let target = y + (first + row) * shape.yStride
            if shape.zeroesNaN, !(totals[row] > 0) {
                for column in 0..<shape.valueWidth { target[column] = 0 }
                continue
            }
            let total = F8(repeating: totals[row])
            map(UnsafePointer(target), target, shape.valueWidth) { $0 / total }
        }
    }
}

/// Eight rows of eight values become eight columns, 16 floats apart: three perfect shuffles
/// (Stone, "Parallel processing with the perfect shuffle", 1971).
@inline(__always)
private func turn(_ source: UnsafePointer<Float>, step: Int, _ target: UnsafeMutablePointer<Float>)
{
    var r0 = load(source)
    var r1 = load(source + step)
    var r2 = load(source + 2 * step)
    var r3 = load(source + 3 * step)
    var r4 = load(source + 4 * step)
    var r5 = load(source + 5 * step)
    var r6 = load(source + 6 * step)
    var r7 = load(source + 7 * step)
    for _ in 0..<3 {
        let (a, b) = (interleave(r0, r4), interleave(r1, r5))
        let (c, d) = (interleave(r2, r6), interleave(r3, r7))
        (r0, r1, r2, r3) = (a.lowHalf, a.highHalf, b.lowHalf, b.highHalf)
        (r4, r5, r6, r7) = (c.lowHalf, c.highHalf, d.lowHalf, d.highHalf)
    }
    store(r0, target)
    store(r1, target + 16)
    store(r2, target + 32)
    store(r3, target + 48)
    store(r4, target + 64)
    store(r5, target + 80)
    store(r6, target + 96)
    store(r7, target + 112)
}

/// a0, b0, a1, b1, …
@inline(__always)
private func interleave(_ a: F8, _ b: F8) -> SIMD16<Float> {
    var both = SIMD16<Float>(lowHalf: a, highHalf: b)
    both.evenHalf = a
    both.oddHalf = b
    return both
}
