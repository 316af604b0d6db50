import Kernels
import Primitives

/// A convolution over float32 images whose channels lie last; passes make it from `Conv`
/// (`Graph.layOutChannelsLast`).
///
/// Inputs: x (batch, sizes…, channels), filters as `Conv` has them (constant), bias or none, and
/// optionally a residual, laid out as the result and added before the rectification. How it is
/// computed depends on the filters alone: a filter a channel directly; 3 × 3 without strides by
/// Winograd's algorithm; 1 × 1 as a matrix product; all others as a product over windows where they lie.
final class ConvRowsOperator: Operator {
    private let attributes: WindowAttributes
    private let groups: Int
    private let rectifies: Bool
    private let filters: ConvFilters

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(2, max: 4)
        try context.requireOutputs(1)
        attributes = try WindowAttributes(context)
        groups = try context.int("group", default: 1)
        rectifies = try context.flag("rectifies", default: false)
        guard let weights = context.constant(1), weights.dataType == .float32,
            weights.shape.count >= 3, weights.elementCount > 0, groups > 0,
            weights.shape[0] % groups == 0
        else { throw OperatorFailure("its filters must be constant float32 values") }
        filters = ConvFilters(weights, groups: groups, attributes)
    }

    /// The filters are made ready once, and the file's are not kept.
    var absorbedInputs: [Int] { [1] }

    private func cube(
        _ x: [Int]
    ) throws(OperatorFailure) -> (WindowGeometry.Axis, WindowGeometry.Axis, WindowGeometry.Axis) {
        let shape = filters.shape
        guard x.count == shape.count, x[x.count - 1] == shape[1] * groups else {
            throw OperatorFailure(
                "filters \(Shape.text(shape)) in \(groups) groups do not fit \(Shape.text(x))")
        }
        let geometry = try WindowGeometry(
            Array(x[1..<x.count - 1]), attributes, kernel: Array(shape[2...]))
        return try geometry.requireCube()
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        _ = try inputs.dataType(0, oneOf: [.float32], "its input")
        let x = inputs[0].shape
        guard x.count == filters.shape.count else {
            throw OperatorFailure(
                "filters \(Shape.text(filters.shape)) do not fit \(Shape.text(x))")
        }
        let cube = try cube(x)
        let outputs = [cube.0.outputs, cube.1.outputs, cube.2.outputs].suffix(x.count - 2)
        let shape = [x[0]] + outputs + [filters.shape[0]]
        _ = try plan(x)
        if let bias = inputs.optional(2) {
            try inputs.requireSameType(0, 2)
            guard bias.shape == [filters.shape[0]] else {
                throw OperatorFailure("its bias must have \(filters.shape[0]) values, one a filter")
            }
        }
        if let residual = inputs.optional(3) {
            try inputs.requireSameType(0, 3)
            guard residual.shape == shape else {
                throw OperatorFailure(
                    "its residual of shape \(Shape.text(residual.shape)) must be "
                        + Shape.text(shape))
            }
        }
        return [ValueInfo(.float32, shape)]
    }

    func scratch(_ inputs: Inputs, _ outputs: [ValueInfo]) -> [ValueInfo] {
        guard let plan = try? plan(inputs[0].shape) else { return [] }
        return plan.scratchCounts.map { ValueInfo(.float32, [$0]) }
    }

    private func plan(_ x: [Int]) throws(OperatorFailure) -> ConvRowsPlan {
        let plan = ConvRowsPlan(
            images: x[0], cube: try cube(x), channels: filters.shape[1], groups: groups,
            filters: filters, lanes: ThreadTeam.laneCountMax)
        // The file chooses pads and strides, and few outputs may lie far apart.
        let (depth, height, width) = plan.paddedSizes
        guard Shape.elementCount([x[0], depth, height, width, plan.allChannels]) != nil else {
            throw OperatorFailure(
                "its input with pads, \(Shape.text([x[0], depth, height, width, plan.allChannels])), "
                    + "has too many values")
        }
        return plan
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let plan = try plan(inputs[0].shape)
        let places = ConvRowsPlaces(
            x: inputs[0], bias: inputs.optional(2), residual: inputs.optional(3), y: outputs[0],
            scratch: outputs.scratch, rectifies: rectifies)
        if places.y.count == 0 { return StepList([]) }
        switch filters.method {
        case .depthwise(let weights):
            return ConvDepthwiseRowsStep(plan, places, Operand(weights))
        case .winograd(let tile, let points):
            return ConvWinogradStep(plan, places, tile: tile, points)
        case .product(let packed):
            return plan.isPlainProduct
                ? ConvPointStep(plan, places, packed[0]) : ConvRowsStep(plan, places, packed)
        }
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int {
        2 &* outputs[0].shape.reduce(1, *) &* filters.shape[1...].reduce(1, *)
    }
}

