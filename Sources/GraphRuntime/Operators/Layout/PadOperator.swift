import Primitives

/// ONNX `Pad`: elements added (or, with negative pads, taken away) around a tensor: a constant, the
/// edge, its mirror image without the edge, or the tensor again from its other end.
///
/// Pads are attributes before opset 11, inputs since; axes can be named from opset 18 on.
final class PadOperator: Operator {
    private enum Mode: String {
        case constant, reflect, edge, wrap
    }

    private let mode: Mode
    private let pads: [Int]?
    private let value: Float

    init(_ context: OperatorContext) throws(OperatorFailure) {
        let name = try context.string("mode") ?? "constant"
        guard let mode = Mode(rawValue: name), mode != .wrap || context.version >= 19 else {
            throw OperatorFailure("the mode '\(name)' is not known in this version")
        }
        self.mode = mode
        try context.requireOutputs(1)
        if context.version >= 11 {
            try context.requireInputs(2, max: context.version >= 18 ? 4 : 3)
            (pads, value) = (nil, 0)
        } else {
            try context.requireInputs(1)
            guard let pads = try context.ints("pads") else {
                throw OperatorFailure("its attribute 'pads' is missing")
            }
            (self.pads, value) = (pads, try context.float("value", default: 0))
        }
    }

    /// What is added in front of and behind each axis.
    private func widths(_ inputs: Inputs) throws(OperatorFailure) -> [(front: Int, back: Int)] {
        let shape = inputs[0].shape
        let list: [Int]
        if let pads { list = pads } else { list = try inputs.integers(1, "its pads") }
        let named = inputs.optional(3) == nil ? nil : try inputs.integers(3, "its axes")
        let axes = named ?? Array(shape.indices)
        guard list.count == 2 * axes.count else {
            throw OperatorFailure(
                "it has \(list.count) pads for \(axes.count) axes; it needs two for each")
        }
        var result = shape.map { _ in (front: 0, back: 0) }
        for (index, axis) in axes.enumerated() {
            guard let axis = Shape.axis(axis, rank: shape.count) else {
                throw OperatorFailure("axis \(axis) is outside of the shape \(Shape.text(shape))")
            }
            result[axis] = (list[index], list[index + axes.count])
        }
        return result
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let shape = inputs[0].shape
        var result: [Int] = []
        for (size, width) in zip(shape, try widths(inputs)) {
            let (front, first) = size.addingReportingOverflow(width.front)
            let (sum, second) = front.addingReportingOverflow(width.back)
            guard !first, !second, sum >= 0, width.front >= -size, width.back >= -size,
                mode == .constant || size > 0 || sum == 0
            else {
                throw OperatorFailure(
                    "pads \(width.front) and \(width.back) do not fit a size of \(size)")
            }
            result.append(sum)
        }
        return [ValueInfo(inputs[0].dataType, result)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let (x, y) = (inputs[0], outputs[0])
        let widths = try widths(inputs.infos)
        if mode == .constant {
            return try ConstantPadStep(x, y, widths, value: inputs.optional(2), attribute: value)
        }
        let mode = mode
        let sources = zip(x.shape, zip(y.shape, widths)).map { size, target in
            (0..<target.0).map { Self.source($0 - target.1.front, size, mode) }
        }
        return TakeStep(x, y, sources)
    }

    /// The index inside an axis that a place outside of it copies.
    private static func source(_ place: Int, _ size: Int, _ mode: Mode) -> Int {
        switch mode {
        case .constant, .edge: return min(max(place, 0), size - 1)
        case .wrap: return (place % size + size) % size
        case .reflect:
            if size == 1 { return 0 }
            let period = 2 * (size - 1)
            let index = (place % period + period) % period
            return index < size ? index : period - index
        }
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int { 0 }
}

/// Fills the target with one value and moves what remains of the source into it.
private final class ConstantPadStep: Step {
    private let (x, y, value): (Operand, Operand, Operand?)
    private let attribute: Float
    private let move: MoveStep

    init(
        _ x: Operand, _ y: Operand, _ widths: [(front: Int, back: Int)], value: Operand?,
        attribute: Float
    ) throws(OperatorFailure) {
        (self.x, self.y, self.value, self.attribute) = (x, y, value, attribute)
        if let value, value.dataType != x.dataType || value.count != 1 {
            throw OperatorFailure("its constant value must be one \(x.dataType.name)")
        }
        let (from, to) = (Shape.strides(x.shape), Shape.strides(y.shape))
        let kept = zip(x.shape, widths).map { $0 + min($1.front, 0) + min($1.back, 0) }
        let isEmpty = x.count == 0 || y.count == 0 || kept.contains { $0 <= 0 }
        let move = try Move(
            shape: isEmpty ? [0] : kept,
            sourceStart: zip(from, widths).reduce(0) { $0 + $1.0 * max(-$1.1.front, 0) },
            sourceStrides: isEmpty ? [0] : from,
            targetStart: zip(to, widths).reduce(0) { $0 + $1.0 * max($1.1.front, 0) },
            targetStrides: isEmpty ? [0] : to)
        self.move = MoveStep(x, y, [move])
    }

    func run(_ workspace: Workspace) {
        for index in 0..<y.count {
            if let value {
                workspace.copyElements(value, 0, to: y, index, count: 1)
            } else if y.dataType == .string {
                workspace.setString(y, index, "")
            } else {
                workspace.setScalar(y, index, .real(Double(attribute)))
            }
        }
        move.run(workspace)
    }
}

/// Each axis of the target takes the indices of the source that a list names.
final class TakeStep: Step {
    private let (x, y): (Operand, Operand)
    private let sources: [[Int]]
    private let strides: [Int]

    init(_ x: Operand, _ y: Operand, _ sources: [[Int]]) {
        (self.x, self.y, self.sources) = (x, y, sources)
        strides = Shape.strides(x.shape)
    }

    func run(_ workspace: Workspace) {
        var counters = y.shape.map { _ in 0 }
        for place in 0..<y.count {
            var from = 0
            for axis in counters.indices { from += sources[axis][counters[axis]] * strides[axis] }
            workspace.copyElements(x, from, to: y, place, count: 1)
            var axis = counters.count - 1
            while axis >= 0 {
                counters[axis] += 1
                if counters[axis] < y.shape[axis] { break }
                counters[axis] = 0
                axis -= 1
            }
        }
    }
}
