import Primitives

/// ONNX `DepthToSpace` and `SpaceToDepth`: blocks of channels become blocks of pixels, or the reverse.
final class DepthSpaceOperator: Operator {
    private let blockSize: Int
    private let toSpace: Bool
    /// Whether the column-row-depth order is used (mode CRD) rather than depth-column-row.
    private let isColumnFirst: Bool

    @Sendable static func depthToSpace(
        _ context: OperatorContext
    ) throws(OperatorFailure) -> any Operator {
        let mode = context.version >= 11 ? try context.string("mode") ?? "DCR" : "DCR"
        guard mode == "DCR" || mode == "CRD" else {
            throw OperatorFailure("the mode '\(mode)' is not known")
        }
        return try DepthSpaceOperator(context, toSpace: true, isColumnFirst: mode == "CRD")
    }

    @Sendable static func spaceToDepth(
        _ context: OperatorContext
    ) throws(OperatorFailure) -> any Operator {
        let mode = context.has("mode") ? try context.string("mode") ?? "DCR" : "DCR"
        guard mode == "DCR" || mode == "CRD" else {
            throw OperatorFailure("the mode '\(mode)' is not known")
        }
        return try DepthSpaceOperator(context, toSpace: false, isColumnFirst: mode == "CRD")
    }

    private init(
        _ context: OperatorContext, toSpace: Bool, isColumnFirst: Bool
    ) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        guard let size = try context.int("blocksize"), size > 0, size < 1 << 16 else {
            throw OperatorFailure("its attribute 'blocksize' is missing or not positive")
        }
        (blockSize, self.toSpace, self.isColumnFirst) = (size, toSpace, isColumnFirst)
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        var shape = inputs[0].shape
        let square = blockSize * blockSize
        guard shape.count == 4,
            toSpace
                ? shape[1] % square == 0
                : shape[2] % blockSize == 0 && shape[3] % blockSize == 0
        else {
            throw OperatorFailure(
                "the shape \(Shape.text(shape)) does not divide into blocks of \(blockSize)")
        }
        shape[1] = toSpace ? shape[1] / square : shape[1] * square
        for axis in 2..<4 {
            shape[axis] = toSpace ? shape[axis] * blockSize : shape[axis] / blockSize
        }
        return [ValueInfo(inputs[0].dataType, shape)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let (x, y) = (inputs[0], outputs[0])
        let (deep, wide) = toSpace ? (x, y) : (y, x)
        let (channels, height, width) = (wide.shape[1], deep.shape[2], deep.shape[3])
        // Batch, channel, row, row in block, column, column in block.
        let shape = [wide.shape[0], channels, height, blockSize, width, blockSize]
        let plane = height * width
        let channelStride = plane * (isColumnFirst ? blockSize * blockSize : 1)
        let blockStride = plane * (isColumnFirst ? 1 : channels)
        let deepStrides = [
            plane * channels * blockSize * blockSize, channelStride, width,
            blockStride * blockSize, 1, blockStride,
        ]
        let move = try Move(
            shape: shape, sourceStrides: toSpace ? deepStrides : Shape.strides(shape),
            targetStrides: toSpace ? Shape.strides(shape) : deepStrides)
        return MoveStep(x, y, y.count == 0 ? [] : [move])
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int { 0 }
}
