extension ContributedRules {
    /// Windows over quantized images, with the channels in front or at the end.
    static let pooling: [(String, Rule)] = [
        ("QLinearAveragePool", { it throws(OperatorFailure) in try averagePool(&it) }),
        ("QLinearGlobalAveragePool", { it throws(OperatorFailure) in try globalPool(&it) }),
        ("NhwcMaxPool", { it throws(OperatorFailure) in try maxPool(&it) }),
        ("QLinearConv", { it throws(OperatorFailure) in try convolution(&it) }),
    ]

    private static func window(
        _ it: NodeWriter, _ more: [String] = []
    ) -> [String: Attribute] {
        var attributes: [String: Attribute] = [:]
        let names = ["auto_pad", "dilations", "kernel_shape", "pads", "strides"] + more
        for name in names where it.context.has(name) {
            attributes[name] = it.context.node.attributes[name]
        }
        return attributes
    }

    private static func averagePool(_ it: inout NodeWriter) throws(OperatorFailure) {
        try it.context.requireInputs(4, required: [0, 1, 3], max: 5)
        try it.context.requireOutputs(1)
        let isLast = try it.context.flag("channels_last", default: false)
        var x = it.dequantized(try it.required(0), try it.required(1), it.input(2))
        if isLast { x = it.permute(x, .channelsFirst) }
        x = it.write("AveragePool", [x], window(it, ["ceil_mode", "count_include_pad"]))
        if isLast { x = it.permute(x, .channelsLast) }
        it.give(it.quantized(x, try it.required(3), it.input(4), like: try it.required(0)))
    }

    private static func globalPool(_ it: inout NodeWriter) throws(OperatorFailure) {
        try it.context.requireInputs(5, required: [0, 1, 3], max: 5)
        try it.context.requireOutputs(1)
        let isLast = try it.context.flag("channels_last", default: false)
        var x = it.dequantized(try it.required(0), try it.required(1), it.input(2))
        if isLast { x = it.permute(x, .channelsFirst) }
        x = it.write("GlobalAveragePool", [x])
        if isLast { x = it.permute(x, .channelsLast) }
        it.give(it.quantized(x, try it.required(3), it.input(4), like: try it.required(0)))
    }

    private static func maxPool(_ it: inout NodeWriter) throws(OperatorFailure) {
        try it.context.requireInputs(1)
        try it.context.requireOutputs(1)
        let x = it.permute(try it.required(0), .channelsFirst)
        let y = it.write("MaxPool", [x], window(it, ["ceil_mode"]))
        it.give(it.permute(y, .channelsLast))
    }

    private static func convolution(_ it: inout NodeWriter) throws(OperatorFailure) {
        try it.context.requireInputs(8, max: 9)
        try it.context.requireOutputs(1)
        let isLast = try it.context.flag("channels_last", default: false)
        let attributes = window(it, ["group"])
        var inputs = (0..<it.context.inputCount).map { it.input($0) }
        let x = try it.required(0)
        if isLast { inputs[0] = it.permute(x, .channelsFirst) }
        let y = it.write("QLinearConv", inputs, attributes)
        it.give(isLast ? it.permute(y, .channelsLast) : y)
    }
}
