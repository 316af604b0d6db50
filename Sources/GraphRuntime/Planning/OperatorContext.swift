import Primitives

/// What an operator sees of its node while it is built: attributes checked as they are read, the
/// constants among its inputs, and how many inputs and outputs there are.
final class OperatorContext {
    let node: Node
    /// The tensor of each input that is constant.
    private let constants: [Tensor?]
    private var known: Set<String> = []

    init(node: Node, constants: [Tensor?]) {
        self.node = node
        self.constants = constants
    }

    var version: Int { node.version }
    /// Inputs as the standard counts them, without what the node's graphs read from outside.
    var inputCount: Int { node.inputs.count - node.captureCount }
    var outputCount: Int { node.outputs.count }

    func hasInput(_ index: Int) -> Bool {
        index < node.inputs.count && node.inputs[index] != nil
    }

    /// Whether somebody reads the output.
    func hasOutput(_ index: Int) -> Bool {
        index < node.outputs.count && node.outputs[index] != nil
    }

    func constant(_ index: Int) -> Tensor? {
        index < constants.count ? constants[index] : nil
    }

    /// Checks the number of inputs: `required` must be there, up to `max` may be.
    func requireInputs(_ required: Int, max: Int? = nil) throws(OperatorFailure) {
        let max = max ?? required
        guard inputCount >= required, inputCount <= max else {
            let wanted = required == max ? "\(required)" : "\(required) to \(max)"
            throw OperatorFailure("it has \(inputCount) inputs; the operator takes \(wanted)")
        }
        for index in 0..<required where !hasInput(index) {
            throw OperatorFailure("its input \(index) is left out, but it is required")
        }
    }

    /// Checks the number of outputs, of which `required` must be asked for.
    func requireOutputs(_ required: Int, max: Int? = nil) throws(OperatorFailure) {
        let max = max ?? required
        guard outputCount >= required, outputCount <= max else {
            let wanted = required == max ? "\(required)" : "\(required) to \(max)"
            throw OperatorFailure("it has \(outputCount) outputs; the operator gives \(wanted)")
        }
    }

    // MARK: Attributes

    func has(_ name: String) -> Bool {
        known.insert(name)
        return node.attributes[name] != nil
    }

    func int(_ name: String, default value: Int) throws(OperatorFailure) -> Int {
        try int(name) ?? value
    }

    func int(_ name: String) throws(OperatorFailure) -> Int? {
        guard let attribute = find(name) else { return nil }
        guard case .int(let value) = attribute else { throw wrongKind(name, "an int", attribute) }
        return value
    }

    func flag(_ name: String, default value: Bool) throws(OperatorFailure) -> Bool {
        try int(name, default: value ? 1 : 0) != 0
    }

    func float(_ name: String, default value: Float) throws(OperatorFailure) -> Float {
        try float(name) ?? value
    }

    func float(_ name: String) throws(OperatorFailure) -> Float? {
        guard let attribute = find(name) else { return nil }
        guard case .float(let value) = attribute else {
            throw wrongKind(name, "a float", attribute)
        }
        return value
    }

    func string(_ name: String) throws(OperatorFailure) -> String? {
        guard let attribute = find(name) else { return nil }
        guard case .string(let value) = attribute else {
            throw wrongKind(name, "a string", attribute)
        }
        return value
    }

    func tensor(_ name: String) throws(OperatorFailure) -> Tensor? {
        guard let attribute = find(name) else { return nil }
        guard case .tensor(let value) = attribute else {
            throw wrongKind(name, "a tensor", attribute)
        }
        return value
    }

    func ints(_ name: String) throws(OperatorFailure) -> [Int]? {
        guard let attribute = find(name) else { return nil }
        if isEmptyList(attribute) { return [] }
        guard case .ints(let value) = attribute else {
            throw wrongKind(name, "a list of ints", attribute)
        }
        return value
    }

    func floats(_ name: String) throws(OperatorFailure) -> [Float]? {
        guard let attribute = find(name) else { return nil }
        if isEmptyList(attribute) { return [] }
        guard case .floats(let value) = attribute else {
            throw wrongKind(name, "a list of floats", attribute)
        }
        return value
    }

    func strings(_ name: String) throws(OperatorFailure) -> [String]? {
        guard let attribute = find(name) else { return nil }
        if isEmptyList(attribute) { return [] }
        guard case .strings(let value) = attribute else {
            throw wrongKind(name, "a list of strings", attribute)
        }
        return value
    }

    /// An element type, by its code in the standard.
    func dataType(_ name: String) throws(OperatorFailure) -> DataType? {
        guard let code = try int(name) else { return nil }
        guard let type = CastOperator.dataType(code) else {
            throw OperatorFailure("the element type \(code) in '\(name)' is not supported")
        }
        return type
    }

    /// The graph of control flow; it must be there.
    func graph(_ name: String) throws(OperatorFailure) -> Graph {
        guard let attribute = find(name) else {
            throw OperatorFailure("its attribute '\(name)' is missing")
        }
        guard case .graph(let value) = attribute else {
            throw wrongKind(name, "a graph", attribute)
        }
        return value
    }

    /// Whether the node reads the captures of its graph `first` before those of `second`.
    func graphOrder(_ first: String, _ second: String) -> Bool {
        guard let place = node.graphOrder.firstIndex(of: first),
            let other = node.graphOrder.firstIndex(of: second)
        else { return true }
        return place < other
    }

    /// Takes note of attributes that change nothing here.
    func ignore(_ names: String...) { known.formUnion(names) }

    /// Throws when the node has an attribute that was never asked for: it would be obeyed
    /// nowhere, so the answers would be wrong without a word.
    func requireNothingElse() throws(OperatorFailure) {
        let others = node.attributes.keys.filter { !known.contains($0) }.sorted()
        guard others.isEmpty else {
            let names = others.joined(separator: "', '")
            throw OperatorFailure("the operator has no attribute '\(names)' in this version")
        }
    }

    private func find(_ name: String) -> Attribute? {
        known.insert(name)
        return node.attributes[name]
    }

    private func isEmptyList(_ attribute: Attribute) -> Bool {
        switch attribute {
        case .ints(let list): list.isEmpty
        case .floats(let list): list.isEmpty
        case .strings(let list): list.isEmpty
        case .int, .float, .string, .tensor, .type, .graph, .other: false
        }
    }

    private func wrongKind(
        _ name: String, _ wanted: String, _ found: Attribute
    ) -> OperatorFailure {
        OperatorFailure("its attribute '\(name)' must be \(wanted), but is \(found.kind)")
    }
}