/// Filters made ready once.
struct ConvFilters: Sendable {
    enum Method: Sendable {
        /// A row of all channels for each tap.
        case depthwise(Tensor)
        /// The transformed filters, a matrix a point.
        case winograd(tile: Int, [PackedMatrix])
        /// A matrix a group; k runs over taps, then channels.
        case product([PackedMatrix])
    }

    /// Filters, channels of a group, window.
    let shape: [Int]
    let method: Method

    /// Channels and filters below which Winograd's transformations cost more than they save.
    private static let winogradChannelsMin = 16
    /// Channels times filters up to which tiles of 4 × 4 are taken: their filters are 36 values a
    /// pair instead of 16, which a small batch must read from memory.
    private static let largeTilePairsMax = 160 * 160

    init(_ weights: Tensor, groups: Int, _ attributes: WindowAttributes) {
        shape = weights.shape
        let (filters, channels) = (shape[0], shape[1])
        let taps = shape[2...].reduce(1, *)
        let source = weights.array(as: Float.self)
        let isDense =
            attributes.strides?.allSatisfy { $0 == 1 } ?? true
            && attributes.dilations?.allSatisfy { $0 == 1 } ?? true
        if channels == 1, filters == groups {
            var rows = Array(repeating: Float(0), count: filters * taps)
            for filter in 0..<filters {
                for tap in 0..<taps { rows[tap * filters + filter] = source[filter * taps + tap] }
            }
            method = .depthwise(Tensor(.float32, shape: [taps, filters], rows))
        } else if groups == 1, isDense, Array(shape[2...]) == [3, 3], channels % 8 == 0,
            filters % 8 == 0, min(channels, filters) >= Self.winogradChannelsMin
        {
            let tile = channels * filters <= Self.largeTilePairsMax ? 4 : 2
            method = .winograd(tile: tile, WinogradFilters.points(source, filters, channels, tile))
        } else {
            method = .product(Self.pack(source, filters, channels, taps, groups))
        }
    }

    private static func pack(
        _ source: [Float], _ filters: Int, _ channels: Int, _ taps: Int, _ groups: Int
    ) -> [PackedMatrix] {
        let own = filters / groups
        let k = channels * taps
        return (0..<groups).map { group in
            var rows = Array(repeating: Float(0), count: own * k)
            for filter in 0..<own {
                let from = (group * own + filter) * k
                for channel in 0..<channels {
                    for tap in 0..<taps {
                        rows[filter * k + tap * channels + channel] =
                            source[from + channel * taps + tap]
                    }
                }
            }
            return PackedMatrix(packing: rows.span, k: k, n: own, transposed: true)
        }
    }
}

/// Winograd's filter transformation U = G · g · Gᵀ, in float64, rounded once.
enum WinogradFilters {
    /// Rows of G for tiles of 2 and of 4 (Lavin & Gray 2016, equations 7 and 12).
    private static let small: [[Double]] = [
        [1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1],
    ]
    private static let large: [[Double]] = [
        [0.25, 0, 0], [-1.0 / 6, -1.0 / 6, -1.0 / 6], [-1.0 / 6, 1.0 / 6, -1.0 / 6],
        [1.0 / 24, 1.0 / 12, 1.0 / 6], [1.0 / 24, -1.0 / 12, 1.0 / 6], [0, 0, 1],
    ]

    /// A packed matrix of channels × filters for each point.
    static func points(
        _ source: [Float], _ filters: Int, _ channels: Int, _ tile: Int
    ) -> [PackedMatrix] {
        let g = tile == 4 ? large : small
        let size = g.count
        var points = (0..<size * size).map { _ in
            Array(repeating: Float(0), count: channels * filters)
        }
        var half = Array(repeating: 0.0, count: size * 3)
        for pair in 0..<filters * channels {
            let (filter, channel) = pair.quotientAndRemainder(dividingBy: channels)
            let base = pair * 9
            for row in 0..<size {
                for column in 0..<3 {
                    var sum = 0.0
                    for tap in 0..<3 {
                        sum += g[row][tap] * Double(source[base + tap * 3 + column])
                    }
                    half[row * 3 + column] = sum
                }
            }
            for row in 0..<size {
                for column in 0..<size {
                    var sum = 0.0
                    for tap in 0..<3 { sum += half[row * 3 + tap] * g[column][tap] }
                    points[row * size + column][channel * filters + filter] = Float(sum)
                }
            }
        }
        return points.map {
            PackedMatrix(packing: $0.span, k: channels, n: filters, transposed: false)
        }
    }
}
