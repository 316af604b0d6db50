import Primitives

extension ContributedRules {
    /// Sums, products and activations of quantized values: what ONNX Runtime's quantizer writes beside
    /// the standard's QLinearConv and QLinearMatMul.
    ///
    /// Pointwise ones are computed in float32 between their scales, as ONNX Runtime does it.
    static let quantized: [(String, Rule)] = [
        ("QuantizeLinear", { it throws(OperatorFailure) in try scaling("QuantizeLinear", &it) }),
        (
            "DequantizeLinear",
            { it throws(OperatorFailure) in try scaling("DequantizeLinear", &it) }
        ),
        ("QLinearAdd", { it throws(OperatorFailure) in try pair("Add", &it) }),
        ("QLinearMul", { it throws(OperatorFailure) in try pair("Mul", &it) }),
        ("QLinearSigmoid", { it throws(OperatorFailure) in try function("Sigmoid", &it) }),
        ("QLinearLeakyRelu", { it throws(OperatorFailure) in try function("LeakyRelu", &it) }),
        ("QLinearSoftmax", { it throws(OperatorFailure) in try softmax(&it) }),
        ("QLinearReduceMean", { it throws(OperatorFailure) in try mean(&it) }),
        ("QLinearConcat", { it throws(OperatorFailure) in try concatenation(&it) }),
        ("QLinearWhere", { it throws(OperatorFailure) in try selection(&it) }),
        ("QGemm", { it throws(OperatorFailure) in try gemm(&it) }),
        ("DynamicQuantizeMatMul", { it throws(OperatorFailure) in try dynamicProduct(&it) }),
        ("DynamicQuantizeLSTM", { it throws(OperatorFailure) in try recurrent(&it) }),
        ("MatMulIntegerToFloat", { it throws(OperatorFailure) in try integerProduct(&it) }),
    ]

    private static func scaling(_ name: String, _ it: inout NodeWriter) throws(OperatorFailure) {
        try it.context.requireInputs(2, max: 3)
        try it.context.requireOutputs(1)
        // Without an axis there is one scale for all.
        let attributes = try it.context.int("axis").map { ["axis": Attribute.int($0)] } ?? [:]
        it.give(
            it.write(name, [try it.required(0), try it.required(1), it.input(2)], attributes))
    }

    /// The value of input `index`, dequantized by the two inputs behind it.
    private static func real(
        _ index: Int, _ it: inout NodeWriter
    ) throws(OperatorFailure) -> ValueID {
        it.dequantized(try it.required(index), try it.required(index + 1), it.input(index + 2))
    }

    private static func pair(_ name: String, _ it: inout NodeWriter) throws(OperatorFailure) {
        try it.context.requireInputs(7, required: [0, 1, 3, 4, 6], max: 8)
        try it.context.requireOutputs(1)
        let (a, b) = (try real(0, &it), try real(3, &it))
        let y = it.write(name, [a, b])
        it.give(it.quantized(y, try it.required(6), it.input(7), like: try it.required(0)))
    }

    private static func function(_ name: String, _ it: inout NodeWriter) throws(OperatorFailure) {
        try it.context.requireInputs(4, required: [0, 1, 3], max: 5)
        try it.context.requireOutputs(1)
        var attributes: [String: Attribute] = [:]
        if name == "LeakyRelu" {
            attributes["alpha"] = .float(try it.context.float("alpha", default: 0.01))
        }
        let y = it.write(name, [try real(0, &it)], attributes)
        it.give(it.quantized(y, try it.required(3), it.input(4), like: try it.required(0)))
    }

    private static func softmax(_ it: inout NodeWriter) throws(OperatorFailure) {
        try it.context.requireInputs(4, required: [0, 1, 3], max: 5)
        try it.context.requireOutputs(1)
        let axis = try it.context.int("axis", default: -1)
        // Before opset 13 the dimensions from the axis on are one row.
        let opset = try it.context.int("opset", default: 13)
        let x = try real(0, &it)
        let y: ValueID
        if opset < 13, axis != -1 {
            let rows = it.write("Flatten", [x], ["axis": .int(axis)])
            let made = it.write("Softmax", [rows], ["axis": .int(-1)])
            y = it.write("Reshape", [made, it.write("Shape", [x])])
        } else {
            y = it.write("Softmax", [x], ["axis": .int(axis)])
        }
        it.give(it.quantized(y, try it.required(3), it.input(4), like: try it.required(0)))
    }

