import Glibc
import Primitives

/// ONNX `LinearAttention`: a matrix of state a head, decayed, corrected and written position by position,
/// and read by the queries.
final class LinearAttentionOperator: TensorOperator {
    private let (heads, keyHeads): (Int, Int)
    private let scale: Double?
    private let (decays, corrects): (Bool, Bool)

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(3, max: 6)
        try context.requireOutputs(1, max: 2)
        guard let heads = try context.int("q_num_heads"),
            let keyHeads = try context.int("kv_num_heads"),
            heads > 0, keyHeads > 0, heads % keyHeads == 0
        else { throw OperatorFailure("its numbers of heads are missing or do not fit") }
        (self.heads, self.keyHeads) = (heads, keyHeads)
        let given = Double(try context.float("scale", default: 0))
        scale = given == 0 ? nil : given
        // A hint for speed.
        context.ignore("chunk_size")
        switch try context.string("update_rule") ?? "gated_delta" {
        case "linear": (decays, corrects) = (false, false)
        case "gated": (decays, corrects) = (true, false)
        case "delta": (decays, corrects) = (false, true)
        case "gated_delta": (decays, corrects) = (true, true)
        case let other: throw OperatorFailure("the update rule '\(other)' is not known")
        }
        guard context.hasInput(4) == decays, context.hasInput(5) == corrects else {
            throw OperatorFailure("its decay or beta does not fit its update rule")
        }
    }

    private struct Sizes {
        let (batch, length, width, valueWidth): (Int, Int, Int, Int)
    }

    private func sizes(_ q: [Int], _ k: [Int], _ v: [Int]) throws(OperatorFailure) -> Sizes {
        guard q.count == 3, k.count == 3, v.count == 3, q[2] % heads == 0, v[2] % keyHeads == 0,
            k[2] == q[2] / heads * keyHeads, k[..<2] == q[..<2], v[..<2] == q[..<2]
        else {
            throw OperatorFailure(
                "queries \(Shape.text(q)), keys \(Shape.text(k)) and values \(Shape.text(v)) do not "
                    + "fit")
        }
        return Sizes(
            batch: q[0], length: q[1], width: q[2] / heads, valueWidth: v[2] / keyHeads)
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        let type = try inputs.dataType(0, oneOf: DataType.floats, "its queries")
        let s = try sizes(inputs[0].shape, inputs[1].shape, inputs[2].shape)
        let state = [s.batch, keyHeads, s.width, s.valueWidth]
        if let past = inputs.optional(3), past.shape != state {
            throw OperatorFailure("its state must be \(Shape.text(state))")
        }
        if let decay = inputs.optional(4) {
            let last = decay.shape.last ?? 0
            guard decay.shape == [s.batch, s.length, last],
                last == keyHeads || last == keyHeads * s.width
            else { throw OperatorFailure("its decay does not fit") }
        }
        if let beta = inputs.optional(5) {
            let last = beta.shape.last ?? 0
            guard beta.shape == [s.batch, s.length, last], last == keyHeads || last == 1 else {
                throw OperatorFailure("its beta does not fit")
            }
        }
        return [
            ValueInfo(type, [s.batch, s.length, heads * s.valueWidth]),
            ValueInfo(inputs.optional(3)?.dataType ?? type, state),
        ]
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        func input(_ index: Int) -> Tensor? { index < inputs.count ? inputs[index] : nil }
        guard let q = input(0), let k = input(1), let v = input(2) else {
            throw OperatorFailure("an input is left out")
        }
        let s = try sizes(q.shape, k.shape, v.shape)
        let (queries, keys, values) = (q.reals, k.reals, v.reals)
        let cells = s.width * s.valueWidth
        var state =
            input(3)?.reals ?? Array(repeating: 0, count: s.batch * keyHeads * cells)
        let (decay, beta) = (input(4), input(5))
        let (decayValues, betaValues) = (decay?.reals ?? [], beta?.reals ?? [])
        let (decayWidth, betaWidth) = (decay?.shape.last ?? 0, beta?.shape.last ?? 0)
        var made = Array(repeating: 0.0, count: s.batch * s.length * heads * s.valueWidth)
        let scale = scale ?? 1 / Double(s.width).squareRoot()
        for item in 0..<s.batch {
            for time in 0..<s.length {
                let row = item * s.length + time
                for head in 0..<keyHeads {
                    let base = (item * keyHeads + head) * cells
                    let key = (row * keyHeads + head) * s.width
                    if decays {
                        for place in 0..<s.width {
                            let at = decayWidth == keyHeads ? head : head * s.width + place
                            let factor = Glibc.exp(decayValues[row * decayWidth + at])
                            for column in 0..<s.valueWidth {
                                state[base + place * s.valueWidth + column] *= factor
                            }
                        }
                    }
                    for column in 0..<s.valueWidth {
                        var value = values[(row * keyHeads + head) * s.valueWidth + column]
                        if corrects {
                            var found = 0.0
                            for place in 0..<s.width {
                                found +=
                                    state[base + place * s.valueWidth + column] * keys[key + place]
                            }
                            let at = betaWidth == 1 ? 0 : head
                            value = betaValues[row * betaWidth + at] * (value - found)
                        }
                        for place in 0..<s.width {
                            state[base + place * s.valueWidth + column] += keys[key + place] * value
                        }
                    }
                }
                for head in 0..<heads {
                    let base = (item * keyHeads + head / (heads / keyHeads)) * cells
                    for column in 0..<s.valueWidth {
                        var sum = 0.0
                        for place in 0..<s.width {
                            sum +=
                                queries[(row * heads + head) * s.width + place]
                                * state[base + place * s.valueWidth + column]
                        }
                        made[(row * heads + head) * s.valueWidth + column] = scale * sum
                    }
                }
            }
        }
        return [
            Tensor(
                q.dataType, shape: [s.batch, s.length, heads * s.valueWidth], reals: made),
            Tensor(
                input(3)?.dataType ?? q.dataType,
                shape: [s.batch, keyHeads, s.width, s.valueWidth],
                reals: state),
        ]
    }
}

