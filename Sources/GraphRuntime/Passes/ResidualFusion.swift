import Primitives

extension Graph {
    /// Makes the sum of a convolution and another image part of the convolution, where both are known
    /// to have one shape: the blocks of residual networks (He and others, 2015).
    mutating func fuseResiduals() {
        let matcher = GraphMatcher(self)
        var shapes = ImageShapes(matcher)
        var rewrites: [Rewrite] = []
        for index in nodes.indices {
            guard nodes[index].operatorName == OperatorName("Add"),
                nodes[index].attributes.isEmpty, nodes[index].inputs.count == 2,
                nodes[index].outputs.count == 1, let a = nodes[index].inputs[0],
                let b = nodes[index].inputs[1], a != b, let left = shapes.shape(a),
                left == shapes.shape(b)
            else { continue }
            let convolutions = [(a, b), (b, a)].compactMap { product, other in
                matcher.privateNode(product, "Conv").map { (conv: $0, other: other) }
            }
            // Of two convolutions the one that is ready last takes the other's result.
            guard let found = convolutions.max(by: { $0.conv < $1.conv }),
                (2...3).contains(nodes[found.conv].inputs.count)
            else { continue }
            var inputs = nodes[found.conv].inputs
            if inputs.count == 2 { inputs.append(nil) }
            inputs.append(found.other)
            rewrites.append(
                Rewrite(
                    dropped: [found.conv, index], at: index,
                    node: replacement(
                        of: index, "Conv", inputs, nodes[found.conv].attributes,
                        domain: Node.fusedDomain)))
        }
        apply(rewrites)
    }
}

/// What is known of images' shapes without knowing the input's: the number of channels, and what has
/// become of height and width since a common ancestor.
struct ImageShapes {
    struct Shape: Equatable {
        /// The value whose sizes these are, and what strides made of them since.
        var root: ValueID
        var steps: [String]
        var channels: Int
    }

    private let matcher: GraphMatcher
    private var known: [ValueID: Shape?] = [:]

    init(_ matcher: GraphMatcher) { self.matcher = matcher }

    private static let pointwise: Set = [
        "BatchNormalization", "Clip", "Dropout", "Elu", "Gelu", "HardSigmoid", "HardSwish",
        "Identity",
        "LeakyRelu", "Mish", "Relu", "Selu", "Sigmoid", "Softplus", "Swish", "Tanh",
    ]

    /// nil when nothing is known. Cost: each value is looked at once.
    mutating func shape(_ id: ValueID) -> Shape? {
        if let found = known[id] { return found }
        // Values in front first, without recursion: networks are deep.
        var waiting = [id]
        while let next = waiting.last {
            let missing = sources(next).filter { known[$0] == nil }
            if missing.isEmpty {
                known[next] = .some(compute(next))
                waiting.removeLast()
            } else {
                waiting += missing
            }
        }
        return known[id] ?? nil
    }

    private func sources(_ id: ValueID) -> [ValueID] {
        guard let node = matcher.producer(id) else { return [] }
        switch node.operatorName.name {
        case "Add": return node.inputs.compactMap { $0 }
        case "Conv", "MaxPool", "AveragePool": return [node.inputs.first ?? nil].compactMap { $0 }
        case let name where Self.pointwise.contains(name):
            return [node.inputs.first ?? nil].compactMap { $0 }
        default: return []
        }
    }

    private func compute(_ id: ValueID) -> Shape? {
        guard let node = matcher.producer(id), node.operatorName.domain.isEmpty,
            let first = node.inputs.first, let x = first
        else { return nil }
        let source = known[x] ?? nil
        switch node.operatorName.name {
        case "Conv":
            guard node.inputs.count > 1, let weights = node.inputs[1],
                let filters = matcher.graph[weights].constant, filters.shape.count >= 3,
                let step = window(node, Array(filters.shape[2...]))
            else { return nil }
            var shape = source ?? Shape(root: x, steps: [], channels: 0)
            shape.channels = filters.shape[0]
            if !step.isEmpty { shape.steps.append(step) }
            return shape
        case "MaxPool", "AveragePool":
            guard case .ints(let kernel)? = node.attributes["kernel_shape"], var shape = source,
                node.attributes["ceil_mode"] == nil, let step = window(node, kernel)
            else { return nil }
            if !step.isEmpty { shape.steps.append(step) }
            return shape
        case "Add":
            guard node.inputs.count == 2, let other = node.inputs[1], let found = source,
                let second = known[other] ?? nil, found == second
            else { return nil }
            return found
        case let name where Self.pointwise.contains(name): return source
        default: return nil
        }
    }

    /// What a window does to sizes: floor((size + a) / stride) + 1 with a constant a an axis, as text;
    /// empty when it leaves them, nil when the file does not tell.
    private func window(_ node: Node, _ kernel: [Int]) -> String? {
        func list(_ name: String, _ count: Int, _ fallback: Int) -> [Int]? {
            guard let attribute = node.attributes[name] else {
                return Array(repeating: fallback, count: count)
            }
            guard case .ints(let list) = attribute, list.count == count else { return nil }
            return list
        }
        if let attribute = node.attributes["auto_pad"] {
            guard case .string("NOTSET") = attribute else { return nil }
        }
        guard let strides = list("strides", kernel.count, 1),
            let dilations = list("dilations", kernel.count, 1),
            let pads = list("pads", 2 * kernel.count, 0)
        else { return nil }
        var words: [String] = []
        var changes = false
        for axis in kernel.indices {
            let reach = dilations[axis].multipliedReportingOverflow(by: kernel[axis] - 1)
            let sum = pads[axis].addingReportingOverflow(pads[axis + kernel.count])
            guard !reach.overflow, !sum.overflow else { return nil }
            let shift = sum.partialValue.subtractingReportingOverflow(reach.partialValue)
            guard !shift.overflow else { return nil }
            if strides[axis] != 1 || shift.partialValue != 0 { changes = true }
            words.append("\(shift.partialValue)/\(strides[axis])")
        }
        return changes ? words.joined(separator: ",") : ""
    }
}
