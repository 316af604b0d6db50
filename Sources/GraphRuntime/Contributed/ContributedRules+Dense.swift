extension ContributedRules {
    /// Products and convolutions with what was fused behind them, and the GELU family.
    static let dense: [(String, Rule)] = [
        ("FusedConv", { it throws(OperatorFailure) in try fusedConvolution(&it) }),
        ("FusedGemm", { it throws(OperatorFailure) in try fusedGemm(&it) }),
        ("FusedMatMul", { it throws(OperatorFailure) in try fusedProduct(&it) }),
        ("TransposeMatMul", { it throws(OperatorFailure) in try fusedProduct(&it) }),
        ("BiasGelu", { it throws(OperatorFailure) in try gelu(&it, bias: 1, approximate: "none") }),
        ("FastGelu", { it throws(OperatorFailure) in try gelu(&it, bias: 0, approximate: "tanh") }),
        ("Gelu", { it throws(OperatorFailure) in try gelu(&it, bias: nil, approximate: "none") }),
        ("QuickGelu", { it throws(OperatorFailure) in try quickGelu(&it) }),
    ]

    private static let windowAttributes = [
        "auto_pad", "dilations", "group", "kernel_shape", "pads", "strides",
    ]

    private static func fusedConvolution(_ it: inout NodeWriter) throws(OperatorFailure) {
        try it.context.requireInputs(2, max: 4)
        try it.context.requireOutputs(1)
        var attributes: [String: Attribute] = [:]
        for name in windowAttributes where it.context.has(name) {
            attributes[name] = it.context.node.attributes[name]
        }
        var y = it.write(
            "Conv", [try it.required(0), try it.required(1), it.input(2)], attributes)
        // Added before the activation.
        y = it.sum(y, it.input(3))
        y = try activation(
            y, it.context.string("activation"), it.context.floats("activation_params") ?? [], &it)
        it.give(y)
    }

    private static func fusedGemm(_ it: inout NodeWriter) throws(OperatorFailure) {
        try it.context.requireInputs(2, max: 3)
        try it.context.requireOutputs(1)
        var attributes: [String: Attribute] = [:]
        for name in ["alpha", "beta", "transA", "transB"] where it.context.has(name) {
            attributes[name] = it.context.node.attributes[name]
        }
        let y = it.write(
            "Gemm", [try it.required(0), try it.required(1), it.input(2)], attributes)
        var parameters: [Float] = []
        for name in ["activation_alpha", "activation_beta", "activation_gamma"] {
            guard let value = try it.context.float(name) else { break }
            parameters.append(value)
        }
        it.give(try activation(y, it.context.string("activation"), parameters, &it))
    }

    private static func fusedProduct(_ it: inout NodeWriter) throws(OperatorFailure) {
        try it.context.requireInputs(2)
        try it.context.requireOutputs(1)
        var (a, b) = (try it.required(0), try it.required(1))
        if try it.context.flag("transBatchA", default: false) { a = it.permute(a, .batchFirst) }
        if try it.context.flag("transBatchB", default: false) { b = it.permute(b, .batchFirst) }
        if try it.context.flag("transA", default: false) { a = it.permute(a, .lastSwapped) }
        if try it.context.flag("transB", default: false) { b = it.permute(b, .lastSwapped) }
        let alpha = try it.context.float("alpha", default: 1)
        var y = it.write("MatMul", [a, b])
        if alpha != 1 {
            y = it.write("Mul", [y, it.scalar(Double(alpha), like: try it.required(0))])
        }
        it.give(y)
    }

    /// - Parameter bias: how many inputs a bias needs to be there: 1 always, 0 if given, nil never.
    private static func gelu(
        _ it: inout NodeWriter, bias: Int?, approximate: String
    ) throws(OperatorFailure) {
        try it.context.requireInputs(1 + (bias ?? 0), max: bias == nil ? 1 : 2)
        try it.context.requireOutputs(1)
        let x = it.sum(try it.required(0), it.input(1))
        it.give(it.write("Gelu", [x], ["approximate": .string(approximate)]))
    }

    /// x · sigmoid(alpha · x)
    private static func quickGelu(_ it: inout NodeWriter) throws(OperatorFailure) {
        try it.context.requireInputs(1)
        try it.context.requireOutputs(1)
        let alpha = try it.context.float("alpha", default: 1.702)
        it.give(it.write("Swish", [try it.required(0)], ["alpha": .float(alpha)]))
    }
}
