import Kernels
import Primitives

/// ONNX `Conv`: a window of weights slid over an image, for groups of channels.
///
/// float32 is computed as packed matrix products over blocks of pixels whose windows were copied
/// together; a group with few filters, and float64, by plain loops. The order of every sum is input
/// channel, then window, whatever the batch.
final class ConvOperator: Operator {
    private let attributes: WindowAttributes
    private let groups: Int
    /// Packed filters, a matrix a group, when the weights are constant.
    private let packed: [PackedMatrix]?
    /// What a pass has fused behind it (`Graph.fuseActivations`).
    private let rectifies: Bool

    /// Filters of a group below which copying windows together does not pay.
    private static let filtersMin = 4

    init(_ context: OperatorContext) throws(OperatorFailure) {
        // A pass gives it a fourth: an image that is added (`Graph.fuseResiduals`).
        let isFused = context.node.operatorName.domain == Node.fusedDomain
        try context.requireInputs(2, max: isFused ? 4 : 3)
        try context.requireOutputs(1)
        attributes = try WindowAttributes(context)
        groups = try context.int("group", default: 1)
        rectifies = isFused ? try context.flag("rectifies", default: false) : false
        guard groups > 0, groups < 1 << 31 else {
            throw OperatorFailure("its attribute 'group' must be positive")
        }
        if let weights = context.constant(1), weights.dataType == .float32,
            weights.shape.count >= 3, weights.shape[0] % groups == 0,
            weights.shape[0] / groups >= Self.filtersMin
        {
            packed = Self.pack(weights.span(as: Float.self), weights.shape, groups)
        } else {
            packed = nil
        }
    }

    static func pack(_ weights: Span<Float>, _ shape: [Int], _ groups: Int) -> [PackedMatrix] {
        let filters = shape[0] / groups
        let k = shape[1...].reduce(1, *)
        return (0..<groups).map { group in
            PackedMatrix(
                packing: weights.extracting(group * filters * k..<(group + 1) * filters * k), k: k,
                n: filters, transposed: true)
        }
    }

    private func geometry(_ x: [Int], _ w: [Int]) throws(OperatorFailure) -> WindowGeometry {
        guard w.count == x.count, w[1] > 0, x[1] == w[1] * groups, w[0] % groups == 0 else {
            throw OperatorFailure(
                "filters \(Shape.text(w)) in \(groups) groups do not fit \(Shape.text(x))")
        }
        return try WindowGeometry(Array(x[2...]), attributes, kernel: Array(w[2...]))
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let type = try inputs.dataType(0, oneOf: [.float32, .float64], "its input")
        try inputs.requireSameType(0, 1)
        _ = try inputs.imageShape(0)
        let (x, w) = (inputs[0].shape, inputs[1].shape)
        let geometry = try geometry(x, w)
        _ = try geometry.requireCube()
        if let bias = inputs.optional(2) {
            try inputs.requireSameType(0, 2)
            guard bias.shape == [w[0]] else {
                throw OperatorFailure("its bias must have \(w[0]) values, one a filter")
            }
        }
        let shape = [x[0], w[0]] + geometry.outputShape
        if let residual = inputs.optional(3) {
            try inputs.requireSameType(0, 3)
            guard residual.shape == shape else {
                throw OperatorFailure(
                    "what is added to it has shape \(Shape.text(residual.shape)), not "
                        + Shape.text(shape))
            }
        }
        return [ValueInfo(type, shape)]
    }

    func scratch(_ inputs: Inputs, _ outputs: [ValueInfo]) -> [ValueInfo] {
        guard usesProducts(inputs[0].dataType, inputs[1].shape) else { return [] }
        let shape = inputs[1].shape
        return ConvProductStep.scratch(
            k: shape[1...].reduce(1, *), filters: shape[0] / groups)
    }

    private func usesProducts(_ type: DataType, _ weights: [Int]) -> Bool {
        type == .float32 && weights[0] / groups >= Self.filtersMin
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        guard let residual = inputs.optional(3) else {
            return try step(inputs, outputs, rectifies: rectifies)
        }
        let sum =
            outputs[0].dataType == .float32
            ? ResidualStep<Float>(residual, outputs[0], rectifies: rectifies)
            : ResidualStep<Double>(residual, outputs[0], rectifies: rectifies) as any Step
        return StepList([try step(inputs, outputs, rectifies: false), sum])
    }

