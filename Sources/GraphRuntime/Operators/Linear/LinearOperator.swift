import Kernels
import Primitives

/// A fused layer: y = activation(x · W + b) with constant weights, packed once.
///
/// Passes make it from MatMul, Add, Gemm and the activation behind them; Gemm and MatMul with
/// constant weights are one even without passes. Inputs: x, W and optionally b. Attributes:
/// `transposed` (W is n × k), `scale` (W is multiplied by it), `activation` (a case of `Activation`),
/// `rank` (x must have this many dimensions; 0: any), `biasRank` (dimensions of the bias, to which
/// the result is filled up).
final class LinearOperator: Operator {
    private let weights: PackedMatrix
    private let bias: Tensor?
    private let activation: Activation
    private let rank: Int
    private let biasRank: Int

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(2, max: 3)
        try context.requireOutputs(1)
        let code = try context.int("activation", default: 0)
        guard let raw = UInt8(exactly: code), let activation = Activation(rawValue: raw) else {
            throw OperatorFailure("there is no activation \(code)")
        }
        self.activation = activation
        rank = try context.int("rank", default: 0)
        biasRank = try context.int("biasRank", default: 0)
        weights = try Self.pack(
            context.constant(1), transposed: try context.flag("transposed", default: false),
            scale: try context.float("scale", default: 1))
        bias = try Self.bias(context, count: weights.n)
    }

    /// The weights are packed, the bias is kept.
    var absorbedInputs: [Int] { [1, 2] }

    /// The layer of a Gemm or MatMul with constant weights.
    init(
        weights: Tensor, transposed: Bool, scale: Float, bias: Tensor?, rank: Int
    ) throws(OperatorFailure) {
        self.weights = try Self.pack(weights, transposed: transposed, scale: scale)
        self.bias = bias
        self.rank = rank
        biasRank = 0
        activation = .none
    }

    private static func pack(
        _ tensor: Tensor?, transposed: Bool, scale: Float
    ) throws(OperatorFailure) -> PackedMatrix {
        guard let tensor, tensor.dataType == .float32, tensor.shape.count == 2 else {
            throw OperatorFailure("its weights must be a constant float32 matrix")
        }
        let (k, n) =
            transposed
            ? (tensor.shape[1], tensor.shape[0]) : (tensor.shape[0], tensor.shape[1])
        return PackedMatrix(
            packing: tensor.span(as: Float.self), k: k, n: n, transposed: transposed,
            scale: scale)
    }

    private static func bias(
        _ context: OperatorContext, count: Int
    ) throws(OperatorFailure) -> Tensor? {
        guard context.hasInput(2) else { return nil }
        guard let bias = context.constant(2), bias.dataType == .float32,
            bias.elementCount == count
        else { throw OperatorFailure("its bias must be \(count) constant float32 values") }
        return bias
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        _ = try inputs.dataType(0, oneOf: [.float32], "its first input")
        let shape = inputs[0].shape
        guard let columns = shape.last, rank == 0 || shape.count == rank else {
            let wanted = rank == 0 ? "at least 1" : String(rank)
            throw OperatorFailure(
                "its first input has shape \(Shape.text(shape)); it needs \(wanted) dimensions")
        }
        guard columns == weights.k else {
            throw OperatorFailure(
                "its first input has shape \(Shape.text(shape)); the weights take \(weights.k) "
                    + "columns")
        }
        let result = shape.dropLast() + [weights.n]
        let missing = max(0, biasRank - result.count)
        return [ValueInfo(.float32, Array(repeating: 1, count: missing) + result)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        LinearStep(inputs[0], outputs[0], weights, bias.map { Operand($0) }, activation)
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int {
        2 &* inputs[0].shape.reduce(1, *) &* weights.n
    }
}

private final class LinearStep: PartedStep {
    private let (x, y): (Operand, Operand)
    private let weights: PackedMatrix
    private let bias: Operand?
    private let activation: Activation
    private let rows: Int

    init(
        _ x: Operand, _ y: Operand, _ weights: PackedMatrix, _ bias: Operand?,
        _ activation: Activation
    ) {
        (self.x, self.y) = (x, y)
        self.weights = weights
        self.bias = bias
        self.activation = activation
        rows = x.shape.dropLast().reduce(1, *)
    }

    func partCount(phase: Int, lanes: Int) -> Int {
        // Few rows are bound by reading the weights.
        max(
            Parting.count(
                work: 2 * rows * weights.k * weights.n, partMin: Parting.operationsMin,
                lanes: lanes),
            Parting.count(work: weights.byteCount, partMin: Parting.bytesMin, lanes: lanes))
    }

    func run(phase: Int, part: Int, of parts: Int, _ workspace: Workspace) {
        let source = workspace.span(x, as: Float.self)
        var target = workspace.mutableSpan(y, as: Float.self)
        let ranges = ProductParting.ranges(rows: rows, columns: weights.n, part: part, of: parts)
        KernelSet.best.gemm(
            a: source, m: rows, b: weights, bias: workspace.optionalSpan(bias),
            activation: activation, c: &target, rows: ranges.rows, columns: ranges.columns)
    }
}
