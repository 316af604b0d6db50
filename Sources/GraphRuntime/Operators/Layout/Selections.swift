import Primitives

/// ONNX `NonZero`: the indices of elements that are not zero, a row an axis, in row-major order.
final class NonZeroOperator: TensorOperator {
    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0], x.dataType != .string else {
            throw OperatorFailure("it takes numbers")
        }
        let places = x.reals.enumerated().filter { $0.element != 0 }.map(\.offset)
        // A scalar counts as one element of one axis.
        let shape = x.shape.isEmpty ? [1] : x.shape
        var rows: [Int] = []
        for (axis, stride) in Shape.strides(shape).enumerated() {
            rows += places.map { $0 / stride % shape[axis] }
        }
        return [
            Tensor(shape: [x.shape.count, places.count], integers: x.shape.isEmpty ? [] : rows)
        ]
    }
}

/// ONNX `Compress`: the slices along an axis (or the elements, without one) whose condition is true.
final class CompressOperator: TensorOperator {
    private let axis: Int?

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(2)
        try context.requireOutputs(1)
        axis = try context.int("axis")
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0], let condition = inputs[1], condition.dataType == .bool,
            condition.shape.count == 1
        else { throw OperatorFailure("its condition must be a list of booleans") }
        let chosen = condition.array(as: UInt8.self).enumerated().filter { $0.element != 0 }
            .map(\.offset)
        guard let given = axis else {
            guard chosen.allSatisfy({ $0 < x.elementCount }) else { throw tooLong }
            return [x.picked(chosen, shape: [chosen.count])]
        }
        guard let axis = Shape.axis(given, rank: x.shape.count) else {
            throw OperatorFailure("axis \(given) is outside of the shape \(Shape.text(x.shape))")
        }
        guard chosen.allSatisfy({ $0 < x.shape[axis] }) else { throw tooLong }
        var shape = x.shape
        shape[axis] = chosen.count
        let inner = x.shape[(axis + 1)...].reduce(1, *)
        var picks: [Int] = []
        picks.reserveCapacity(shape.reduce(1, *))
        for block in 0..<x.shape[..<axis].reduce(1, *) {
            for index in chosen {
                let start = (block * x.shape[axis] + index) * inner
                picks += start..<start + inner
            }
        }
        return [x.picked(picks, shape: shape)]
    }

    private var tooLong: OperatorFailure {
        OperatorFailure("its condition is true beyond the end of the axis")
    }
}

/// ONNX `Trilu`: the upper or lower triangle of each matrix, zeros elsewhere.
final class TriluOperator: TensorOperator {
    private let isUpper: Bool

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1, max: 2)
        try context.requireOutputs(1)
        isUpper = try context.flag("upper", default: true)
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        guard inputs[0].shape.count >= 2 else {
            throw OperatorFailure("it takes matrices, not \(Shape.text(inputs[0].shape))")
        }
        return [ValueInfo(inputs[0].dataType, inputs[0].shape)]
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0] else { throw OperatorFailure("its input is left out") }
        var diagonal = 0
        if inputs.count > 1, let k = inputs[1] {
            guard let values = k.wholeNumbers, values.count == 1 else {
                throw OperatorFailure("its diagonal must be one integer")
            }
            diagonal = max(min(values[0], 1 << 40), -(1 << 40))
        }
        let (rows, columns) = (x.shape[x.shape.count - 2], x.shape[x.shape.count - 1])
        let picks = (0..<x.elementCount).map { place in
            let (row, column) = (place / columns % rows, place % columns)
            let isKept = isUpper ? column - row >= diagonal : column - row <= diagonal
            return isKept ? place : -1
        }
        return [x.picked(picks, shape: x.shape)]
    }
}

/// ONNX `ReverseSequence`: the first elements of each sequence in reverse, as many as its length.
final class ReverseSequenceOperator: TensorOperator {
    private let batchAxis: Int
    private let timeAxis: Int

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(2)
        try context.requireOutputs(1)
        batchAxis = try context.int("batch_axis", default: 1)
        timeAxis = try context.int("time_axis", default: 0)
        guard [batchAxis, timeAxis].sorted() == [0, 1] else {
            throw OperatorFailure("its batch and time axes must be 0 and 1")
        }
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        let shape = inputs[0].shape
        guard shape.count >= 2, inputs[1].shape == [shape[batchAxis]],
            inputs[1].dataType == .int64
        else { throw OperatorFailure("its lengths do not fit the shape \(Shape.text(shape))") }
        return [ValueInfo(inputs[0].dataType, shape)]
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0], let lengths = inputs[1]?.integers else {
            throw OperatorFailure("its lengths must be int64")
        }
        guard lengths.allSatisfy({ $0 >= 0 && $0 <= x.shape[timeAxis] }) else {
            throw OperatorFailure("a length is outside of the time axis")
        }
        let strides = Shape.strides(x.shape)
        let picks = (0..<x.elementCount).map { place in
            let time = place / strides[timeAxis] % x.shape[timeAxis]
            let length = lengths[place / strides[batchAxis] % x.shape[batchAxis]]
            return time < length ? place + (length - 1 - 2 * time) * strides[timeAxis] : place
        }
        return [x.picked(picks, shape: x.shape)]
    }
}

