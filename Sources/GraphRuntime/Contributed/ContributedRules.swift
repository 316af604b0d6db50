/// How nodes of `com.microsoft` are written as nodes of the standard, by their names. Operators of that
/// domain without a rule are in `OperatorTable`.
///
/// Source: ONNX Runtime's docs/ContribOperators.md.
enum ContributedRules {
    typealias Rule = @Sendable (inout NodeWriter) throws(OperatorFailure) -> Void

    static let all: [OperatorName: Rule] = {
        var rules: [OperatorName: Rule] = [:]
        for (name, rule) in dense + normalizing + attending + quantized + pooling {
            rules[OperatorName(name, domain: domain)] = rule
        }
        // ONNX Runtime registers this one for the standard's own domain.
        let rms: Rule = { it throws(OperatorFailure) in try simplifiedNormalization(&it) }
        rules[OperatorName("SimplifiedLayerNormalization")] = rms
        rules[OperatorName("SimplifiedLayerNormalization", domain: domain)] = rms
        return rules
    }()

    static let domain = "com.microsoft"

    /// The names of all, for the documentation and its test.
    static var names: [OperatorName] { all.keys.sorted { $0.description < $1.description } }

    /// Writes the activation that a fused node names.
    static func activation(
        _ x: ValueID, _ name: String?, _ parameters: [Float], _ it: inout NodeWriter
    ) throws(OperatorFailure) -> ValueID {
        func parameter(_ index: Int, _ standard: Float) -> Float {
            index < parameters.count ? parameters[index] : standard
        }
        switch name {
        case nil, "": return x
        case let name? where ["Relu", "Sigmoid", "Tanh", "Softplus", "Softsign"].contains(name):
            return it.write(name, [x])
        case "LeakyRelu": return it.write("LeakyRelu", [x], ["alpha": .float(parameter(0, 0.01))])
        case "Elu": return it.write("Elu", [x], ["alpha": .float(parameter(0, 1))])
        case "HardSigmoid":
            return it.write(
                "HardSigmoid", [x],
                ["alpha": .float(parameter(0, 0.2)), "beta": .float(parameter(1, 0.5))])
        case "Clip":
            // The node's input has the type of what is clipped, and is known of more often.
            let like = try it.required(0)
            let lowest = it.scalar(Double(parameter(0, -.greatestFiniteMagnitude)), like: like)
            let highest = it.scalar(Double(parameter(1, .greatestFiniteMagnitude)), like: like)
            return it.write("Clip", [x, lowest, highest])
        case let name?: throw OperatorFailure("the activation '\(name)' is not known")
        }
    }
}
