import Kernels
import Primitives

/// Pooling over float32 images whose channels lie last (the greatest value over bytes, too); passes
/// make it from `MaxPool`, `AveragePool`, `GlobalMaxPool` and `GlobalAveragePool`
/// (`Graph.layOutChannelsLast`).
final class PoolRowsOperator: Operator {
    private enum Kind: Sendable {
        case maximum
        case mean(countsPadding: Bool)
    }

    private let kind: Kind
    /// nil: one window over the whole image.
    private let attributes: WindowAttributes?

    private init(_ kind: Kind, _ attributes: WindowAttributes?) {
        self.kind = kind
        self.attributes = attributes
    }

    private static func make(
        _ context: OperatorContext, _ kind: Kind, isGlobal: Bool = false
    ) throws(OperatorFailure) -> any Operator {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        if isGlobal { return PoolRowsOperator(kind, nil) }
        let attributes = try WindowAttributes(context)
        guard attributes.kernel != nil else {
            throw OperatorFailure("its attribute 'kernel_shape' is missing")
        }
        return PoolRowsOperator(kind, attributes)
    }

    @Sendable static func max(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        context.ignore("storage_order")
        return try make(context, .maximum)
    }

    @Sendable static func average(
        _ context: OperatorContext
    ) throws(OperatorFailure) -> any Operator {
        let countsPadding = try context.flag("count_include_pad", default: false)
        return try make(context, .mean(countsPadding: countsPadding))
    }

    @Sendable static func globalMax(
        _ context: OperatorContext
    ) throws(OperatorFailure) -> any Operator {
        try make(context, .maximum, isGlobal: true)
    }

    @Sendable static func globalAverage(
        _ context: OperatorContext
    ) throws(OperatorFailure) -> any Operator {
        try make(context, .mean(countsPadding: false), isGlobal: true)
    }

    private func geometry(_ x: [Int]) throws(OperatorFailure) -> WindowGeometry {
        let image = Array(x[1..<x.count - 1])
        if let attributes { return try WindowGeometry(image, attributes) }
        return try WindowGeometry(image, WindowAttributes(), kernel: image)
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        var types: [DataType] = [.float32]
        if case .maximum = kind { types += [.int8, .uint8] }
        let type = try inputs.dataType(0, oneOf: types, "its input")
        _ = try inputs.imageShape(0)
        let x = inputs[0].shape
        let geometry = try geometry(x)
        _ = try geometry.requireCube()
        return [ValueInfo(type, [x[0]] + geometry.outputShape + [x[x.count - 1]])]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let (x, y) = (inputs[0], outputs[0])
        let (depth, height, width) = try geometry(x.shape).requireCube()
        let window = WindowShape(
            channels: x.shape[x.shape.count - 1], sizes: (depth.size, height.size, width.size),
            outputs: (depth.outputs, height.outputs, width.outputs),
            kernel: (depth.kernel, height.kernel, width.kernel),
            strides: (depth.stride, height.stride, width.stride),
            dilations: (depth.dilation, height.dilation, width.dilation),
            pads: (depth.padBefore, height.padBefore, width.padBefore))
        if y.count == 0 { return StepList([]) }
        switch kind {
        case .maximum: return PoolRowsStep(x, y, window, divisors: nil)
        case .mean(let countsPadding):
            var divisors: [Float] = []
            for z in 0..<depth.outputs {
                for row in 0..<height.outputs {
                    for column in 0..<width.outputs {
                        let counts = [(depth, z), (height, row), (width, column)].map {
                            axis, output in
                            let taps = axis.taps(output)
                            return countsPadding
                                ? axis.paddedTaps(output) : taps.end - taps.first
                        }
                        divisors.append(Float(counts.reduce(1, *)))
                    }
                }
            }
            let tensor = Tensor(.float32, shape: [divisors.count], divisors)
            return PoolRowsStep(x, y, window, divisors: Operand(tensor))
        }
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int {
        outputs[0].shape.reduce(1, *) &* (attributes?.kernel?.reduce(1) { $0 &* $1 } ?? 1)
    }
}

private final class PoolRowsStep: PartedStep {
    private let (x, y): (Operand, Operand)
    private let window: WindowShape
    /// What sums are divided by, one value an output pixel; nil: the greatest value is wanted.
    private let divisors: Operand?
    private let pixels: Int

    init(_ x: Operand, _ y: Operand, _ window: WindowShape, divisors: Operand?) {
        (self.x, self.y) = (x, y)
        self.window = window
        self.divisors = divisors
        pixels = x.shape[0] * window.outputPixels
    }

    func partCount(phase: Int, lanes: Int) -> Int {
        min(
            max(pixels, 1),
            Parting.count(
                work: x.dataType.byteCount * (x.count + y.count), partMin: Parting.bytesMin,
                lanes: lanes))
    }

    func run(phase: Int, part: Int, of parts: Int, _ workspace: Workspace) {
        let range = Parting.range(pixels, part: part, of: parts)
        if x.dataType.isByte {
            var target = workspace.mutableSpan(y, as: UInt8.self)
            return KernelSet.best.maxPool(
                workspace.span(x, as: UInt8.self), window, isSigned: x.dataType == .int8,
                pixels: range, y: &target)
        }
        let source = workspace.span(x, as: Float.self)
        var target = workspace.mutableSpan(y, as: Float.self)
        if let divisors {
            KernelSet.best.meanPool(
                source, window, divisors: workspace.span(divisors, as: Float.self), pixels: range,
                y: &target)
        } else {
            KernelSet.best.maxPool(source, window, pixels: range, y: &target)
        }
    }
}
