import KernelsPortable
import KernelsV3
import Primitives

extension KernelSet {
    /// y = softmax(q · kᵀ · scale + mask) · v for some queries of one head, without a score matrix larger
    /// than 48 × 256.
    ///
    /// Each span begins with the head's first value (of q, mask and y: with the first query's). Keys go by
    /// blocks of 256, so that a query's bits depend on its own values, its keys and, where a mask
    /// hides NaN or ∞, on the queries in the same 48. A query that sees no key becomes NaN.
    /// `scratch` holds `AttentionBlock.scratchCount` values and starts with anything.
    /// - Cost: 2 · queries · keys · (width + valueWidth) operations and queries · keys exponentials.
    @inline(never)
    public func attend(
        q: Span<Float>, k: Span<Float>, v: Span<Float>, mask: Span<Float>?,
        _ block: AttentionBlock, scratch: inout MutableSpan<Float>, y: inout MutableSpan<Float>
    ) {
        precondition(
            block.queries >= 0 && block.keys > 0 && block.width >= 0 && block.valueWidth >= 0,
            "sizes are never negative, and there is a key")
        if block.queries == 0 || block.valueWidth == 0 { return }
        checkMatrix(q.count, block.queries, block.width, block.q)
        checkMatrix(k.count, block.keys, block.width, block.k)
        checkMatrix(v.count, block.keys, block.valueWidth, block.v)
        checkMatrix(y.count, block.queries, block.valueWidth, (block.yStride, 1))
        var maskAddress: UnsafePointer<Float>?
        if let mask {
            checkMatrix(mask.count, block.queries, block.keys, block.mask)
            maskAddress = unsafe mask.address
        }
        let needed = AttentionBlock.scratchCount(
            keys: block.keys, width: block.width, valueWidth: block.valueWidth)
        precondition(scratch.count >= needed, "there is room for the blocks")
        switch level {
        case .portable:
            unsafe KernelsPortable.attendF32(
                q: q.address, k: k.address, v: v.address, mask: maskAddress, block,
                scratch: scratch.address, y: y.address)
        case .v3:
            unsafe KernelsV3.attendF32(
                q: q.address, k: k.address, v: v.address, mask: maskAddress, block,
                scratch: scratch.address, y: y.address)
        }
    }
}

/// Checks that a matrix with these distances lies within `count` values.
private func checkMatrix(
    _ count: Int, _ rows: Int, _ columns: Int, _ strides: AttentionBlock.Strides
) {
    if rows == 0 || columns == 0 { return }
    let last = area(rows - 1, strides.row) + area(columns - 1, strides.column)
    precondition(last < count, "every value of a matrix lies inside its span")
}