/// ONNX `CausalConvWithState`: a convolution over time, a filter a channel, that sees the end of the
/// call before; and what the next call needs of this one.
final class CausalConvOperator: TensorOperator {
    private let isGated: Bool

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(2, max: 4)
        try context.requireOutputs(1, max: 2)
        switch try context.string("activation") ?? "none" {
        case "none": isGated = false
        case "silu", "swish": isGated = true
        case let other: throw OperatorFailure("the activation '\(other)' is not known")
        }
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        let type = try inputs.dataType(0, oneOf: DataType.floats, "its input")
        let (x, w) = (inputs[0].shape, inputs[1].shape)
        guard x.count == 3, w.count == 3, w[0] == x[1], w[1] == 1, w[2] > 0,
            inputs.optional(2).map({ $0.shape == [x[1]] }) ?? true,
            inputs.optional(3).map({ $0.shape == [x[0], x[1], w[2] - 1] }) ?? true
        else {
            throw OperatorFailure(
                "filters \(Shape.text(w)), bias or state do not fit \(Shape.text(x))")
        }
        return [ValueInfo(type, x), ValueInfo(type, [x[0], x[1], w[2] - 1])]
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0], let w = inputs[1] else {
            throw OperatorFailure("an input is left out")
        }
        let (values, weights) = (x.reals, w.reals)
        let bias = inputs.count > 2 ? inputs[2]?.reals : nil
        let past = inputs.count > 3 ? inputs[3]?.reals : nil
        let (length, taps) = (x.shape[2], w.shape[2])
        var made = values
        var state: [Double] = []
        for row in 0..<x.shape[0] * x.shape[1] {
            let channel = row % x.shape[1]
            let before =
                past.map { Array($0[row * (taps - 1)..<(row + 1) * (taps - 1)]) }
                ?? Array(repeating: 0, count: taps - 1)
            let line = before + values[row * length..<(row + 1) * length]
            for time in 0..<length {
                var sum = bias?[channel] ?? 0
                for tap in 0..<taps { sum += line[time + tap] * weights[channel * taps + tap] }
                made[row * length + time] = isGated ? sum / (1 + Glibc.exp(-sum)) : sum
            }
            state += line.suffix(taps - 1)
        }
        return [
            Tensor(x.dataType, shape: x.shape, reals: made),
            Tensor(x.dataType, shape: [x.shape[0], x.shape[1], taps - 1], reals: state),
        ]
    }
}

