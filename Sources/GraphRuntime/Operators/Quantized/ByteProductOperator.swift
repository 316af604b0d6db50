import Kernels
import Primitives

/// The product of 8-bit rows and a constant 8-bit matrix, packed once: what `QLinearMatMul`,
/// `MatMulInteger` and `QGemm` are with constant weights, and what passes make of products between
/// `DequantizeLinear` and `QuantizeLinear`.
///
/// Inputs: x, its scale and zero point, W, its scales and zero points (one or one a column), and, for
/// a quantized result, its scale and zero point, all constant; then an int32 bias or none. Without the
/// scale of the result it is float32, and x's scale and zero point may be known at run time only; the
/// bias may then be float32. Attributes: `transposed` (W is n × k), `low` and `high` (what bytes of the
/// result, counted from the least on, are held inside of).
final class ByteProductOperator: Operator {
    enum Result: Sendable {
        case sums
        case reals
        case bytes(ByteScale, ClosedRange<Int>)
    }

    private let packed: PackedBytes
    private let result: Result
    /// nil: known at run time.
    private let xScale: ByteScale?
    private let weightScales: [Float]
    private let bias: [Int32]?
    private let addends: [Float]?
    /// Where x's scale and zero point stand among the inputs.
    private let (scaleInput, zeroInput): (Int?, Int?)
    private let weightInput: Int

    /// The weights are packed once, and the file's are not kept.
    var absorbedInputs: [Int] { [weightInput] }

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(5, max: 9)
        try context.requireOutputs(1)
        let isTransposed = try context.flag("transposed", default: false)
        packed = try Self.pack(context.constant(3), context.constant(5), isTransposed)
        guard let scales = WeightScales.list(context.constant(4), count: packed.n) else {
            throw OperatorFailure("its weights' scales must be constant, one or one a column")
        }
        weightScales = scales
        let isConstant =
            context.constant(1) != nil && (!context.hasInput(2) || context.constant(2) != nil)
        xScale = isConstant ? ByteScale(context.constant(1), context.constant(2)) : nil
        (scaleInput, zeroInput) = (1, context.hasInput(2) ? 2 : nil)
        if context.hasInput(6) {
            guard xScale != nil, let y = ByteScale(context.constant(6), context.constant(7)) else {
                throw OperatorFailure("scales and zero points must be constant numbers")
            }
            let low = try context.int("low", default: 0)
            let high = try context.int("high", default: 255)
            guard low >= 0, high <= 255, low <= high else {
                throw OperatorFailure("its results must lie in 0...255")
            }
            result = .bytes(y, low...high)
        } else {
            result = .reals
        }
        (bias, addends) = try Self.bias(context, count: packed.n, isQuantized: context.hasInput(6))
        weightInput = 3
    }

    /// `QLinearMatMul` or `MatMulInteger` with constant weights of this shape.
    private init(_ packed: PackedBytes, _ x: ByteScale?, _ scales: [Float], _ result: Result) {
        (self.packed, xScale, weightScales, self.result) = (packed, x, scales, result)
        (bias, addends) = (nil, nil)
        scaleInput = nil
        // Sums have no scale, and their zero point may come from `DynamicQuantizeLinear`.
        if case .sums = result {
            (zeroInput, weightInput) = (2, 1)
        } else {
            (zeroInput, weightInput) = (nil, 3)
        }
    }

    /// `QLinearMatMul`; by whole tensors where its right operand is not constant.
    @Sendable static func quantized(
        _ context: OperatorContext
    ) throws(OperatorFailure) -> any Operator {
        try context.requireInputs(8)
        try context.requireOutputs(1)
        guard let weights = context.constant(3),
            let packed = try? pack(weights, context.constant(5), false),
            let scales = WeightScales.list(context.constant(4), count: packed.n),
            let x = ByteScale(context.constant(1), context.constant(2)),
            let y = ByteScale(context.constant(6), context.constant(7))
        else { return try QLinearMatMulOperator(context) }
        return ByteProductOperator(packed, x, scales, .bytes(y, 0...255))
    }

    /// `MatMulInteger`; by whole tensors where its right operand is not constant.
    @Sendable static func integer(
        _ context: OperatorContext
    ) throws(OperatorFailure) -> any Operator {
        try context.requireInputs(2, max: 4)
        try context.requireOutputs(1)
        guard let weights = context.constant(1), !context.hasInput(3) || context.constant(3) != nil,
            let packed = try? pack(weights, context.constant(3), false),
            (context.constant(2)?.elementCount ?? 1) == 1
        else { return try MatMulIntegerOperator(context) }
        return ByteProductOperator(packed, nil, [], .sums)
    }

    /// Packs a constant matrix with its zero points.
    static func pack(
        _ weights: Tensor?, _ zero: Tensor?, _ isTransposed: Bool
    ) throws(OperatorFailure) -> PackedBytes {
        guard let weights, weights.dataType.isByte, weights.shape.count == 2 else {
            throw OperatorFailure("its weights must be a constant matrix of bytes")
        }
        let (rows, columns) = (weights.shape[0], weights.shape[1])
        let (k, n) = isTransposed ? (columns, rows) : (rows, columns)
        guard let zeros = WeightScales.zeros(zero, count: n, type: weights.dataType) else {
            throw OperatorFailure("zero points of its weights do not fit")
        }
        var source = weights.array(as: UInt8.self)
        if !isTransposed {
            let plain = source
            for row in 0..<k {
                for column in 0..<n { source[column * k + row] = plain[row * n + column] }
            }
        }
        return PackedBytes(
            packing: source.span, isSigned: weights.dataType == .int8, taps: 1, run: k, n: n,
            zeros: zeros)
    }

    private static func bias(
        _ context: OperatorContext, count: Int, isQuantized: Bool
    ) throws(OperatorFailure) -> ([Int32]?, [Float]?) {
        guard context.hasInput(8) else { return (nil, nil) }
        guard let bias = context.constant(8), bias.elementCount == count else {
            throw OperatorFailure("its bias must be constant, one value a column")
        }
        if bias.dataType == .int32 { return (bias.array(as: Int32.self), nil) }
        guard bias.dataType == .float32, !isQuantized else {
            throw OperatorFailure("its bias must be int32")
        }
        return (nil, bias.array(as: Float.self))
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let type = try inputs.dataType(0, oneOf: [.int8, .uint8], "its first input")
        let x = inputs[0].shape
        guard let last = x.last, last == packed.k else {
            throw OperatorFailure(
                "its first input has shape \(Shape.text(x)); the weights take \(packed.k) columns")
        }
        for index in [scaleInput, zeroInput] {
            guard let index, let info = inputs.optional(index) else { continue }
            guard info.shape.reduce(1, *) == 1 else {
                throw OperatorFailure("it takes one scale and zero point for all of its input")
            }
        }
        if let zeroInput, let zero = inputs.optional(zeroInput), zero.dataType != type {
            throw OperatorFailure("its input and that one's zero point differ in type")
        }
        if let scaleInput, let scale = inputs.optional(scaleInput), scale.dataType != .float32 {
            throw OperatorFailure("its scale must be float32")
        }
        if let xScale, case .bytes = result, xScale.dataType != type {
            throw OperatorFailure("its input and that one's zero point differ in type")
        }
        let shape = Array(x.dropLast()) + [packed.n]
        switch result {
        case .sums: return [ValueInfo(.int32, shape)]
        case .reals: return [ValueInfo(.float32, shape)]
        case .bytes(let scale, _): return [ValueInfo(scale.dataType, shape)]
        }
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        let x = inputs[0]
        let known = xScale.map {
            ByteScale(
                scale: $0.scale, zeroPoint: $0.zeroPoint, isSigned: x.dataType == .int8)
        }
        let folding = known.map { (filters: packed, left: $0) }
        let ending: ByteEnding
        switch result {
        case .sums: ending = ByteEnding(columns: packed.n)
        case .reals:
            ending = ByteEnding(
                columns: packed.n, bias: bias, scales: weightScales, addends: addends,
                folding: folding)
        case .bytes(let y, let range):
            ending = ByteEnding(
                columns: packed.n, bias: bias,
                scales: WeightScales.units(known?.scale ?? 1, weightScales, y.scale), result: y,
                range: range, folding: folding)
        }
        return ByteProductStep(
            x, outputs[0], packed, ending, known: known,
            scale: scaleInput.flatMap { inputs.optional($0) },
            zero: zeroInput.flatMap { inputs.optional($0) })
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int {
        2 &* inputs[0].shape.reduce(1, *) &* packed.n
    }
}

