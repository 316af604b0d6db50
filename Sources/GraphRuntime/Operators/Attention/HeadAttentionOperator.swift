import Kernels
import Primitives

/// softmax(q · kᵀ · scale + mask) · v for every head, without a score matrix: block by block of queries
/// and keys (`KernelSet.attend`), which threads share.
///
/// Passes make it from the exporters' MatMul, Softmax and MatMul, and from `com.microsoft` attention.
/// Inputs: q, k, v, and an additive mask that broadcasts to [batch, heads, queries, keys]. Attributes:
/// `layouts` (of q, k, v and y: `HeadLayout`), `heads` (for tensors of three dimensions), `scale`
/// (0 means 1 / √width), `causal` (a query sees no key behind its own place, counted from the end),
/// `zeroesNaN` (a query that sees no key at all has weights of 0, not NaN).
///
/// A head is computed on its own, a block of queries at a time, so that no answer depends on the batch.
final class HeadAttentionOperator: Operator {
    private let layouts: [HeadLayout]
    private let headCount: Int
    private let scale: Float
    private let isCausal: Bool
    private let zeroesNaN: Bool

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(3, max: 4)
        try context.requireOutputs(1)
        let given = try context.ints("layouts") ?? [0, 0, 0, 0]
        layouts = given.compactMap { HeadLayout(rawValue: $0) }
        guard layouts.count == 4, given.count == 4, layouts[3] != .transposed else {
            throw OperatorFailure("its layouts are not four of those there are")
        }
        headCount = try context.int("heads", default: 0)
        scale = try context.float("scale", default: 0)
        isCausal = try context.flag("causal", default: false)
        zeroesNaN = try context.flag("zeroesNaN", default: false)
        guard headCount >= 0 else { throw OperatorFailure("it has \(headCount) heads") }
    }

    struct Sizes: Sendable {
        let (q, k, v): (AttentionHeads, AttentionHeads, AttentionHeads)
        let (batch, heads): (Int, Int)
        let shape: [Int]
        let isPacked: Bool

        var scratchCount: Int {
            AttentionBlock.scratchCount(
                keys: k.rows, width: q.columns, valueWidth: v.columns)
        }
    }

    private func sizes(_ inputs: Inputs) throws(OperatorFailure) -> Sizes {
        let shapes = (0..<3).map { inputs[$0].shape }
        let q = try AttentionHeads(shapes[0], layouts[0], headCount: headCount)
        let k = try AttentionHeads(shapes[1], layouts[1], headCount: headCount)
        let v = try AttentionHeads(shapes[2], layouts[2], headCount: headCount)
        let mask = inputs.optional(3)?.shape
        var batch = max(q.batch, k.batch, v.batch)
        if let mask, mask.count == 4, batch == 1 { batch = mask[0] }
        let heads = max(q.heads, k.heads, v.heads)
        let areBatches = [q, k, v].allSatisfy { $0.batch == batch || $0.batch == 1 }
        let areHeads = [q, k, v].allSatisfy { $0.heads > 0 && heads % $0.heads == 0 }
        let scores = [batch, heads, q.rows, k.rows]
        guard areBatches, areHeads, q.columns == k.columns, k.rows == v.rows, k.rows > 0,
            mask.map({ $0.count <= 4 && Shape.broadcast($0, scores) == scores }) ?? true
        else {
            let text = shapes.map { Shape.text($0) }.joined(separator: ", ")
            throw OperatorFailure(
                "\(text) do not fit as queries, keys and values, or the mask does not")
        }
        let isPacked = headCount > 0
        let shape =
            isPacked
            ? [batch, q.rows, heads * v.columns]
            : layouts[3] == .rowsFirst
                ? [batch, q.rows, heads, v.columns] : [batch, heads, q.rows, v.columns]
        return Sizes(q: q, k: k, v: v, batch: batch, heads: heads, shape: shape, isPacked: isPacked)
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        for index in 0..<min(inputs.count, 4) where inputs.optional(index) != nil {
            _ = try inputs.dataType(index, oneOf: [.float32], "its input \(index)")
        }
        return [ValueInfo(.float32, try sizes(inputs).shape)]
    }

    /// The blocks of each thread.
    func scratch(_ inputs: Inputs, _ outputs: [ValueInfo]) -> [ValueInfo] {
        guard let s = try? sizes(inputs) else { return [] }
        return [ValueInfo(.float32, [ThreadTeam.laneCountMax, s.scratchCount])]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let s = try sizes(inputs.infos)
        let target = try AttentionHeads(
            s.shape, s.isPacked ? .rowsFirst : layouts[3], headCount: s.isPacked ? s.heads : 0)
        var strides: [Int] = []
        if let mask = inputs.optional(3) {
            strides = StridedLoop.broadcastStrides(
                mask.shape, to: [s.batch, s.heads, s.q.rows, s.k.rows])
        }
        return HeadAttentionStep(
            inputs, outputs, s, target, maskStrides: strides,
            scale: scale == 0 ? 1 / Float(s.q.columns).squareRoot() : scale, isCausal: isCausal,
            zeroesNaN: zeroesNaN)
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int {
        guard let s = try? sizes(inputs) else { return 0 }
        let products = s.batch &* s.heads &* s.q.rows &* s.k.rows
        return 2 &* products &* (s.q.columns &+ s.v.columns)
    }
}
