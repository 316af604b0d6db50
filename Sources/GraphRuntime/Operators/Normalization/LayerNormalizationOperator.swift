import Kernels
import Primitives

/// ONNX `LayerNormalization` and `RMSNormalization`: normalised from an axis to the end, then scaled
/// and shifted.
final class LayerNormalizationOperator: Operator {
    private let axis: Int
    private let epsilon: Double
    private let isCentered: Bool

    @Sendable static func layer(_ context: OperatorContext) throws(OperatorFailure) -> any Operator
    {
        try LayerNormalizationOperator(context, isCentered: true)
    }

    @Sendable static func rms(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try LayerNormalizationOperator(context, isCentered: false)
    }

    private init(_ context: OperatorContext, isCentered: Bool) throws(OperatorFailure) {
        try context.requireInputs(2, max: isCentered ? 3 : 2)
        try context.requireOutputs(1, max: isCentered ? 3 : 1)
        axis = try context.int("axis", default: -1)
        epsilon = Double(try context.float("epsilon", default: 1e-5))
        self.isCentered = isCentered
        // The precision of the sums; ours are in float64.
        context.ignore("stash_type")
    }

    private func split(_ shape: [Int]) throws(OperatorFailure) -> Int {
        if shape.isEmpty { return 0 }
        guard let axis = Shape.axis(axis, rank: shape.count) else {
            throw OperatorFailure(
                "its axis \(self.axis) is outside of the shape \(Shape.text(shape))")
        }
        return axis
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let type = try inputs.dataType(0, oneOf: [.float32, .float64], "its input")
        let shape = inputs[0].shape
        let axis = try split(shape)
        for index in 1..<inputs.count {
            guard let other = inputs.optional(index) else { continue }
            try inputs.requireSameType(0, index)
            guard Shape.broadcast(other.shape, shape) == shape else {
                throw OperatorFailure(
                    "its input \(index) of shape \(Shape.text(other.shape)) does not broadcast to "
                        + Shape.text(shape))
            }
        }
        let kept = shape[..<axis] + shape[axis...].map { _ in 1 }
        let row = ValueInfo(.float32, Array(kept))
        return [ValueInfo(type, shape), row, row]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let (x, y) = (inputs[0], outputs[0])
        let axis = try split(x.shape)
        let columns = x.shape[axis...].reduce(1, *)
        let rows = x.shape[..<axis].reduce(1, *)
        let (scale, bias) = (inputs[1], inputs.optional(2))
        let isRow = scale.count == columns && (bias.map { $0.count == columns } ?? true)
        if isRow, y.dataType == .float32, outputs.optional(1) == nil, outputs.optional(2) == nil,
            columns > 0
        {
            return LayerNormStep(
                x, y, rows: rows, columns: columns, epsilon: Float(epsilon), isCentered: isCentered,
                scale, bias)
        }
        func step<T: Number & BinaryFloatingPoint>(_: T.Type) -> any Step {
            NormalizeStep<T>(
                x, y, rows: rows, columns: columns, epsilon: epsilon, isCentered: isCentered,
                scale: isRow ? scale : nil, bias: isRow ? bias : nil, mean: outputs.optional(1),
                inverse: outputs.optional(2))
        }
        let normalize = y.dataType == .float64 ? step(Double.self) : step(Float.self)
        if isRow { return normalize }
        return StepList(
            [normalize]
                + (try ScaleShift.steps(y, shape: y.shape, scale: scale, bias: bias)))
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int {
        6 &* inputs[0].shape.reduce(1, *)
    }
}

/// float32, one scale a column: the case models have.
final class LayerNormStep: PartedStep {
    private let (x, y, scale, shift): (Operand, Operand, Operand, Operand?)
    private let (rows, columns): (Int, Int)
    private let epsilon: Float
    private let isCentered: Bool

    init(
        _ x: Operand, _ y: Operand, rows: Int, columns: Int, epsilon: Float, isCentered: Bool,
        _ scale: Operand, _ shift: Operand?
    ) {
        (self.x, self.y, self.scale, self.shift) = (x, y, scale, shift)
        (self.rows, self.columns) = (rows, columns)
        self.epsilon = epsilon
        self.isCentered = isCentered
    }

    func partCount(phase: Int, lanes: Int) -> Int {
        min(
            max(rows, 1), Parting.count(work: 16 * x.count, partMin: Parting.bytesMin, lanes: lanes)
        )
    }

    func run(phase: Int, part: Int, of parts: Int, _ workspace: Workspace) {
        let range = Parting.range(rows, part: part, of: parts)
        let values = range.lowerBound * columns..<range.upperBound * columns
        var target = workspace.mutableSpan(y, as: Float.self, range: values)
        KernelSet.best.layerNorm(
            workspace.span(x, as: Float.self).extracting(values), rows: range.count,
            columns: columns, epsilon: epsilon, isCentered: isCentered,
            scale: workspace.span(scale, as: Float.self), shift: workspace.optionalSpan(shift),
            y: &target)
    }
}
