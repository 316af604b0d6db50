import Kernels
import Primitives

/// softmax(q · kᵀ · scale + mask) · v for every head, without a score matrix larger than a block of
/// queries (Dao and others, "FlashAttention", 2022, has the idea of blocks; here a block has all keys).
///
/// Passes make it from the exporters' MatMul, Softmax and MatMul, and from `com.microsoft` attention.
/// Inputs: q, k, v, and an additive mask that broadcasts to [batch, heads, queries, keys]. Attributes:
/// `layouts` (of q, k, v and y: `HeadLayout`), `heads` (for tensors of three dimensions), `scale`
/// (0 means 1 / √width), `causal` (a query sees no key behind its own place, counted from the end),
/// `zeroesNaN` (a query that sees no key at all has weights of 0, not NaN).
///
/// A head is computed on its own, a block of queries at a time, so that no answer depends on the batch.
final class HeadAttentionOperator: Operator {
    /// Queries of a block: their scores against 512 keys are 128 KiB.
    fileprivate static let blockRows = 64

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

    fileprivate struct Sizes {
        let (q, k, v): (AttentionHeads, AttentionHeads, AttentionHeads)
        let (batch, heads): (Int, Int)
        let shape: [Int]
        let isPacked: Bool
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

    /// Keys of a head, transposed; its values; a block of queries, scores and results.
    func scratch(_ inputs: Inputs, _ outputs: [ValueInfo]) -> [ValueInfo] {
        guard let s = try? sizes(inputs) else { return [] }
        let rows = min(Self.blockRows, s.q.rows)
        return [
            ValueInfo(.float32, [s.k.columns, s.k.rows]),
            ValueInfo(.float32, [s.v.rows, s.v.columns]),
            ValueInfo(.float32, [rows, max(s.q.columns, s.v.columns)]),
            ValueInfo(.float32, [rows, s.k.rows]),
        ]
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

private final class HeadAttentionStep: Step {
    private let (q, k, v, y): (Operand, Operand, Operand, Operand)
    private let mask: Operand?
    private let (keys, values, block, scores): (Operand, Operand, Operand, Operand)
    private let sizes: HeadAttentionOperator.Sizes
    private let target: AttentionHeads
    private let maskStrides: [Int]
    private let scale: Float
    private let (isCausal, zeroesNaN): (Bool, Bool)

    init(
        _ inputs: Operands, _ outputs: Operands, _ sizes: HeadAttentionOperator.Sizes,
        _ target: AttentionHeads, maskStrides: [Int], scale: Float, isCausal: Bool,
        zeroesNaN: Bool
    ) {
        (q, k, v, y) = (inputs[0], inputs[1], inputs[2], outputs[0])
        mask = inputs.optional(3)
        let scratch = outputs.scratch
        (keys, values, block, scores) = (scratch[0], scratch[1], scratch[2], scratch[3])
        self.sizes = sizes
        self.target = target
        self.maskStrides = maskStrides
        (self.scale, self.isCausal, self.zeroesNaN) = (scale, isCausal, zeroesNaN)
    }

    func run(_ workspace: Workspace) {
        for item in 0..<sizes.batch {
            for head in 0..<sizes.heads {
                gather(workspace, item, head)
                var first = 0
                while first < sizes.q.rows {
                    let rows = min(HeadAttentionOperator.blockRows, sizes.q.rows - first)
                    compute(workspace, item, head, first, rows)
                    first += rows
                }
            }
        }
    }

    /// The head's keys, a column a key, and its values, a row a key.
    private func gather(_ workspace: Workspace, _ item: Int, _ head: Int) {
        let (k, v) = (sizes.k, sizes.v)
        let keySource = workspace.span(self.k, as: Float.self)
        var keyTarget = workspace.mutableSpan(keys, as: Float.self)
        let keyStart = k.start(item, head, of: sizes.heads)
        for column in 0..<k.columns {
            var from = keyStart + column * k.columnStride
            let place = column * k.rows
            for row in 0..<k.rows {
                keyTarget[place + row] = keySource[from]
                from += k.rowStride
            }
        }
        let valueSource = workspace.span(self.v, as: Float.self)
        var valueTarget = workspace.mutableSpan(values, as: Float.self)
        let valueStart = v.start(item, head, of: sizes.heads)
        for row in 0..<v.rows {
            let from = valueStart + row * v.rowStride
            let place = row * v.columns
            for column in 0..<v.columns {
                valueTarget[place + column] = valueSource[from + column * v.columnStride]
            }
        }
    }

    private func compute(
        _ workspace: Workspace, _ item: Int, _ head: Int, _ first: Int, _ rows: Int
    ) {
        let (q, keyCount, width) = (sizes.q, sizes.k.rows, sizes.v.columns)
        let source = workspace.span(self.q, as: Float.self)
        var queries = workspace.mutableSpan(
            block, as: Float.self, range: 0..<rows * q.columns)
        let start = q.start(item, head, of: sizes.heads) + first * q.rowStride
        for row in 0..<rows {
            let from = start + row * q.rowStride
            for column in 0..<q.columns {
                queries[row * q.columns + column] = source[from + column * q.columnStride] * scale
            }
        }
        var matrix = workspace.mutableSpan(scores, as: Float.self, range: 0..<rows * keyCount)
        KernelSet.best.matmul(
            a: workspace.span(block, as: Float.self).extracting(0..<rows * q.columns), m: rows,
            k: q.columns, b: workspace.span(keys, as: Float.self), n: keyCount, c: &matrix)
        hide(workspace, &matrix, item, head, first, rows)
        KernelSet.best.softmax(inPlace: &matrix, rows: rows, columns: keyCount)
        if zeroesNaN {
            for index in matrix.indices where matrix[index].isNaN { matrix[index] = 0 }
        }
        var made = workspace.mutableSpan(block, as: Float.self, range: 0..<rows * width)
        KernelSet.best.matmul(
            a: workspace.span(scores, as: Float.self).extracting(0..<rows * keyCount), m: rows,
            k: keyCount, b: workspace.span(values, as: Float.self), n: width, c: &made)
        var output = workspace.mutableSpan(y, as: Float.self)
        let place = target.start(item, head, of: sizes.heads) + first * target.rowStride
        for row in 0..<rows {
            let to = place + row * target.rowStride
            for column in 0..<width { output[to + column] = made[row * width + column] }
        }
    }

    /// Adds the mask to a block of scores, and closes what lies behind a query.
    private func hide(
        _ workspace: Workspace, _ matrix: inout MutableSpan<Float>, _ item: Int, _ head: Int,
        _ first: Int, _ rows: Int
    ) {
        let keyCount = sizes.k.rows
        if let mask {
            let values = workspace.span(mask, as: Float.self)
            let start = item * maskStrides[0] + head * maskStrides[1]
            for row in 0..<rows {
                let from = start + (first + row) * maskStrides[2]
                for key in 0..<keyCount {
                    matrix[row * keyCount + key] += values[from + key * maskStrides[3]]
                }
            }
        }
        guard isCausal else { return }
        for row in 0..<rows {
            let open = max(keyCount - sizes.q.rows + first + row + 1, 0)
            for key in min(open, keyCount)..<keyCount {
                matrix[row * keyCount + key] = -.infinity
            }
        }
    }
}
