import Glibc
import Primitives

/// ONNX `LRN`: each value divided by a power of the mean square of its neighbours in channels
/// (Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks").
final class LocalResponseNormalizationOperator: TensorOperator {
    private let (alpha, beta, bias): (Double, Double, Double)
    private let size: Int

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        alpha = Double(try context.float("alpha", default: 0.0001))
        beta = Double(try context.float("beta", default: 0.75))
        bias = Double(try context.float("bias", default: 1))
        guard let size = try context.int("size"), size > 0 else {
            throw OperatorFailure("its attribute 'size' is missing or not positive")
        }
        self.size = size
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        let type = try inputs.dataType(0, oneOf: DataType.floats, "its input")
        guard inputs[0].shape.count >= 2 else { throw OperatorFailure("its input has no channels") }
        return [ValueInfo(type, inputs[0].shape)]
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0] else { throw OperatorFailure("its input is left out") }
        let values = x.reals
        let (channels, inner) = (x.shape[1], x.shape[2...].reduce(1, *))
        let made = values.indices.map { place in
            let channel = place / inner % channels
            let first = max(0, channel - (size - 1) / 2)
            let last = min(channels - 1, channel + size / 2)
            var squares = 0.0
            for neighbour in first...last {
                let value = values[place + (neighbour - channel) * inner]
                squares += value * value
            }
            return values[place] / pow(bias + alpha / Double(size) * squares, beta)
        }
        return [Tensor(x.dataType, shape: x.shape, reals: made)]
    }
}

/// ONNX `LpNormalization`: divided by the 1- or 2-norm along an axis; where that is 0, 0.
final class LpNormalizationOperator: TensorOperator {
    private let axis: Int
    private let isSquare: Bool

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        axis = try context.int("axis", default: -1)
        let p = try context.int("p", default: 2)
        guard p == 1 || p == 2 else { throw OperatorFailure("p must be 1 or 2, not \(p)") }
        isSquare = p == 2
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        let type = try inputs.dataType(0, oneOf: DataType.floats, "its input")
        guard Shape.axis(axis, rank: inputs[0].shape.count) != nil else {
            throw OperatorFailure("its axis is outside of the shape \(Shape.text(inputs[0].shape))")
        }
        return [ValueInfo(type, inputs[0].shape)]
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0], let axis = Shape.axis(axis, rank: x.shape.count) else {
            throw OperatorFailure("its input is left out")
        }
        var values = x.reals
        x.forEachLine(axis) { start, count, stride in
            var sum = 0.0
            for index in 0..<count {
                let value = values[start + index * stride]
                sum += isSquare ? value * value : value.magnitude
            }
            let norm = isSquare ? sum.squareRoot() : sum
            for index in 0..<count {
                values[start + index * stride] =
                    norm == 0 ? 0 : values[start + index * stride] / norm
            }
        }
        return [Tensor(x.dataType, shape: x.shape, reals: values)]
    }
}

/// ONNX `MeanVarianceNormalization`: (x - mean) / (standard deviation + 1e-9) over some axes.
final class MeanVarianceNormalizationOperator: TensorOperator {
    private let axes: [Int]

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        axes = try context.ints("axes") ?? [0, 2, 3]
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        let type = try inputs.dataType(0, oneOf: DataType.floats, "its input")
        for axis in axes where Shape.axis(axis, rank: inputs[0].shape.count) == nil {
            throw OperatorFailure("axis \(axis) is outside of \(Shape.text(inputs[0].shape))")
        }
        return [ValueInfo(type, inputs[0].shape)]
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0] else { throw OperatorFailure("its input is left out") }
        let reduced = Set(axes.compactMap { Shape.axis($0, rank: x.shape.count) })
        let groupShape = x.shape.indices.map { reduced.contains($0) ? 1 : x.shape[$0] }
        let strides = StridedLoop.broadcastStrides(groupShape, to: x.shape)
        let own = Shape.strides(x.shape)
        func group(_ place: Int) -> Int {
            x.shape.indices.reduce(0) { $0 + place / own[$1] % x.shape[$1] * strides[$1] }
        }
        let values = x.reals
        let groups = values.indices.map { group($0) }
        let count = Double(x.elementCount / max(groupShape.reduce(1, *), 1))
        var sums = Array(repeating: 0.0, count: groupShape.reduce(1, *))
        for place in values.indices { sums[groups[place]] += values[place] }
        let means = sums.map { $0 / count }
        var squares = Array(repeating: 0.0, count: means.count)
        for place in values.indices {
            let distance = values[place] - means[groups[place]]
            squares[groups[place]] += distance * distance
        }
        let spreads = squares.map { ($0 / count).squareRoot() + 1e-9 }
        let made = values.indices.map { (values[$0] - means[groups[$0]]) / spreads[groups[$0]] }
        return [Tensor(x.dataType, shape: x.shape, reals: made)]
    }
}

/// ONNX `Hardmax`: 1 at the first greatest element along an axis, 0 elsewhere. Before opset 13 the
/// input is seen as a matrix, rows in front of the axis.
final class HardmaxOperator: TensorOperator {
    private let axis: Int
    private let flattens: Bool

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        flattens = context.version < 13
        axis = try context.int("axis", default: flattens ? 1 : -1)
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        let type = try inputs.dataType(0, oneOf: DataType.floats, "its input")
        guard Shape.axis(axis, rank: inputs[0].shape.count) != nil else {
            throw OperatorFailure("its axis is outside of the shape \(Shape.text(inputs[0].shape))")
        }
        return [ValueInfo(type, inputs[0].shape)]
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0], let axis = Shape.axis(axis, rank: x.shape.count) else {
            throw OperatorFailure("its input is left out")
        }
        let values = x.reals
        var made = Array(repeating: 0.0, count: values.count)
        let rows = [x.shape[..<axis].reduce(1, *), x.shape[axis...].reduce(1, *)]
        let view = flattens ? x.reshaped(rows) : x
        view.forEachLine(flattens ? 1 : axis) { start, count, stride in
            guard count > 0 else { return }
            var best = start
            for index in 1..<max(count, 1) where values[start + index * stride] > values[best] {
                best = start + index * stride
            }
            made[best] = 1
        }
        return [Tensor(x.dataType, shape: x.shape, reals: made)]
    }
}

extension Tensor {
    /// Visits every line of elements along an axis: where it starts, how long it is, and how far its
    /// neighbours are apart.
    func forEachLine(_ axis: Int, _ body: (_ start: Int, _ count: Int, _ stride: Int) -> Void) {
        let inner = shape[(axis + 1)...].reduce(1, *)
        for block in 0..<shape[..<axis].reduce(1, *) {
            for column in 0..<inner {
                body(block * shape[axis] * inner + column, shape[axis], inner)
            }
        }
    }
}

extension DataType {
    /// Float types.
    static let floats: [DataType] = [.float32, .float64, .float16, .bfloat16]
}