/// ONNX `CenterCropPad`: cut or padded with zeros around the middle, to a shape.
final class CenterCropPadOperator: TensorOperator {
    private let axes: [Int]?

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(2)
        try context.requireOutputs(1)
        axes = try context.ints("axes")
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        guard let wanted = inputs[1].constant else { return nil }
        return [ValueInfo(inputs[0].dataType, try shape(inputs[0].shape, wanted))]
    }

    private func shape(_ shape: [Int], _ wanted: Tensor) throws(OperatorFailure) -> [Int] {
        let axes = axes ?? Array(shape.indices)
        guard let sizes = wanted.integers, sizes.count == axes.count, sizes.allSatisfy({ $0 >= 0 })
        else { throw OperatorFailure("its shape does not have a size for each axis") }
        var result = shape
        for (axis, size) in zip(axes, sizes) {
            guard let axis = Shape.axis(axis, rank: shape.count) else {
                throw OperatorFailure("axis \(axis) is outside of the shape \(Shape.text(shape))")
            }
            result[axis] = size
        }
        guard Shape.elementCount(result) != nil else {
            throw OperatorFailure("\(Shape.text(result)) is larger than a tensor may be")
        }
        return result
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0], let wanted = inputs[1] else {
            throw OperatorFailure("an input is left out")
        }
        let shape = try shape(x.shape, wanted)
        let (from, to) = (Shape.strides(x.shape), Shape.strides(shape))
        // How far a place in the result is from the same place in the source.
        let shifts = zip(x.shape, shape).map { old, new in
            new <= old ? (old - new) / 2 : -((new - old) / 2)
        }
        let picks = (0..<shape.reduce(1, *)).map { place in
            var source = 0
            for axis in shape.indices {
                let index = place / to[axis] % shape[axis] + shifts[axis]
                if index < 0 || index >= x.shape[axis] { return -1 }
                source += index * from[axis]
            }
            return source
        }
        return [x.picked(picks, shape: shape)]
    }
}

/// ONNX `TensorScatter`: a cache into which each batch item's update is written from its own place
/// on; circular caches go on from their start.
final class TensorScatterOperator: TensorOperator {
    private let axis: Int
    private let isCircular: Bool

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(2, max: 3)
        try context.requireOutputs(1)
        axis = try context.int("axis", default: -2)
        let mode = try context.string("mode") ?? "linear"
        guard mode == "linear" || mode == "circular" else {
            throw OperatorFailure("the mode '\(mode)' is not known")
        }
        isCircular = mode == "circular"
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        try inputs.requireSameType(0, 1)
        let (cache, update) = (inputs[0].shape, inputs[1].shape)
        guard let axis = Shape.axis(axis, rank: cache.count), axis > 0,
            update.count == cache.count,
            cache.indices.allSatisfy({ $0 == axis || cache[$0] == update[$0] }),
            update[axis] <= cache[axis]
        else {
            throw OperatorFailure(
                "an update of \(Shape.text(update)) does not fit a cache of \(Shape.text(cache))")
        }
        return [ValueInfo(inputs[0].dataType, cache)]
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let cache = inputs[0], let update = inputs[1],
            let axis = Shape.axis(axis, rank: cache.shape.count)
        else { throw OperatorFailure("an input is left out") }
        let starts =
            inputs.count > 2 ? inputs[2]?.integers : Array(repeating: 0, count: cache.shape[0])
        guard let starts, starts.count == cache.shape[0] else {
            throw OperatorFailure("its write indices must be one int64 a batch item")
        }
        let (size, length) = (cache.shape[axis], update.shape[axis])
        let inner = cache.shape[(axis + 1)...].reduce(1, *)
        let blocksPerItem = cache.shape[1..<axis].reduce(1, *)
        let both = Tensor.joined(cache, update)
        var picks = Array(0..<cache.elementCount)
        for block in 0..<cache.shape[..<axis].reduce(1, *) {
            let start = starts[block / max(blocksPerItem, 1)]
            guard start >= 0, isCircular || start <= size - length else {
                throw OperatorFailure("write index \(start) is outside of the cache")
            }
            for step in 0..<length {
                let target = (block * size + (start % max(size, 1) + step) % size) * inner
                let source = cache.elementCount + (block * length + step) * inner
                for offset in 0..<inner { picks[target + offset] = source + offset }
            }
        }
        return [both.picked(picks, shape: cache.shape)]
    }
}

extension Tensor {
    /// All elements of two tensors of one type, one behind the other, as a list.
    static func joined(_ a: Tensor, _ b: Tensor) -> Tensor {
        let count = a.elementCount + b.elementCount
        if a.dataType == .string { return Tensor(shape: [count], strings: a.strings + b.strings) }
        let result = Tensor(dataType: a.dataType, shape: [count])
        let width = a.dataType.byteCount
        if let memory = result.memory, let first = a.memory, let second = b.memory {
            memory.copy(
                from: first, sourceOffset: 0, to: 0, byteCount: a.elementCount * width)
            memory.copy(
                from: second, sourceOffset: 0, to: a.elementCount * width,
                byteCount: b.elementCount * width)
        }
        return result
    }
}