private final class ByteProductStep: PartedStep {
    private let (x, y): (Operand, Operand)
    private let packed: PackedBytes
    private let ending: ByteEnding
    private let known: ByteScale?
    private let (scale, zero): (Operand?, Operand?)
    private let rows: Int
    private let tapOffsets = [0]

    init(
        _ x: Operand, _ y: Operand, _ packed: PackedBytes, _ ending: ByteEnding, known: ByteScale?,
        scale: Operand?, zero: Operand?
    ) {
        (self.x, self.y) = (x, y)
        self.packed = packed
        self.ending = ending
        self.known = known
        (self.scale, self.zero) = (scale, zero)
        rows = x.shape.dropLast().reduce(1, *)
    }

    func partCount(phase: Int, lanes: Int) -> Int {
        Parting.count(
            work: 2 * rows * packed.k * packed.n, partMin: Parting.byteOperationsMin, lanes: lanes)
    }

    func run(phase: Int, part: Int, of parts: Int, _ workspace: Workspace) {
        let ranges = ProductParting.ranges(rows: rows, columns: packed.n, part: part, of: parts)
        let left = known ?? workspace.byteScale(scale, zero, type: x.dataType)
        let source = workspace.span(x, as: UInt8.self)
        // A quantized result's scales have x's in them already.
        let a = KernelSet.ByteRows(
            matrix: rows, packed.k, scale: left,
            factor: y.dataType == .float32 ? left.scale : 1)
        let place = KernelSet.BytePart(
            rows: ranges.rows, columns: ranges.columns, stride: packed.n)
        let taps = tapOffsets
        if y.dataType == .int32 {
            var target = workspace.mutableSpan(y, as: Int32.self)
            KernelSet.best.multiply(
                source, a, tapOffsets: taps.span, packed, ending, place, y: &target)
        } else if y.dataType == .float32 {
            var target = workspace.mutableSpan(y, as: Float.self)
            KernelSet.best.multiply(
                source, a, tapOffsets: taps.span, packed, ending, place, y: &target)
        } else {
            var target = workspace.mutableSpan(y, as: UInt8.self)
            KernelSet.best.multiply(
                source, a, tapOffsets: taps.span, packed, ending, place, y: &target)
        }
    }
}