    private static func mean(_ it: inout NodeWriter) throws(OperatorFailure) {
        try it.context.requireInputs(4, required: [0, 1, 3], max: 5)
        try it.context.requireOutputs(1)
        let axes = try it.context.ints("axes").map { it.integers($0) }
        let keeps = try it.context.int("keepdims", default: 1)
        let y = it.write("ReduceMean", [try real(0, &it), axes], ["keepdims": .int(keeps)])
        it.give(it.quantized(y, try it.required(3), it.input(4), like: try it.required(0)))
    }

    private static func concatenation(_ it: inout NodeWriter) throws(OperatorFailure) {
        let count = it.context.inputCount
        guard count >= 5, (count - 2) % 3 == 0 else {
            throw OperatorFailure(
                "it has \(count) inputs; it takes a scale and a zero point, and three a tensor")
        }
        try it.context.requireOutputs(1)
        guard let axis = try it.context.int("axis") else {
            throw OperatorFailure("its attribute 'axis' is missing")
        }
        var parts: [ValueID?] = []
        for index in stride(from: 2, to: count, by: 3) { parts.append(try real(index, &it)) }
        let y = it.write("Concat", parts, ["axis": .int(axis)])
        it.give(it.quantized(y, try it.required(0), it.input(1), like: try it.required(2)))
    }

    private static func selection(_ it: inout NodeWriter) throws(OperatorFailure) {
        try it.context.requireInputs(9, required: [0, 1, 2, 4, 5, 7], max: 9)
        try it.context.requireOutputs(1)
        let y = it.write("Where", [try it.required(0), try real(1, &it), try real(4, &it)])
        it.give(it.quantized(y, try it.required(7), it.input(8), like: try it.required(1)))
    }

    // MARK: Products of integers

    /// `QGemm`: exact sums of integers, then scaled; float32 when it has no scale for y.
    private static func gemm(_ it: inout NodeWriter) throws(OperatorFailure) {
        try it.context.requireInputs(6, required: [0, 1, 3, 4], max: 9)
        try it.context.requireOutputs(1)
        let alpha = try it.context.float("alpha", default: 1)
        let isTransposed = try it.context.flag("transB", default: false)
        if alpha == 1, try !it.context.flag("transA", default: false),
            isConstantLayer(it.context, isTransposed: isTransposed)
        {
            let inputs = [0, 1, 2, 3, 4, 5, 7, 8, 6].map { it.input($0) }
            return it.give(
                it.write(
                    "ByteProduct", inputs, ["transposed": .int(isTransposed ? 1 : 0)],
                    domain: Node.fusedDomain))
        }
        var (a, b) = (try it.required(0), try it.required(3))
        if try it.context.flag("transA", default: false) { a = it.transpose(a, [1, 0]) }
        if isTransposed { b = it.transpose(b, [1, 0]) }
        let sums = it.sum(it.write("MatMulInteger", [a, b, it.input(2), it.input(5)]), it.input(6))
        var factor = it.write("Mul", [try it.required(1), try it.required(4)])
        if alpha != 1 {
            let constant = it.constant(Tensor(.float32, shape: [], [alpha]))
            factor = it.write("Mul", [factor, constant])
        }
        let y = it.write("Mul", [it.write("Cast", [sums], ["to": .int(1)]), factor])
        guard let scale = it.input(7) else { return it.give(y) }
        it.give(it.quantized(y, scale, it.input(8), like: try it.required(0)))
    }