    private func step(
        _ inputs: Operands, _ outputs: Operands, rectifies: Bool
    ) throws(OperatorFailure) -> any Step {
        let (x, w, bias, y) = (inputs[0], inputs[1], inputs.optional(2), outputs[0])
        let cube = try geometry(x.shape, w.shape).requireCube()
        let plan = ConvPlan(x, w, bias, y, groups: groups, cube: cube, rectifies: rectifies)
        if plan.channels == 1, x.dataType == .float32, plan.filters < Self.filtersMin {
            return ConvDepthwiseStep(plan)
        }
        if usesProducts(x.dataType, w.shape) {
            return ConvProductStep(plan, packed, outputs.scratch)
        }
        return x.dataType == .float32
            ? ConvLoopStep<Float>(plan) : ConvLoopStep<Double>(plan)
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int {
        2 &* outputs[0].shape.reduce(1, *) &* inputs[1].shape[1...].reduce(1, *)
    }
}

/// A convolution with everything settled.
struct ConvPlan: Sendable {
    let (x, w, bias, y): (Operand, Operand, Operand?, Operand)
    let groups: Int
    let (depth, height, width): (WindowGeometry.Axis, WindowGeometry.Axis, WindowGeometry.Axis)
    /// Per group.
    let (channels, filters): (Int, Int)
    let (inSize, outSize, taps): (Int, Int, Int)
    let rectifies: Bool

    init(
        _ x: Operand, _ w: Operand, _ bias: Operand?, _ y: Operand, groups: Int,
        cube: (WindowGeometry.Axis, WindowGeometry.Axis, WindowGeometry.Axis), rectifies: Bool
    ) {
        (self.x, self.w, self.bias, self.y) = (x, w, bias, y)
        self.groups = groups
        self.rectifies = rectifies
        (depth, height, width) = cube
        channels = w.shape[1]
        filters = w.shape[0] / groups
        inSize = depth.size * height.size * width.size
        outSize = depth.outputs * height.outputs * width.outputs
        taps = depth.kernel * height.kernel * width.kernel
    }
}

/// Windows of a block of pixels copied into rows, times the packed filters.
final class ConvProductStep: Step {
    /// Pixels at a time.
    private static let blockMax = 128

    private let plan: ConvPlan
    private let packed: [PackedMatrix]?
    private let (rows, products): (Operand, Operand)

    init(_ plan: ConvPlan, _ packed: [PackedMatrix]?, _ scratch: [Operand]) {
        self.plan = plan
        self.packed = packed
        (rows, products) = (scratch[0], scratch[1])
    }

    static func scratch(k: Int, filters: Int) -> [ValueInfo] {
        [ValueInfo(.float32, [blockMax, k]), ValueInfo(.float32, [blockMax, filters])]
    }

    func run(_ workspace: Workspace) {
        let weights =
            packed
            ?? ConvOperator.pack(
                workspace.span(plan.w, as: Float.self), plan.w.shape, plan.groups)
        for item in 0..<plan.x.shape[0] {
            for group in 0..<plan.groups {
                var start = 0
                while start < plan.outSize {
                    let count = min(Self.blockMax, plan.outSize - start)
                    gather(workspace, item, group, start, count)
                    multiply(workspace, weights[group], item, group, start, count)
                    start += count
                }
            }
        }
    }

    /// Copies the windows of some pixels, a row each: channel by channel, tap by tap.
    private func gather(
        _ workspace: Workspace, _ item: Int, _ group: Int, _ start: Int, _ count: Int
    ) {
        let source = workspace.span(plan.x, as: Float.self)
        var target = workspace.mutableSpan(rows, as: Float.self)
        let base = (item * plan.groups + group) * plan.channels * plan.inSize
        KernelSet.best.gatherWindows(
            source, base: base, channels: plan.channels,
            sizes: (plan.depth.size, plan.height.size, plan.width.size),
            outputs: (plan.depth.outputs, plan.height.outputs, plan.width.outputs),
            kernel: (plan.depth.kernel, plan.height.kernel, plan.width.kernel),
            strides: (plan.depth.stride, plan.height.stride, plan.width.stride),
            dilations: (plan.depth.dilation, plan.height.dilation, plan.width.dilation),
            pads: (plan.depth.padBefore, plan.height.padBefore, plan.width.padBefore),
            start: start, count: count, rows: &target)
    }

    private func multiply(
        _ workspace: Workspace, _ weights: PackedMatrix, _ item: Int, _ group: Int, _ start: Int,
        _ count: Int
    ) {
        let filters = plan.filters
        let source = workspace.span(rows, as: Float.self)
        var made = workspace.mutableSpan(products, as: Float.self)
        if let bias = plan.bias {
            let all = workspace.span(bias, as: Float.self)
            KernelSet.best.gemm(
                a: source, m: count, b: weights,
                bias: all.extracting(group * filters..<(group + 1) * filters),
                activation: plan.rectifies ? .relu : .none, c: &made)
        } else {
            KernelSet.best.gemm(
                a: source, m: count, b: weights, activation: plan.rectifies ? .relu : .none,
                c: &made)
        }
        let values = workspace.span(products, as: Float.self)
        var target = workspace.mutableSpan(plan.y, as: Float.self)
        let base = (item * plan.groups + group) * filters * plan.outSize + start
        KernelSet.best.scatterColumns(
            values, rows: count, columns: filters, y: &target, base: base, stride: plan.outSize)
    }
}

/// Planes of their own, each with one filter or a few.
final class ConvDepthwiseStep: Step {
    private let plan: ConvPlan

