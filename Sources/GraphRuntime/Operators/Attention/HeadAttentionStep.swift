import Kernels
import Primitives

/// Attention cut into parts by heads and blocks of queries: no block looks at another.
final class HeadAttentionStep: PartedStep {
    private let (q, k, v, y): (Operand, Operand, Operand, Operand)
    private let mask: Operand?
    private let scratch: Operand
    private let sizes: HeadAttentionOperator.Sizes
    private let target: AttentionHeads
    private let maskStrides: [Int]
    private let scale: Float
    private let (isCausal, zeroesNaN): (Bool, Bool)
    /// Blocks of queries a head.
    private let blocks: Int

    init(
        _ inputs: Operands, _ outputs: Operands, _ sizes: HeadAttentionOperator.Sizes,
        _ target: AttentionHeads, maskStrides: [Int], scale: Float, isCausal: Bool,
        zeroesNaN: Bool
    ) {
        (q, k, v, y) = (inputs[0], inputs[1], inputs[2], outputs[0])
        mask = inputs.optional(3)
        scratch = outputs.scratch[0]
        self.sizes = sizes
        self.target = target
        self.maskStrides = maskStrides
        (self.scale, self.isCausal, self.zeroesNaN) = (scale, isCausal, zeroesNaN)
        blocks = (sizes.q.rows + AttentionBlock.queryRows - 1) / AttentionBlock.queryRows
    }

    private var unitCount: Int { sizes.batch * sizes.heads * blocks }

    func partCount(phase: Int, lanes: Int) -> Int {
        // An exponential is some 20 operations.
        let scores = sizes.batch &* sizes.heads &* sizes.q.rows &* sizes.k.rows
        let work = scores &* (2 * (sizes.q.columns + sizes.v.columns) + 20)
        let count = Parting.count(work: work, partMin: Parting.operationsMin, lanes: lanes)
        return max(1, min(count, scratch.shape[0], unitCount))
    }

    /// The blocks of a part that belong to one head are one call, for which its keys are packed once.
    func run(phase: Int, part: Int, of parts: Int, _ workspace: Workspace) {
        let range = Parting.range(unitCount, part: part, of: parts)
        var unit = range.lowerBound
        while unit < range.upperBound {
            let (head, first) = unit.quotientAndRemainder(dividingBy: blocks)
            let count = min(blocks - first, range.upperBound - unit)
            let (item, own) = head.quotientAndRemainder(dividingBy: sizes.heads)
            let start = first * AttentionBlock.queryRows
            let end = min(start + count * AttentionBlock.queryRows, sizes.q.rows)
            compute(workspace, item, own, start..<end, lane: part)
            unit += count
        }
    }

    private func compute(
        _ workspace: Workspace, _ item: Int, _ head: Int, _ queries: Range<Int>, lane: Int
    ) {
        let (q, k, v) = (sizes.q, sizes.k, sizes.v)
        var block = AttentionBlock(
            queries: queries.count, keys: k.rows, width: q.columns, valueWidth: v.columns,
            q: (q.rowStride, q.columnStride), k: (k.rowStride, k.columnStride),
            v: (v.rowStride, v.columnStride), yStride: target.rowStride, scale: scale)
        block.zeroesNaN = zeroesNaN
        if isCausal { block.openKeys = k.rows - q.rows + queries.lowerBound + 1 }
        var hidden: Span<Float>?
        if let mask {
            block.mask = (maskStrides[2], maskStrides[3])
            let from =
                item * maskStrides[0] + head * maskStrides[1]
                + queries.lowerBound * maskStrides[2]
            hidden = workspace.span(mask, as: Float.self).extracting(from...)
        }
        let all = sizes.heads
        let own = lane * sizes.scratchCount
        var scratch = workspace.mutableSpan(
            self.scratch, as: Float.self, range: own..<own + sizes.scratchCount)
        let place =
            target.start(item, head, of: all) + queries.lowerBound * target.rowStride
        var output = workspace.mutableSpan(y, as: Float.self, range: place..<y.count)
        let from = q.start(item, head, of: all) + queries.lowerBound * q.rowStride
        KernelSet.best.attend(
            q: workspace.span(self.q, as: Float.self).extracting(from...),
            k: workspace.span(self.k, as: Float.self).extracting(k.start(item, head, of: all)...),
            v: workspace.span(self.v, as: Float.self).extracting(v.start(item, head, of: all)...),
            mask: hidden, block, scratch: &scratch, y: &output)
    }
}
