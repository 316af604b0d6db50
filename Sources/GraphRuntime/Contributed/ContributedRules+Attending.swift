import Primitives

extension ContributedRules {
    /// Attention, with the projections in front of it, over float32 and quantized inputs.
    static let attending: [(String, Rule)] = [
        ("Attention", { it throws(OperatorFailure) in try projected(&it) }),
        ("QAttention", { it throws(OperatorFailure) in try quantizedAttention(&it) }),
        ("MultiHeadAttention", { it throws(OperatorFailure) in try heads(&it) }),
    ]

    /// What attention nodes have in common.
    private struct Settings {
        let heads: Int
        let scale: Float
        let isCausal: Bool
        let filter: Float

        init(_ context: OperatorContext) throws(OperatorFailure) {
            heads = try context.int("num_heads", default: 0)
            scale = try context.float("scale", default: 0)
            isCausal = try context.flag("unidirectional", default: false)
            filter = try context.float("mask_filter_value", default: -10_000)
            context.ignore("past_present_share_buffer", "rotary_embedding_dim")
            guard heads > 0, heads < 1 << 16 else {
                throw OperatorFailure("its attribute 'num_heads' must be positive")
            }
            guard try context.int("do_rotary", default: 0) == 0 else {
                throw OperatorFailure("rotary embeddings inside of attention are not supported")
            }
        }
    }

    /// Attention of heads that are there; gives out the first output.
    private static func attend(
        _ q: ValueID, _ k: ValueID, _ v: ValueID, mask: ValueID?, bias: ValueID?,
        _ settings: Settings, _ it: inout NodeWriter
    ) {
        var hidden = bias
        if let mask {
            let added = it.write(
                "KeyMask", [mask, q, k], ["filter": .float(settings.filter)],
                domain: Node.fusedDomain)
            hidden = it.sum(added, bias)
        }
        it.give(
            it.write(
                "Attention", [q, k, v, hidden],
                [
                    "heads": .int(settings.heads), "scale": .float(settings.scale),
                    "causal": .int(settings.isCausal ? 1 : 0), "layouts": .ints([1, 1, 1, 1]),
                ], domain: Node.fusedDomain))
    }

    /// [batch, rows, heads · width] to [batch, heads, rows, width].
    private static func split(
        _ x: ValueID, _ heads: Int, _ it: inout NodeWriter
    ) -> ValueID {
        it.transpose(it.reshape(x, [0, 0, heads, -1]), [0, 2, 1, 3])
    }

    /// Puts keys and values behind those of earlier calls, [2, batch, heads, rows, width].
    private static func join(
        _ parts: inout [ValueID], past: ValueID?, _ settings: Settings, _ it: inout NodeWriter
    ) {
        guard past != nil || it.context.hasOutput(1) else { return }
        var k = split(parts[1], settings.heads, &it)
        var v = split(parts[2], settings.heads, &it)
        defer { parts = [parts[0], k, v] }
        if let past {
            let parts = it.write(
                "Split", [past], ["num_outputs": .int(2), "axis": .int(0)], outputs: 2)
            let first = it.integers([0])
            let pastKeys = it.write("Squeeze", [parts[0], first])
            let pastValues = it.write("Squeeze", [parts[1], first])
            k = it.write("Concat", [pastKeys, k], ["axis": .int(2)])
            v = it.write("Concat", [pastValues, v], ["axis": .int(2)])
        }
        guard it.context.hasOutput(1) else { return }
        let axis = it.integers([0])
        let both = [it.write("Unsqueeze", [k, axis]), it.write("Unsqueeze", [v, axis])]
        it.give(it.write("Concat", both, ["axis": .int(0)]), as: 1)
    }

    /// The three parts of joint projections.
    private static func parts(
        _ x: ValueID, _ it: inout NodeWriter
    ) throws(OperatorFailure) -> [ValueID] {
        if let sizes = try it.context.ints("qkv_hidden_sizes"), !sizes.isEmpty {
            guard sizes.count == 3 else {
                throw OperatorFailure("its attribute 'qkv_hidden_sizes' must have three sizes")
            }
            return it.write("Split", [x, it.integers(sizes)], ["axis": .int(2)], outputs: 3)
        }
        return it.write("Split", [x], ["axis": .int(2), "num_outputs": .int(3)], outputs: 3)
    }

    private static func projected(_ it: inout NodeWriter) throws(OperatorFailure) {
        try it.context.requireInputs(2, max: 7)
        try it.context.requireOutputs(1, max: 2)
        guard it.input(6) == nil else {
            throw OperatorFailure("a buffer shared by past and present is not supported")
        }
        let settings = try Settings(it.context)
        let x = it.write("MatMul", [try it.required(0), try it.required(1)])
        var made = try parts(it.sum(x, it.input(2)), &it)
        join(&made, past: it.input(4), settings, &it)
        attend(made[0], made[1], made[2], mask: it.input(3), bias: it.input(5), settings, &it)
    }

    private static func quantizedAttention(_ it: inout NodeWriter) throws(OperatorFailure) {
        try it.context.requireInputs(5, max: 9)
        try it.context.requireOutputs(1, max: 2)
        let settings = try Settings(it.context)
        let x = scaledProduct(
            try it.required(0), try it.required(1),
            scales: (try it.required(3), try it.required(4)), zeros: (it.input(6), it.input(7)),
            bias: try it.required(2), &it)
        var made = try parts(x, &it)
        join(&made, past: it.input(8), settings, &it)
        attend(made[0], made[1], made[2], mask: it.input(5), bias: nil, settings, &it)
    }

    /// `MultiHeadAttention`: queries, keys and values that were projected before.
    private static func heads(_ it: inout NodeWriter) throws(OperatorFailure) {
        try it.context.requireInputs(3, required: [0, 1, 2], max: 8)
        try it.context.requireOutputs(1, max: 3)
        let settings = try Settings(it.context)
        var (q, k, v) = (try it.required(0), try it.required(1), try it.required(2))
        if let bias = it.input(3) {
            // Queries and keys have one width, values may have another.
            let width = it.write("Shape", [q], ["start": .int(2)])
            let twice = it.write("Add", [width, width])
            let (zero, end) = (it.integers([0]), it.integers([Int(Int32.max)]))
            q = it.write("Add", [q, it.write("Slice", [bias, zero, width])])
            k = it.write("Add", [k, it.write("Slice", [bias, width, twice])])
            v = it.write("Add", [v, it.write("Slice", [bias, twice, end])])
        }
        if it.input(6) != nil || it.input(7) != nil || it.context.hasOutput(1)
            || it.context.hasOutput(2)
        {
            (k, v) = (split(k, settings.heads, &it), split(v, settings.heads, &it))
            if let past = it.input(6) { k = it.write("Concat", [past, k], ["axis": .int(2)]) }
            if let past = it.input(7) { v = it.write("Concat", [past, v], ["axis": .int(2)]) }
            it.give(k, as: 1)
            it.give(v, as: 2)
        }
        attend(q, k, v, mask: it.input(4), bias: it.input(5), settings, &it)
    }
}