/// ONNX `RotaryEmbedding`: pairs of values turned by an angle that grows with the position (Su et al.,
/// "RoFormer").
final class RotaryEmbeddingOperator: TensorOperator {
    private let isInterleaved: Bool
    private let rotated: Int
    private let heads: Int

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(3, max: 4)
        try context.requireOutputs(1)
        isInterleaved = try context.flag("interleaved", default: false)
        rotated = try context.int("rotary_embedding_dim", default: 0)
        heads = try context.int("num_heads", default: 0)
    }

    /// Batch, heads, positions, width of a head, and how much of it turns.
    private func sizes(_ shape: [Int]) throws(OperatorFailure) -> (Int, Int, Int, Int, Int) {
        let failure = OperatorFailure("its heads do not fit the shape \(Shape.text(shape))")
        var (count, length, width) = (0, 0, 0)
        if shape.count == 4 {
            (count, length, width) = (shape[1], shape[2], shape[3])
        } else {
            guard shape.count == 3, heads > 0, shape[2] % heads == 0 else { throw failure }
            (count, length, width) = (heads, shape[1], shape[2] / heads)
        }
        let turned = rotated == 0 ? width : rotated
        guard turned >= 0, turned <= width, turned % 2 == 0 else { throw failure }
        return (shape[0], count, length, width, turned)
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        let type = try inputs.dataType(0, oneOf: DataType.floats, "its input")
        let (batch, _, length, _, turned) = try sizes(inputs[0].shape)
        for index in 1..<3 {
            let cache = inputs[index].shape
            let fits =
                inputs.optional(3) == nil
                ? cache == [batch, length, turned / 2] : cache.count == 2 && cache[1] == turned / 2
            guard fits else {
                throw OperatorFailure("its cache of \(Shape.text(cache)) does not fit")
            }
        }
        if let positions = inputs.optional(3), positions.shape != [batch, length] {
            throw OperatorFailure("its positions must be one a batch item and place")
        }
        return [ValueInfo(type, inputs[0].shape)]
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0], let cosines = inputs[1], let sines = inputs[2] else {
            throw OperatorFailure("an input is left out")
        }
        let (batch, count, length, width, turned) = try sizes(x.shape)
        let positions = inputs.count > 3 ? inputs[3]?.integers : nil
        var values = x.reals
        let (cosine, sine) = (cosines.reals, sines.reals)
        let half = turned / 2
        for item in 0..<batch {
            for time in 0..<length {
                var row = item * length + time
                if let positions {
                    row = positions[row]
                    guard row >= 0, row < cosines.shape[0] else {
                        throw OperatorFailure("position \(row) is outside of the cache")
                    }
                }
                for head in 0..<count {
                    let start =
                        x.shape.count == 4
                        ? ((item * count + head) * length + time) * width
                        : ((item * length + time) * count + head) * width
                    for pair in 0..<half {
                        let first = start + (isInterleaved ? 2 * pair : pair)
                        let second = first + (isInterleaved ? 1 : half)
                        let (a, b) = (values[first], values[second])
                        let (c, s) = (cosine[row * half + pair], sine[row * half + pair])
                        values[first] = c * a - s * b
                        values[second] = s * a + c * b
                    }
                }
            }
        }
        return [Tensor(x.dataType, shape: x.shape, reals: values)]
    }
}
