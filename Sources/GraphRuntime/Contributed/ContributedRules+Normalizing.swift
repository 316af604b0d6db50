import Primitives

extension ContributedRules {
    /// Normalisations with the sums in front of them, and the embeddings of BERT.
    static let normalizing: [(String, Rule)] = [
        ("LayerNormalization", { it throws(OperatorFailure) in try normalization(&it) }),
        ("SkipLayerNormalization", { it throws(OperatorFailure) in try skip(&it, centered: true) }),
        (
            "SkipSimplifiedLayerNormalization",
            { it throws(OperatorFailure) in try skip(&it, centered: false) }
        ),
        ("EmbedLayerNormalization", { it throws(OperatorFailure) in try embedding(&it) }),
    ]

    private static func normalization(_ it: inout NodeWriter) throws(OperatorFailure) {
        try it.context.requireInputs(2, max: 3)
        try it.context.requireOutputs(1, max: 3)
        let attributes: [String: Attribute] = [
            "axis": .int(try it.context.int("axis", default: -1)),
            "epsilon": .float(try it.context.float("epsilon", default: 1e-5)),
        ]
        it.context.ignore("stash_type")
        let made = it.write(
            "LayerNormalization", [try it.required(0), try it.required(1), it.input(2)], attributes,
            outputs: it.context.outputCount)
        for (index, value) in made.enumerated() { it.give(value, as: index) }
    }

    /// `SimplifiedLayerNormalization`: by the root of the mean of squares.
    static func simplifiedNormalization(_ it: inout NodeWriter) throws(OperatorFailure) {
        try it.context.requireInputs(2)
        try it.context.requireOutputs(1, max: 2)
        guard !it.context.hasOutput(1) else {
            throw OperatorFailure("its deviation is not given out here")
        }
        let attributes: [String: Attribute] = [
            "axis": .int(try it.context.int("axis", default: -1)),
            "epsilon": .float(try it.context.float("epsilon", default: 1e-5)),
        ]
        it.context.ignore("stash_type")
        it.give(
            it.write("RMSNormalization", [try it.required(0), try it.required(1)], attributes))
    }

    /// The normalisation of a sum, which is given out as the fourth output.
    private static func skip(
        _ it: inout NodeWriter, centered: Bool
    ) throws(OperatorFailure) {
        try it.context.requireInputs(3, max: centered ? 5 : 4)
        try it.context.requireOutputs(1, max: 4)
        guard centered || !(it.context.hasOutput(1) || it.context.hasOutput(2)) else {
            throw OperatorFailure("its mean and deviation are not given out here")
        }
        let epsilon = try it.context.float("epsilon", default: 1e-12)
        var sum = it.write("Add", [try it.required(0), try it.required(1)])
        sum = it.sum(sum, it.input(centered ? 4 : 3))
        let attributes: [String: Attribute] = ["axis": .int(-1), "epsilon": .float(epsilon)]
        let gain = try it.required(2)
        if centered {
            let givesMoments = it.context.hasOutput(1) || it.context.hasOutput(2)
            let made = it.write(
                "LayerNormalization", [sum, gain, it.input(3)], attributes,
                outputs: givesMoments ? 3 : 1)
            for (index, value) in made.enumerated() { it.give(value, as: index) }
        } else {
            it.give(it.write("RMSNormalization", [sum, gain], attributes))
        }
        it.give(sum, as: 3)
    }

    /// `EmbedLayerNormalization`: words, positions and segments looked up, added and normalised.
    private static func embedding(_ it: inout NodeWriter) throws(OperatorFailure) {
        try it.context.requireInputs(7, required: [0, 2, 3, 5, 6], max: 9)
        try it.context.requireOutputs(1, max: 3)
        it.context.ignore("mask_index_type")
        let epsilon = try it.context.float("epsilon", default: 1e-12)
        let words = try it.required(0)
        var sum = it.write("Gather", [try it.required(2), words])
        if let positions = it.input(8) {
            sum = it.write("Add", [sum, it.write("Gather", [try it.required(3), positions])])
        } else {
            let length = it.write("Shape", [words], ["start": .int(1)])
            let rows = it.write(
                "Slice", [try it.required(3), it.integers([0]), length, it.integers([0])])
            sum = it.write("Add", [sum, rows])
        }
        if let segments = it.input(1), let table = it.input(4) {
            sum = it.write("Add", [sum, it.write("Gather", [table, segments])])
        }
        let attributes: [String: Attribute] = ["axis": .int(-1), "epsilon": .float(epsilon)]
        it.give(
            it.write(
                "LayerNormalization", [sum, try it.required(5), try it.required(6)], attributes))
        it.give(sum, as: 2)
        guard it.context.hasOutput(1) else { return }
        // How many words of each row the mask leaves open; 0 without a mask.
        let counted: ValueID
        if let mask = it.input(7) {
            let one = it.constant(Tensor(.int32, shape: [], [Int32(1)]))
            counted = it.write("Cast", [it.write("Equal", [mask, one])], ["to": .int(6)])
        } else {
            let zero = it.constant(Tensor(.int32, shape: [1, 1], [Int32(0)]))
            counted = it.write("Expand", [zero, it.write("Shape", [words])])
        }
        it.give(
            it.write("ReduceSum", [counted, it.integers([1])], ["keepdims": .int(0)]), as: 1)
    }
}

extension OperatorContext {
    /// Checks the number of inputs, some of which in front may be left out.
    func requireInputs(
        _ least: Int, required: [Int], max: Int
    ) throws(OperatorFailure) {
        guard inputCount >= least, inputCount <= max else {
            throw OperatorFailure(
                "it has \(inputCount) inputs; the operator takes \(least) to \(max)")
        }
        for index in required where !hasInput(index) {
            throw OperatorFailure("its input \(index) is left out, but it is required")
        }
    }
}