    /// Whether all but the left operand of a `QGemm` is constant, as `ByteProductOperator` takes it.
    private static func isConstantLayer(
        _ context: OperatorContext, isTransposed: Bool
    ) -> Bool {
        guard let weights = context.constant(3), weights.shape.count == 2, context.hasInput(2),
            context.hasInput(5)
        else { return false }
        let columns = weights.shape[isTransposed ? 0 : 1]
        return [1, 2, 4, 5, 6, 7, 8].allSatisfy {
            !context.hasInput($0) || context.constant($0) != nil
        } && (context.constant(6)?.shape ?? [columns]) == [columns]
            && (!context.hasInput(7) || context.hasInput(8))
    }

    /// Integers multiplied and scaled to float32, with a bias.
    static func scaledProduct(
        _ a: ValueID, _ b: ValueID, scales: (ValueID, ValueID), zeros: (ValueID?, ValueID?),
        bias: ValueID?, _ it: inout NodeWriter
    ) -> ValueID {
        let sums = it.write("MatMulInteger", [a, b, zeros.0, zeros.1])
        let real = it.write("Cast", [sums], ["to": .int(1)])
        let y = it.write("Mul", [real, it.write("Mul", [scales.0, scales.1])])
        return it.sum(y, bias)
    }

    /// `DynamicQuantizeMatMul`: the float input is quantized by its own range.
    private static func dynamicProduct(_ it: inout NodeWriter) throws(OperatorFailure) {
        try it.context.requireInputs(3, max: 5)
        try it.context.requireOutputs(1)
        let made = it.write("DynamicQuantizeLinear", [try it.required(0)], outputs: 3)
        it.give(
            scaledProduct(
                made[0], try it.required(1), scales: (made[1], try it.required(2)),
                zeros: (made[2], it.input(3)), bias: it.input(4), &it))
    }

    /// `DynamicQuantizeLSTM`: the 8-bit weights are dequantized once; products are computed in float32,
    /// where ONNX Runtime quantizes inputs and states, too.
    private static func recurrent(_ it: inout NodeWriter) throws(OperatorFailure) {
        try it.context.requireInputs(12, required: [0, 1, 2, 8, 9, 10, 11], max: 12)
        try it.context.requireOutputs(1, max: 3)
        var attributes: [String: Attribute] = [:]
        let names = [
            "activation_alpha", "activation_beta", "activations", "clip", "direction",
            "hidden_size",
            "input_forget",
        ]
        for name in names where it.context.has(name) {
            attributes[name] = it.context.node.attributes[name]
        }
        // W is [directions, inputs, 4 · hidden] here, and its scales go with the last axis, or there is
        // one a direction.
        func weights(_ index: Int, _ scale: Int) throws(OperatorFailure) -> ValueID {
            let (w, factor) = (try it.required(index), try it.required(scale))
            let axes = it.integers([1])
            var zero = it.write("Cast", [try it.required(scale + 1)], ["to": .int(1)])
            var factors = factor
            if it.context.constant(scale)?.shape.count == 1 {
                let rows = it.integers([-1, 1, 1])
                (factors, zero) = (
                    it.write("Reshape", [factor, rows]), it.write("Reshape", [zero, rows])
                )
            } else {
                (factors, zero) = (
                    it.write("Unsqueeze", [factor, axes]), it.write("Unsqueeze", [zero, axes])
                )
            }
            let real = it.write("Sub", [it.write("Cast", [w], ["to": .int(1)]), zero])
            return it.transpose(it.write("Mul", [real, factors]), [0, 2, 1])
        }
        let inputs: [ValueID?] = [
            try it.required(0), try weights(1, 8), try weights(2, 10), it.input(3), it.input(4),
            it.input(5), it.input(6), it.input(7),
        ]
        let made = it.write("LSTM", inputs, attributes, outputs: it.context.outputCount)
        for (index, value) in made.enumerated() { it.give(value, as: index) }
    }

    private static func integerProduct(_ it: inout NodeWriter) throws(OperatorFailure) {
        try it.context.requireInputs(4, max: 7)
        try it.context.requireOutputs(1)
        it.give(
            scaledProduct(
                try it.required(0), try it.required(1),
                scales: (try it.required(2), try it.required(3)),
                zeros: (it.input(4), it.input(5)), bias: it.input(6), &it))
    }
}
