extension ChannelsLastLayout {
    /// The convolution that makes a value which nobody else reads, taken out of the list; nil when it
    /// rectifies already.
    mutating func takeConvolution(_ id: ValueID) -> Node? {
        guard uses[id.index] == 1, missing.contains(id.index), let maker = makers[id.index],
            !dropped.contains(maker), nodes[maker].operatorName.name == "Conv" + Self.rows,
            nodes[maker].attributes["rectifies"] == nil
        else { return nil }
        dropped.insert(maker)
        return nodes[maker]
    }

    /// The sum of a convolution and another image: the convolution adds it on the way out.
    mutating func addResidual(
        _ a: ValueID, _ b: ValueID, _ rank: Int, _ output: [ValueID?]
    ) -> Bool {
        guard a != b, let twinA = twins[a.index], let twinB = twins[b.index],
            ranks[a.index] == rank, ranks[b.index] == rank, let extent = extents[a.index],
            extent == extents[b.index]
        else { return false }
        for (id, other) in [(a, twinB), (b, twinA)] {
            guard let maker = makers[id.index], nodes[maker].inputs.count <= 3,
                var convolution = takeConvolution(id)
            else { continue }
            while convolution.inputs.count < 3 { convolution.inputs.append(nil) }
            convolution.inputs.append(other)
            convolution.outputs = output
            append(convolution, rank, extent)
            return true
        }
        return false
    }

    /// The extent of what a window makes of an image, where its attributes alone tell.
    func extent(_ node: Node, of input: Extent?, channels: Int?, kernel given: [Int]?) -> Extent? {
        guard let input, let axes = ranks[node.inputs[0]?.index ?? -1].map({ $0 - 2 }) else {
            return nil
        }
        func list(_ name: String, _ count: Int, default value: Int) -> [Int]? {
            guard let attribute = node.attributes[name] else {
                return Array(repeating: value, count: count)
            }
            guard case .ints(let found) = attribute, found.count == count else { return nil }
            return found
        }
        if let attribute = node.attributes["auto_pad"] {
            guard case .string("NOTSET") = attribute else { return nil }
        }
        if let attribute = node.attributes["ceil_mode"] {
            guard case .int(0) = attribute else { return nil }
        }
        guard let kernel = given ?? list("kernel_shape", axes, default: 0), kernel.count == axes,
            let strides = list("strides", axes, default: 1),
            let dilations = list("dilations", axes, default: 1),
            let pads = list("pads", 2 * axes, default: 0)
        else { return nil }
        var result = input
        for axis in 0..<axes {
            // outputs = (size + pads - (kernel - 1) · dilation - 1) / stride + 1
            let growth = pads[axis] &+ pads[axis + axes] &- (kernel[axis] &- 1) &* dilations[axis]
            if growth != 0 || strides[axis] != 1 {
                result.path.append(.init(axis: axis, growth: growth, stride: strides[axis]))
            }
        }
        if let channels { result.channels = channels }
        return result
    }
}

/// What is known about an image's sizes without knowing them: which image it was made of, and by which
/// windows. Equal extents are equal shapes.
struct Extent: Equatable {
    struct Window: Equatable {
        let (axis, growth, stride): (Int, Int, Int)

        init(axis: Int, growth: Int, stride: Int) {
            (self.axis, self.growth, self.stride) = (axis, growth, stride)
        }

        static func == (a: Window, b: Window) -> Bool {
            a.axis == b.axis && a.growth == b.growth && a.stride == b.stride
        }
    }

    /// The value it was made of.
    var root: Int
    var path: [Window] = []
    var channels: Int
}
