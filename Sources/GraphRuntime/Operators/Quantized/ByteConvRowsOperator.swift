import Kernels
import Primitives

/// A convolution over 8-bit images whose channels lie last; passes make it from `QLinearConv` and
/// `ConvInteger` with constant filters (`Graph.layOutChannelsLast`).
///
/// Inputs as those operators have them, x being (batch, sizes…, channels). Of `ConvInteger` the zero
/// point of x may be known at run time only. Attributes `low` and `high` as `ByteProductOperator`
/// has them.
final class ByteConvRowsOperator: Operator {
    private enum Result: Sendable {
        case sums
        case bytes(x: ByteScale, y: ByteScale, ClosedRange<Int>, weights: [Float], bias: [Int32]?)
    }

    private let attributes: WindowAttributes
    private let filters: ByteFilters
    private let result: Result
    private let filterInput: Int

    /// Of `ConvInteger`.
    @Sendable static func plain(_ context: OperatorContext) throws(OperatorFailure) -> any Operator
    {
        try context.requireInputs(2, max: 4)
        return try ByteConvRowsOperator(context, filterInput: 1, zeroInput: 3) { _ in .sums }
    }

    /// Of `QLinearConv`.
    @Sendable static func quantized(
        _ context: OperatorContext
    ) throws(OperatorFailure) -> any Operator {
        try context.requireInputs(8, max: 9)
        let low = try context.int("low", default: 0)
        let high = try context.int("high", default: 255)
        guard low >= 0, high <= 255, low <= high else {
            throw OperatorFailure("its results must lie in 0...255")
        }
        return try ByteConvRowsOperator(context, filterInput: 3, zeroInput: 5) { count in
            guard let x = ByteScale(context.constant(1), context.constant(2)),
                let y = ByteScale(context.constant(6), context.constant(7)),
                let weights = WeightScales.list(context.constant(4), count: count),
                !context.hasInput(8) || context.constant(8)?.dataType == .int32,
                (context.constant(8)?.elementCount ?? count) == count
            else { return nil }
            return .bytes(
                x: x, y: y, low...high, weights: weights,
                bias: context.constant(8)?.array(as: Int32.self))
        }
    }

    private init(
        _ context: OperatorContext, filterInput: Int, zeroInput: Int, _ result: (Int) -> Result?
    ) throws(OperatorFailure) {
        try context.requireOutputs(1)
        attributes = try WindowAttributes(context)
        self.filterInput = filterInput
        guard let weights = context.constant(filterInput), let count = weights.shape.first,
            !context.hasInput(zeroInput) || context.constant(zeroInput) != nil,
            let zeros = WeightScales.zeros(
                context.constant(zeroInput), count: count, type: weights.dataType),
            let made = result(count)
        else {
            throw OperatorFailure("its filters, scales and zero points must be constant and fit")
        }
        self.result = made
        filters = try ByteFilters(
            weights, zeros: zeros, groups: try context.int("group", default: 1), attributes)
    }

    /// The filters are made ready once, and the file's are not kept.
    var absorbedInputs: [Int] { [filterInput] }

    private func plan(_ x: [Int]) throws(OperatorFailure) -> ConvRowsPlan {
        let shape = filters.shape
        guard x.count == shape.count, x[x.count - 1] == shape[1] * filters.groups else {
            throw OperatorFailure(
                "filters \(Shape.text(shape)) in \(filters.groups) groups do not fit "
                    + Shape.text(x))
        }
        let geometry = try WindowGeometry(
            Array(x[1..<x.count - 1]), attributes, kernel: Array(shape[2...]))
        let plan = ConvRowsPlan(
            images: x[0], cube: try geometry.requireCube(), channels: shape[1],
            groups: filters.groups, filterCount: shape[0])
        let (depth, height, width) = plan.paddedSizes
        guard Shape.elementCount([x[0], depth, height, width, plan.allChannels]) != nil else {
            throw OperatorFailure(
                "its input with pads, \(Shape.text([x[0], depth, height, width, plan.allChannels])), "
                    + "has too many values")
        }
        return plan
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let type = try inputs.dataType(0, oneOf: [.int8, .uint8], "its input")
        let x = inputs[0].shape
        let plan = try plan(x)
        let outputs = [plan.depth.outputs, plan.height.outputs, plan.width.outputs]
        let shape = [x[0]] + outputs.suffix(x.count - 2) + [plan.filterCount]
        switch result {
        case .sums:
            if let zero = inputs.optional(2) {
                guard zero.dataType == type, zero.shape.reduce(1, *) == 1 else {
                    throw OperatorFailure("its zero point must be one number of its input's type")
                }
            }
            return [ValueInfo(.int32, shape)]
        case .bytes(let xScale, let y, _, _, _):
            guard xScale.dataType == type else {
                throw OperatorFailure("its input and that one's zero point differ in type")
            }
            return [ValueInfo(y.dataType, shape)]
        }
    }

    func scratch(_ inputs: Inputs, _ outputs: [ValueInfo]) -> [ValueInfo] {
        guard case .product = filters.method, let plan = try? plan(inputs[0].shape),
            plan.isPadded
        else { return [] }
        return [ValueInfo(.uint8, [plan.images * plan.shape.imageStride])]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let plan = try plan(inputs[0].shape)
        let (x, y) = (inputs[0], outputs[0])
        if y.count == 0 { return StepList([]) }
        let places = ByteConvPlaces(x: x, y: y, scratch: outputs.scratch.first)
        let (known, zero): (ByteScale?, Operand?)
        switch result {
        case .sums: (known, zero) = (nil, inputs.optional(2))
        case .bytes(let scale, _, _, _, _): (known, zero) = (scale, nil)
        }
        switch filters.method {
        case .depthwise(let rows):
            return ByteDepthwiseStep(
                plan, places, rows, ending(0, of: 1, nil), known: known, zero: zero)
        case .product(let packed):
            let endings = packed.indices.map { ending($0, of: packed.count, packed[$0]) }
            return ByteConvStep(plan, places, packed, endings, known: known, zero: zero)
        }
    }

    /// What becomes of the sums of a group.
    private func ending(_ group: Int, of groups: Int, _ packed: PackedBytes?) -> ByteEnding {
        let own = filters.shape[0] / groups
        let range = group * own..<(group + 1) * own
        switch result {
        case .sums: return ByteEnding(columns: own)
        case .bytes(let x, let y, let held, let weights, let bias):
            return ByteEnding(
                columns: own, bias: bias.map { Array($0[range]) },
                scales: WeightScales.units(x.scale, Array(weights[range]), y.scale), result: y,
                range: held, folding: packed.map { (filters: $0, left: x) })
        }
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int {
        2 &* outputs[0].shape.reduce(1, *) &* filters.shape[1...].reduce(1, *)
    }
}