    init(_ plan: ConvPlan) { self.plan = plan }

    func run(_ workspace: Workspace) {
        let source = workspace.span(plan.x, as: Float.self)
        let weights = workspace.span(plan.w, as: Float.self)
        let (inSize, outSize, taps) = (plan.inSize, plan.outSize, plan.taps)
        let filters = plan.groups * plan.filters
        for place in 0..<plan.x.shape[0] * filters {
            let (item, filter) = place.quotientAndRemainder(dividingBy: filters)
            let plane = item * plan.groups + filter / plan.filters
            var shift: Float = 0
            if let bias = plan.bias { shift = workspace.span(bias, as: Float.self)[filter] }
            var target = workspace.mutableSpan(
                plan.y, as: Float.self, range: place * outSize..<(place + 1) * outSize)
            KernelSet.best.slideWindow(
                source.extracting(plane * inSize..<(plane + 1) * inSize),
                sizes: (plan.depth.size, plan.height.size, plan.width.size),
                outputs: (plan.depth.outputs, plan.height.outputs, plan.width.outputs),
                kernel: (plan.depth.kernel, plan.height.kernel, plan.width.kernel),
                strides: (plan.depth.stride, plan.height.stride, plan.width.stride),
                dilations: (plan.depth.dilation, plan.height.dilation, plan.width.dilation),
                pads: (plan.depth.padBefore, plan.height.padBefore, plan.width.padBefore),
                weights: weights.extracting(filter * taps..<(filter + 1) * taps), bias: shift,
                rectifies: plan.rectifies, y: &target)
        }
    }
}

/// Plain loops: for few filters over many channels, and for float64.
final class ConvLoopStep<T: Number>: Step {
    private let plan: ConvPlan

    init(_ plan: ConvPlan) { self.plan = plan }

    @_specialize(where T == Float)
    @_specialize(where T == Double)
    func run(_ workspace: Workspace) {
        let weights = workspace.span(plan.w, as: T.self)
        let k = plan.channels * plan.taps
        for item in 0..<plan.x.shape[0] {
            for group in 0..<plan.groups {
                for filter in 0..<plan.filters {
                    let index = group * plan.filters + filter
                    var first = T.zero
                    if let bias = plan.bias { first = workspace.span(bias, as: T.self)[index] }
                    slide(
                        workspace, weights.extracting(index * k..<(index + 1) * k), first,
                        from: (item * plan.groups + group) * plan.channels * plan.inSize,
                        to: (item * plan.groups * plan.filters + index) * plan.outSize)
                }
            }
        }
    }

    private func slide(
        _ workspace: Workspace, _ weights: Span<T>, _ bias: T, from: Int, to: Int
    ) {
        let source = workspace.span(plan.x, as: T.self)
        var target = workspace.mutableSpan(plan.y, as: T.self)
        let (depth, height, width) = (plan.depth, plan.height, plan.width)
        var place = to
        for z in 0..<depth.outputs {
            let zs = depth.taps(z)
            for row in 0..<height.outputs {
                let rows = height.taps(row)
                for column in 0..<width.outputs {
                    let columns = width.taps(column)
                    var sum = T.zero
                    for channel in 0..<plan.channels {
                        for zTap in zs.first..<zs.end {
                            let zAt = (zs.start + zTap * depth.dilation) * height.size
                            for rowTap in rows.first..<rows.end {
                                let rowAt = rows.start + rowTap * height.dilation
                                let line =
                                    from + channel * plan.inSize + (zAt + rowAt) * width.size
                                    + columns.start
                                let tap =
                                    ((channel * depth.kernel + zTap) * height.kernel + rowTap)
                                    * width.kernel
                                for columnTap in columns.first..<columns.end {
                                    sum = T.sum(
                                        sum,
                                        T.product(
                                            source[line + columnTap * width.dilation],
                                            weights[tap + columnTap]))
                                }
                            }
                        }
                    }
                    let value = T.sum(sum, bias)
                    target[place] = plan.rectifies && value < T.zero ? T.zero : value
                    place += 1
                }
            }
        }
    }
}
