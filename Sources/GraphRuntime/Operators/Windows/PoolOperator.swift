import Glibc
import Primitives

/// ONNX pooling: the greatest, the mean or the p-norm of what a window covers, a channel at a time.
final class PoolOperator: Operator {
    enum Kind: Sendable {
        case maximum
        /// Whether the padding counts as zeros.
        case average(countsPadding: Bool)
        case norm(Double)
    }

    private let kind: Kind
    /// nil: one window over the whole image.
    private let attributes: WindowAttributes?
    /// Indices count columns first (`storage_order`).
    private let isColumnMajor: Bool

    private init(
        _ context: OperatorContext, _ kind: Kind, isGlobal: Bool, outputs: Int = 1
    ) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1, max: outputs)
        self.kind = kind
        isColumnMajor = outputs > 1 ? try context.flag("storage_order", default: false) : false
        attributes = isGlobal ? nil : try WindowAttributes(context)
        if !isGlobal, attributes?.kernel == nil {
            throw OperatorFailure("its attribute 'kernel_shape' is missing")
        }
    }

    @Sendable static func max(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try PoolOperator(context, .maximum, isGlobal: false, outputs: 2)
    }

    @Sendable static func average(
        _ context: OperatorContext
    ) throws(OperatorFailure) -> any Operator {
        let countsPadding = try context.flag("count_include_pad", default: false)
        return try PoolOperator(context, .average(countsPadding: countsPadding), isGlobal: false)
    }

    @Sendable static func norm(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try PoolOperator(context, .norm(Double(try context.int("p", default: 2))), isGlobal: false)
    }

    @Sendable static func globalMax(
        _ context: OperatorContext
    ) throws(OperatorFailure) -> any Operator {
        try PoolOperator(context, .maximum, isGlobal: true)
    }

    @Sendable static func globalAverage(
        _ context: OperatorContext
    ) throws(OperatorFailure) -> any Operator {
        try PoolOperator(context, .average(countsPadding: false), isGlobal: true)
    }

    @Sendable static func globalNorm(
        _ context: OperatorContext
    ) throws(OperatorFailure) -> any Operator {
        try PoolOperator(context, .norm(Double(try context.int("p", default: 2))), isGlobal: true)
    }

    private func geometry(_ image: [Int]) throws(OperatorFailure) -> WindowGeometry {
        if let attributes { return try WindowGeometry(image, attributes) }
        return try WindowGeometry(image, WindowAttributes(), kernel: image)
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        var types: [DataType] = [.float32, .float64]
        if case .maximum = kind { types += [.int8, .uint8] }
        let type = try inputs.dataType(0, oneOf: types, "its input")
        let geometry = try geometry(try inputs.imageShape(0))
        _ = try geometry.requireCube()
        let shape = Array(inputs[0].shape[..<2]) + geometry.outputShape
        return [ValueInfo(type, shape), ValueInfo(.int64, shape)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let (x, y, indices) = (inputs[0], outputs[0], outputs.optional(1))
        let cube = try geometry(Array(x.shape[2...])).requireCube()
        let (kind, isColumnMajor) = (kind, isColumnMajor)
        return try y.dataType.withNumber { type in
            func make<T: Number>(_: T.Type) -> any Step {
                PoolStep<T>(x, y, indices, kind, cube, isColumnMajor)
            }
            return make(type)
        }
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int {
        outputs[0].shape.reduce(1, *) &* (attributes?.kernel?.reduce(1) { $0 &* $1 } ?? 1)
    }
}

extension WindowAttributes {
    /// A window that stands still.
    init() {
        (kernel, strides, dilations, pads) = (nil, nil, nil, nil)
        (padding, roundsUp) = (.explicit, false)
    }
}

private final class PoolStep<T: Number>: Step {
    typealias Axis = WindowGeometry.Axis
    private let (x, y, indices): (Operand, Operand, Operand?)
    private let kind: PoolOperator.Kind
    private let (depth, height, width): (Axis, Axis, Axis)
    private let isColumnMajor: Bool

    init(
        _ x: Operand, _ y: Operand, _ indices: Operand?, _ kind: PoolOperator.Kind,
        _ cube: (Axis, Axis, Axis), _ isColumnMajor: Bool
    ) {
        (self.x, self.y, self.indices) = (x, y, indices)
        self.kind = kind
        (depth, height, width) = cube
        self.isColumnMajor = isColumnMajor
    }

    @_specialize(where T == Float)
    @_specialize(where T == Double)
    @_specialize(where T == UInt8)
    func run(_ workspace: Workspace) {
        let planes = x.shape[0] * x.shape[1]
        let inSize = depth.size * height.size * width.size
        let outSize = depth.outputs * height.outputs * width.outputs
        for plane in 0..<planes {
            var place = plane * outSize
            for z in 0..<depth.outputs {
                for row in 0..<height.outputs {
                    for column in 0..<width.outputs {
                        let window = (z, row, column)
                        switch kind {
                        case .maximum: greatest(workspace, plane * inSize, window, place)
                        case .average(let countsPadding):
                            mean(workspace, plane * inSize, window, place, countsPadding)
                        case .norm(let p): norm(workspace, plane * inSize, window, place, p)
                        }
                        place += 1
                    }
                }
            }
        }
    }

    /// Visits the pixels of a window that lie inside of the image.
    @inline(__always)
    private func visit(_ window: (Int, Int, Int), _ body: (_ offset: Int) -> Void) {
        let (zs, rows, columns) = (
            depth.taps(window.0), height.taps(window.1), width.taps(window.2)
        )
        for zTap in zs.first..<zs.end {
            let z = (zs.start + zTap * depth.dilation) * height.size
            for rowTap in rows.first..<rows.end {
                let row = (z + rows.start + rowTap * height.dilation) * width.size
                for columnTap in columns.first..<columns.end {
                    body(row + columns.start + columnTap * width.dilation)
                }
            }
        }
    }

    private func greatest(
        _ workspace: Workspace, _ base: Int, _ window: (Int, Int, Int), _ place: Int
    ) {
        let source = workspace.span(x, as: T.self)
        var target = workspace.mutableSpan(y, as: T.self)
        var (best, index) = (T.lowest, -1)
        visit(window) { offset in
            let value = source[base + offset]
            if index < 0 || value > best || (value.isMissing && !best.isMissing) {
                (best, index) = (value, offset)
            }
        }
        target[place] = best
        guard let indices else { return }
        var found = workspace.mutableSpan(indices, as: Int64.self)
        if isColumnMajor, index >= 0 {
            let (z, rest) = index.quotientAndRemainder(dividingBy: height.size * width.size)
            let (row, column) = rest.quotientAndRemainder(dividingBy: width.size)
            index = (column * height.size + row) * depth.size + z
        }
        found[place] = Int64(base + max(index, 0))
    }

    private func mean(
        _ workspace: Workspace, _ base: Int, _ window: (Int, Int, Int), _ place: Int,
        _ countsPadding: Bool
    ) {
        let source = workspace.span(x, as: T.self)
        var target = workspace.mutableSpan(y, as: T.self)
        var (sum, count) = (T.Wide.zero, 0)
        visit(window) { offset in
            sum = T.Wide.sum(sum, source[base + offset].wide)
            count += 1
        }
        if countsPadding {
            count =
                depth.paddedTaps(window.0) * height.paddedTaps(window.1)
                * width.paddedTaps(window.2)
        }
        target[place] = count == 0 ? T.zero : T.narrow(sum.divided(by: count))
    }

    private func norm(
        _ workspace: Workspace, _ base: Int, _ window: (Int, Int, Int), _ place: Int, _ p: Double
    ) {
        let source = workspace.span(x, as: T.self)
        var target = workspace.mutableSpan(y, as: T.self)
        var sum = 0.0
        visit(window) { offset in
            let value = source[base + offset].real.magnitude
            sum += p == 2 ? value * value : p == 1 ? value : pow(value, p)
        }
        target[place] = T.real(p == 2 ? sum.squareRoot() : p == 1 ? sum : pow(sum, 1 / p))
    }
}

/// ONNX `MaxUnpool`: values put back where a `MaxPool` found them, zeros elsewhere.
final class MaxUnpoolOperator: TensorOperator {
    private let attributes: WindowAttributes

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(2, max: 3)
        try context.requireOutputs(1)
        attributes = try WindowAttributes(context, hasDilations: false)
    }

    private func shape(_ input: [Int], _ given: Tensor?) throws(OperatorFailure) -> [Int] {
        if let sizes = given?.integers {
            guard sizes.count == input.count, Shape.elementCount(sizes) != nil else {
                throw OperatorFailure("its output shape \(Shape.text(sizes)) is impossible")
            }
            return sizes
        }
        let image = Array(input[2...])
        guard let kernel = attributes.kernel, kernel.count == image.count else {
            throw OperatorFailure("its window does not fit an image of \(Shape.text(image))")
        }
        let strides = attributes.strides ?? image.map { _ in 1 }
        let pads = attributes.pads ?? Array(repeating: 0, count: 2 * image.count)
        guard strides.count == image.count, pads.count == 2 * image.count else {
            throw OperatorFailure("its strides or pads do not fit \(image.count) axes")
        }
        let sizes = image.indices.map { axis in
            (image[axis] - 1) &* strides[axis] &+ kernel[axis] &- pads[axis]
                &- pads[axis + image.count]
        }
        guard Shape.elementCount(input[..<2] + sizes) != nil else {
            throw OperatorFailure("its output shape \(Shape.text(sizes)) is impossible")
        }
        return Array(input[..<2]) + sizes
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        _ = try inputs.imageShape(0)
        guard inputs[1].dataType == .int64, inputs[1].shape == inputs[0].shape else {
            throw OperatorFailure("its indices must be one int64 a value")
        }
        if let given = inputs.optional(2) {
            guard let constant = given.constant else { return nil }
            return [ValueInfo(inputs[0].dataType, try shape(inputs[0].shape, constant))]
        }
        return [ValueInfo(inputs[0].dataType, try shape(inputs[0].shape, nil))]
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0], let places = inputs[1]?.integers else {
            throw OperatorFailure("its indices must be int64")
        }
        let shape = try shape(x.shape, inputs.count > 2 ? inputs[2] : nil)
        // Indices count in the tensor the pool saw; a larger one keeps each pixel where it was.
        let pooled = try self.shape(x.shape, nil)
        let (own, wide) = (Shape.strides(pooled), Shape.strides(shape))
        var picks = Array(repeating: -1, count: shape.reduce(1, *))
        for (place, index) in places.enumerated() {
            var target = index
            if shape != pooled {
                target = 0
                for axis in shape.indices where pooled[axis] > 0 {
                    target += index / own[axis] % pooled[axis] * wide[axis]
                }
            }
            guard target >= 0, target < picks.count else {
                throw OperatorFailure("index \(index) is outside of the output")
            }
            picks[target] = place
        }
        return [x.picked(picks, shape: shape)]
    }
}
