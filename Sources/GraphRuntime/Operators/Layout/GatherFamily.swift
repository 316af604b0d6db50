import Primitives

/// ONNX `GatherElements`: element by element, the index along one axis comes from a tensor.
final class GatherElementsOperator: Operator {
    private let axis: Int

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(2)
        try context.requireOutputs(1)
        axis = try context.int("axis", default: 0)
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        _ = try inputs.dataType(1, oneOf: [.int64, .int32], "its index input")
        let (shape, indices) = (inputs[0].shape, inputs[1].shape)
        guard let axis = Shape.axis(axis, rank: shape.count), indices.count == shape.count,
            shape.indices.allSatisfy({ $0 == axis || indices[$0] <= shape[$0] })
        else {
            throw OperatorFailure(
                "indices of shape \(Shape.text(indices)) do not fit \(Shape.text(shape)) along axis "
                    + "\(self.axis)")
        }
        return [ValueInfo(inputs[0].dataType, indices)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let (x, indices, y) = (inputs[0], inputs[1], outputs[0])
        guard let axis = Shape.axis(axis, rank: x.shape.count) else {
            throw OperatorFailure("its axis is outside of the shape")
        }
        return GatherElementsStep(x, indices, y, axis)
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int { 0 }
}

private final class GatherElementsStep: Step {
    private let (x, indices, y): (Operand, Operand, Operand)
    private let axis: Int
    private let walk: AxisWalk

    init(_ x: Operand, _ indices: Operand, _ y: Operand, _ axis: Int) {
        (self.x, self.indices, self.y, self.axis) = (x, indices, y, axis)
        walk = AxisWalk(shape: indices.shape, strides: Shape.strides(x.shape), axis: axis)
    }

    func run(_ workspace: Workspace) throws(OperatorFailure) {
        for place in 0..<y.count {
            let index = try workspace.index(indices, place, count: x.shape[axis])
            let from = walk.base(place) + index * walk.axisStride
            workspace.copyElements(x, from, to: y, place, count: 1)
        }
    }
}

/// The offsets in one tensor of the places of another of the same rank, one axis left out.
struct AxisWalk: Sendable {
    let axisStride: Int
    private let shape: [Int]
    private let strides: [Int]

    init(shape: [Int], strides: [Int], axis: Int) {
        self.shape = shape
        axisStride = strides[axis]
        self.strides = strides.indices.map { $0 == axis ? 0 : strides[$0] }
    }

    func base(_ place: Int) -> Int {
        var (rest, offset) = (place, 0)
        for axis in shape.indices.reversed() {
            offset += rest % shape[axis] * strides[axis]
            rest /= shape[axis]
        }
        return offset
    }
}

/// ONNX `GatherND`: slices named by tuples of indices in the last axis of a tensor.
final class GatherNDOperator: Operator {
    private let batchCount: Int

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(2)
        try context.requireOutputs(1)
        batchCount = context.version >= 12 ? try context.int("batch_dims", default: 0) : 0
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        _ = try inputs.dataType(1, oneOf: [.int64, .int32], "its index input")
        let (shape, indices) = (inputs[0].shape, inputs[1].shape)
        guard batchCount >= 0, let depth = indices.last, batchCount < indices.count,
            batchCount <= shape.count, depth <= shape.count - batchCount, depth >= 1,
            shape[..<batchCount] == indices[..<batchCount]
        else {
            throw OperatorFailure(
                "indices of shape \(Shape.text(indices)) do not fit \(Shape.text(shape))")
        }
        let result = indices.dropLast() + shape[(batchCount + depth)...]
        return [ValueInfo(inputs[0].dataType, Array(result))]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        GatherNDStep(inputs[0], inputs[1], outputs[0], batchCount)
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int { 0 }
}

private final class GatherNDStep: Step {
    private let (x, indices, y): (Operand, Operand, Operand)
    private let tuples: IndexTuples

    init(_ x: Operand, _ indices: Operand, _ y: Operand, _ batchCount: Int) {
        (self.x, self.indices, self.y) = (x, indices, y)
        tuples = IndexTuples(x.shape, indices.shape, batchCount: batchCount)
    }

    func run(_ workspace: Workspace) throws(OperatorFailure) {
        for tuple in 0..<tuples.count {
            let from = try tuples.offset(tuple, indices, workspace)
            workspace.copyElements(
                x, from, to: y, tuple * tuples.sliceCount, count: tuples.sliceCount)
        }
    }
}

/// Tuples of indices that name slices of a tensor (GatherND, ScatterND).
struct IndexTuples: Sendable {
    let count: Int
    /// Elements of a slice.
    let sliceCount: Int
    private let depth: Int
    private let sizes: [Int]
    private let strides: [Int]
    private let tuplesPerBatch: Int
    private let batchStride: Int

    init(_ shape: [Int], _ indices: [Int], batchCount: Int = 0) {
        depth = indices.last ?? 0
        count = indices.dropLast().reduce(1, *)
        let all = Shape.strides(shape)
        sizes = Array(shape[batchCount..<batchCount + depth])
        strides = Array(all[batchCount..<batchCount + depth])
        sliceCount = shape[(batchCount + depth)...].reduce(1, *)
        let batches = indices[..<batchCount].reduce(1, *)
        tuplesPerBatch = max(count / max(batches, 1), 1)
        batchStride = shape[batchCount...].reduce(1, *)
    }

    /// Where the slice of a tuple starts.
    func offset(
        _ tuple: Int, _ indices: borrowing Operand, _ workspace: Workspace
    ) throws(OperatorFailure) -> Int {
        var offset = tuple / tuplesPerBatch * batchStride
        for position in 0..<depth {
            let index = try workspace.index(
                indices, tuple * depth + position, count: sizes[position])
            offset += index * strides[position]
        }
        return offset
    }
}
