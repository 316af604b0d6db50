import Glibc
import Primitives

/// ONNX `Attention` (opset 23 on): scaled dot products of queries and keys, masked, through a softmax,
/// times values. Queries may have more heads than keys (grouped queries); keys and values may be put
/// behind those of earlier calls.
///
/// Computed in float64, a query at a time, in the order of the keys.
final class AttentionOperator: TensorOperator {
    private let isCausal: Bool
    private let (queryHeads, keyHeads): (Int?, Int?)
    private let scale: Double?
    private let softcap: Double
    private let matrixMode: Int
    private let (leftWindow, rightWindow): (Int, Int)
    private let givesMatrix: Bool

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(3, max: context.version >= 24 ? 7 : 6)
        try context.requireOutputs(1, max: 4)
        isCausal = try context.flag("is_causal", default: false)
        queryHeads = try context.int("q_num_heads")
        keyHeads = try context.int("kv_num_heads")
        scale = try context.float("scale").map { Double($0) }
        softcap = Double(try context.float("softcap", default: 0))
        matrixMode = try context.int("qk_matmul_output_mode", default: 0)
        leftWindow = try context.int("left_window_size", default: -1)
        rightWindow = try context.int("right_window_size", default: -1)
        givesMatrix = context.hasOutput(3)
        // Ours is float64 whatever is asked for.
        context.ignore("softmax_precision")
        guard (0...3).contains(matrixMode), queryHeads ?? 1 > 0, keyHeads ?? 1 > 0 else {
            throw OperatorFailure("its heads or its output mode are not possible")
        }
    }

    /// Sizes of a call, with three-dimensional inputs split into heads.
    private struct Sizes {
        var (batch, heads, keyHeads): (Int, Int, Int)
        var (queries, keys, past): (Int, Int, Int)
        var (width, valueWidth): (Int, Int)
        /// Whether heads lie inside of each position's row.
        var isPacked: Bool

        var total: Int { past + keys }
    }

    private func sizes(
        _ q: [Int], _ k: [Int], _ v: [Int], past: [Int]?
    ) throws(OperatorFailure) -> Sizes {
        let failure = OperatorFailure(
            "queries \(Shape.text(q)), keys \(Shape.text(k)) and values \(Shape.text(v)) do not fit"
        )
        var sizes: Sizes
        if q.count == 3, k.count == 3, v.count == 3 {
            guard let heads = queryHeads, let keyHeads, q[2] % heads == 0, k[2] % keyHeads == 0,
                v[2] % keyHeads == 0
            else { throw failure }
            sizes = Sizes(
                batch: q[0], heads: heads, keyHeads: keyHeads, queries: q[1], keys: k[1], past: 0,
                width: q[2] / heads, valueWidth: v[2] / keyHeads, isPacked: true)
            guard k[2] / keyHeads == sizes.width, v[1] == k[1], k[0] == q[0], v[0] == q[0] else {
                throw failure
            }
        } else {
            guard q.count == 4, k.count == 4, v.count == 4, k[0] == q[0], v[0] == q[0],
                v[1] == k[1], v[2] == k[2], k[3] == q[3]
            else { throw failure }
            sizes = Sizes(
                batch: q[0], heads: q[1], keyHeads: k[1], queries: q[2], keys: k[2], past: 0,
                width: q[3], valueWidth: v[3], isPacked: false)
        }
        guard sizes.keyHeads > 0, sizes.heads % sizes.keyHeads == 0 else { throw failure }
        if let past {
            guard past.count == 4, past[0] == sizes.batch, past[1] == sizes.keyHeads,
                past[3] == sizes.width
            else { throw failure }
            sizes.past = past[2]
        }
        return sizes
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        let type = try inputs.dataType(0, oneOf: DataType.floats, "its queries")
        let s = try sizes(
            inputs[0].shape, inputs[1].shape, inputs[2].shape, past: inputs.optional(4)?.shape)
        let y =
            s.isPacked
            ? [s.batch, s.queries, s.heads * s.valueWidth]
            : [s.batch, s.heads, s.queries, s.valueWidth]
        return [
            ValueInfo(type, y),
            ValueInfo(inputs[1].dataType, [s.batch, s.keyHeads, s.total, s.width]),
            ValueInfo(inputs[2].dataType, [s.batch, s.keyHeads, s.total, s.valueWidth]),
            ValueInfo(type, [s.batch, s.heads, s.queries, s.total]),
        ]
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        func input(_ index: Int) -> Tensor? { index < inputs.count ? inputs[index] : nil }
        guard let q = input(0), let k = input(1), let v = input(2),
            (input(4) == nil) == (input(5) == nil)
        else {
            throw OperatorFailure("it needs queries, keys and values, and both past ones or none")
        }
        let s = try sizes(q.shape, k.shape, v.shape, past: input(4)?.shape)
        let queries = Self.byHead(q.reals, s, heads: s.heads, length: s.queries, width: s.width)
        let keys = Self.joined(
            input(4)?.reals,
            Self.byHead(k.reals, s, heads: s.keyHeads, length: s.keys, width: s.width),
            s, s.width)
        let values = Self.joined(
            input(5)?.reals,
            Self.byHead(v.reals, s, heads: s.keyHeads, length: s.keys, width: s.valueWidth), s,
            s.valueWidth)
        guard keys.count == s.batch * s.keyHeads * s.total * s.width,
            values.count == s.batch * s.keyHeads * s.total * s.valueWidth
        else { throw OperatorFailure("its past keys or values do not fit") }
        let mask = try Mask(input(3), s.batch, s.heads, s.queries, s.total)
        let lengths = input(6)?.integers
        guard lengths.map({ $0.count == s.batch }) ?? true else {
            throw OperatorFailure("it needs one number of valid keys a batch item")
        }
        var y = Array(repeating: 0.0, count: s.batch * s.heads * s.queries * s.valueWidth)
        var matrix = Array(
            repeating: 0.0, count: givesMatrix ? s.batch * s.heads * s.queries * s.total : 0)
        let scale = scale ?? 1 / Double(s.width).squareRoot()
        var row = Array(repeating: 0.0, count: s.total)
        for item in 0..<s.batch {
            let offset =
                s.past > 0 || input(4) != nil ? s.past : lengths.map { $0[item] - s.queries } ?? 0
            for head in 0..<s.heads {
                let keyHead = item * s.keyHeads + head / (s.heads / s.keyHeads)
                for query in 0..<s.queries {
                    let index = (item * s.heads + head) * s.queries + query
                    var isOpen = false
                    for key in 0..<s.total {
                        var sum = 0.0
                        let (a, b) = (index * s.width, (keyHead * s.total + key) * s.width)
                        for place in 0..<s.width { sum += queries[a + place] * keys[b + place] }
                        sum *= scale
                        if givesMatrix, matrixMode == 0 { matrix[index * s.total + key] = sum }
                        if softcap > 0 { sum = softcap * Glibc.tanh(sum / softcap) }
                        if givesMatrix, matrixMode == 1 { matrix[index * s.total + key] = sum }
                        var bias = mask.value(item, head, query, key)
                        if !isAllowed(query, key, offset) { bias = -.infinity }
                        if let lengths, key >= lengths[item] { bias = -.infinity }
                        if bias > -.infinity { isOpen = true }
                        row[key] = bias == -.infinity ? -.infinity : sum + bias
                        if givesMatrix, matrixMode == 2 { matrix[index * s.total + key] = row[key] }
                    }
                    Self.softmax(&row, isOpen: isOpen)
                    for key in 0..<s.total {
                        if givesMatrix, matrixMode == 3 { matrix[index * s.total + key] = row[key] }
                        let from = (keyHead * s.total + key) * s.valueWidth
                        if row[key] == 0 { continue }
                        for place in 0..<s.valueWidth {
                            y[index * s.valueWidth + place] += row[key] * values[from + place]
                        }
                    }
                }
            }
        }
        return results(q, k, v, s, y: y, keys: keys, values: values, matrix: matrix)
    }

    private func isAllowed(_ query: Int, _ key: Int, _ offset: Int) -> Bool {
        let distance = query + offset - key
        return (!isCausal || distance >= 0) && (leftWindow < 0 || distance <= leftWindow)
            && (rightWindow < 0 || -distance <= rightWindow)
    }

    private static func softmax(_ row: inout [Double], isOpen: Bool) {
        guard isOpen, let highest = row.max(), highest > -.infinity else {
            for index in row.indices { row[index] = 0 }
            return
        }
        var sum = 0.0
        for index in row.indices {
            row[index] = Glibc.exp(row[index] - highest)
            sum += row[index]
        }
        for index in row.indices { row[index] /= sum }
    }

    private func results(
        _ q: Tensor, _ k: Tensor, _ v: Tensor, _ s: Sizes, y: [Double], keys: [Double],
        values: [Double], matrix: [Double]
    ) -> [Tensor] {
        var made = y
        var shape = [s.batch, s.heads, s.queries, s.valueWidth]
        if s.isPacked {
            shape = [s.batch, s.queries, s.heads * s.valueWidth]
            for place in y.indices {
                let (rest, column) = place.quotientAndRemainder(dividingBy: s.valueWidth)
                let (headRow, query) = rest.quotientAndRemainder(dividingBy: s.queries)
                let (item, head) = headRow.quotientAndRemainder(dividingBy: s.heads)
                made[((item * s.queries + query) * s.heads + head) * s.valueWidth + column] =
                    y[place]
            }
        }
        var list = [
            Tensor(q.dataType, shape: shape, reals: made),
            Tensor(k.dataType, shape: [s.batch, s.keyHeads, s.total, s.width], reals: keys),
            Tensor(v.dataType, shape: [s.batch, s.keyHeads, s.total, s.valueWidth], reals: values),
        ]
        if givesMatrix {
            list.append(
                Tensor(q.dataType, shape: [s.batch, s.heads, s.queries, s.total], reals: matrix))
        }
        return list
    }

    /// Values as batch, head, position, place.
    private static func byHead(
        _ values: [Double], _ s: Sizes, heads: Int, length: Int, width: Int
    ) -> [Double] {
        guard s.isPacked else { return values }
        var result = values
        for place in values.indices {
            let (rest, column) = place.quotientAndRemainder(dividingBy: width)
            let (row, head) = rest.quotientAndRemainder(dividingBy: heads)
            let (item, position) = row.quotientAndRemainder(dividingBy: length)
            result[((item * heads + head) * length + position) * width + column] = values[place]
        }
        return result
    }

    /// Earlier values with the new ones behind them, head by head.
    private static func joined(
        _ past: [Double]?, _ new: [Double], _ s: Sizes, _ width: Int
    ) -> [Double] {
        guard let past, s.past > 0, past.count == s.batch * s.keyHeads * s.past * width else {
            return new
        }
        var result: [Double] = []
        result.reserveCapacity(past.count + new.count)
        for head in 0..<s.batch * s.keyHeads {
            result += past[head * s.past * width..<(head + 1) * s.past * width]
            result += new[head * s.keys * width..<(head + 1) * s.keys * width]
        }
        return result
    }

    /// What is added to a score: 0 where there is no mask, -inf where a boolean one says no.
    private struct Mask {
        private let values: [Double]?
        private let strides: [Int]
        private let length: Int

        init(
            _ tensor: Tensor?, _ batch: Int, _ heads: Int, _ queries: Int, _ keys: Int
        ) throws(OperatorFailure) {
            guard let tensor else {
                (values, strides, length) = (nil, [], keys)
                return
            }
            // Keys beyond the end of the mask are closed.
            length = tensor.shape.last == 1 && keys > 1 ? keys : tensor.shape.last ?? keys
            let target = [batch, heads, queries, length]
            guard Shape.broadcast(tensor.shape, target) == target, length <= keys else {
                throw OperatorFailure("its mask of \(Shape.text(tensor.shape)) does not fit")
            }
            strides = StridedLoop.broadcastStrides(tensor.shape, to: target)
            let isBool = tensor.dataType == .bool
            values = tensor.reals.map { isBool ? ($0 == 0 ? -.infinity : 0) : $0 }
        }

        func value(_ item: Int, _ head: Int, _ query: Int, _ key: Int) -> Double {
            guard let values else { return 0 }
            if key >= length { return -.infinity }
            return values[
                item * strides[0] + head * strides[1] + query * strides[2] + key * strides[3]]
        }
    }
}
