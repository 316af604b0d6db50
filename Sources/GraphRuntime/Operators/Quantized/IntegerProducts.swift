import Primitives

/// Sums of products of integers less their zero points, in int64.
enum IntegerProduct {
    /// Values less a zero point for all, or one for each index of an axis.
    static func centered(
        _ tensor: Tensor, _ zero: Tensor?, axis: Int
    ) throws(OperatorFailure) -> [Int] {
        guard var values = tensor.wholeNumbers else {
            throw OperatorFailure("it takes integers, not \(tensor.dataType.name)")
        }
        guard let zero else { return values }
        guard let zeros = zero.wholeNumbers else {
            throw OperatorFailure("its zero point must be an integer")
        }
        if zeros.count == 1 {
            for place in values.indices { values[place] -= zeros[0] }
            return values
        }
        guard let axis = Shape.axis(axis, rank: tensor.shape.count) else {
            throw OperatorFailure("its zero points do not fit")
        }
        let stride = Shape.strides(tensor.shape)[axis]
        // One a row, or one a row of each matrix of a stack.
        let count = tensor.shape[axis]
        let perStack = zeros.count == count
        let stack = tensor.shape.suffix(2).reduce(1, *)
        guard perStack || zeros.count == count * (values.count / max(stack, 1)) else {
            throw OperatorFailure("its zero points do not fit")
        }
        for place in values.indices {
            let index = place / stride % count
            values[place] -= zeros[perStack ? index : place / stack * count + index]
        }
        return values
    }

    /// The product of two stacks of matrices.
    static func matrices(
        _ a: [Int], _ aShape: [Int], _ b: [Int], _ bShape: [Int]
    ) throws(OperatorFailure) -> (values: [Int], shape: [Int]) {
        let left = aShape.count == 1 ? [1] + aShape : aShape
        let right = bShape.count == 1 ? bShape + [1] : bShape
        guard left.count >= 2, right.count >= 2, left[left.count - 1] == right[right.count - 2],
            let batch = Shape.broadcast(Array(left.dropLast(2)), Array(right.dropLast(2)))
        else {
            throw OperatorFailure(
                "\(Shape.text(aShape)) and \(Shape.text(bShape)) cannot be multiplied")
        }
        let (m, k, n) = (left[left.count - 2], left[left.count - 1], right[right.count - 1])
        let aStrides = StridedLoop.broadcastStrides(Array(left.dropLast(2)), to: batch)
        let bStrides = StridedLoop.broadcastStrides(Array(right.dropLast(2)), to: batch)
        let own = Shape.strides(batch)
        var values: [Int] = []
        values.reserveCapacity(batch.reduce(1, *) * m * n)
        for matrix in 0..<batch.reduce(1, *) {
            var (i, j) = (0, 0)
            for axis in batch.indices {
                i += matrix / own[axis] % batch[axis] * aStrides[axis]
                j += matrix / own[axis] % batch[axis] * bStrides[axis]
            }
            for row in 0..<m {
                for column in 0..<n {
                    var sum = 0
                    for index in 0..<k {
                        sum &+= a[(i * m + row) * k + index] &* b[(j * k + index) * n + column]
                    }
                    values.append(sum)
                }
            }
        }
        return (values, batch + (aShape.count == 1 ? [] : [m]) + (bShape.count == 1 ? [] : [n]))
    }

    /// An int32 sum scaled and rounded (halves to even), in the arithmetic of `KernelSet.multiply`.
    static func units(_ sum: Int, _ x: Float, _ w: Float, _ y: Float) -> Double {
        let units = Float(Int32(truncatingIfNeeded: sum)) * (x * w / y)
        // What is no number becomes the least byte.
        return units.isNaN ? -.infinity : Double(units.rounded(.toNearestOrEven))
    }

    /// The shape of that product.
    static func shape(_ a: [Int], _ b: [Int]) throws(OperatorFailure) -> [Int] {
        let left = a.count == 1 ? [1] + a : a
        let right = b.count == 1 ? b + [1] : b
        guard left.count >= 2, right.count >= 2, left[left.count - 1] == right[right.count - 2],
            let batch = Shape.broadcast(Array(left.dropLast(2)), Array(right.dropLast(2)))
        else {
            throw OperatorFailure("\(Shape.text(a)) and \(Shape.text(b)) cannot be multiplied")
        }
        return batch + (a.count == 1 ? [] : [left[left.count - 2]])
            + (b.count == 1 ? [] : [right[right.count - 1]])
    }
}

/// ONNX `MatMulInteger`: the product of two stacks of 8-bit matrices, in int32.
final class MatMulIntegerOperator: TensorOperator {
    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(2, max: 4)
        try context.requireOutputs(1)
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        _ = try inputs.dataType(0, oneOf: [.int8, .uint8], "its first input")
        _ = try inputs.dataType(1, oneOf: [.int8, .uint8], "its second input")
        return [ValueInfo(.int32, try IntegerProduct.shape(inputs[0].shape, inputs[1].shape))]
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let a = inputs[0], let b = inputs[1] else {
            throw OperatorFailure("an input is left out")
        }
        let left = try IntegerProduct.centered(a, inputs.count > 2 ? inputs[2] : nil, axis: -2)
        let right = try IntegerProduct.centered(b, inputs.count > 3 ? inputs[3] : nil, axis: -1)
        let made = try IntegerProduct.matrices(left, a.shape, right, b.shape)
        return [
            Tensor(
                .int32, shape: made.shape, made.values.map { Int32(truncatingIfNeeded: $0) })
        ]
    }
}

/// ONNX `QLinearMatMul`: the product of two stacks of quantized matrices, quantized again.
final class QLinearMatMulOperator: TensorOperator {
    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(8)
        try context.requireOutputs(1)
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        _ = try inputs.dataType(0, oneOf: [.int8, .uint8], "its first input")
        _ = try inputs.dataType(3, oneOf: [.int8, .uint8], "its second input")
        let type = try inputs.dataType(7, oneOf: [.int8, .uint8], "its zero point")
        return [ValueInfo(type, try IntegerProduct.shape(inputs[0].shape, inputs[3].shape))]
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        let all = inputs.compactMap { $0 }
        guard all.count == 8 else { throw OperatorFailure("an input is left out") }
        let left = try IntegerProduct.centered(all[0], all[2], axis: -2)
        let right = try IntegerProduct.centered(all[3], all[5], axis: -1)
        let made = try IntegerProduct.matrices(left, all[0].shape, right, all[3].shape)
        let (aScales, bScales) = (all[1].reals, all[4].reals)
        guard let yScale = all[6].oneReal, let yZero = all[7].oneReal,
            aScales.count == 1 || aScales.count == all[0].shape.dropLast().last,
            bScales.count == 1 || bScales.count == all[3].shape.last
        else { throw OperatorFailure("its scales do not fit") }
        let columns = all[3].shape.count == 1 ? 1 : all[3].shape.last ?? 1
        let values = made.values.enumerated().map { place, sum in
            let a = aScales.count == 1 ? aScales[0] : aScales[place / columns % aScales.count]
            let b = bScales.count == 1 ? bScales[0] : bScales[place % columns]
            return IntegerProduct.units(sum, Float(a), Float(b), Float(yScale)) + yZero
        }
        return [Tensor(all[7].dataType, shape: made.shape, reals: values)]
    }
}

/// ONNX `ConvInteger` and `QLinearConv`: convolutions of 8-bit images, in int32 or quantized again.
final class IntegerConvOperator: TensorOperator {
    private let attributes: WindowAttributes
    private let groups: Int
    private let isQuantized: Bool
    /// What bytes of the result, counted from the least on, are held inside of; passes set them.
    private let (low, high): (Int, Int)

    @Sendable static func plain(_ context: OperatorContext) throws(OperatorFailure) -> any Operator
    {
        try context.requireInputs(2, max: 4)
        return try IntegerConvOperator(context, isQuantized: false)
    }

    @Sendable static func quantized(
        _ context: OperatorContext
    ) throws(OperatorFailure) -> any Operator {
        try context.requireInputs(8, max: 9)
        return try IntegerConvOperator(context, isQuantized: true)
    }

    private init(_ context: OperatorContext, isQuantized: Bool) throws(OperatorFailure) {
        try context.requireOutputs(1)
        self.isQuantized = isQuantized
        let isFused = context.node.operatorName.domain == Node.fusedDomain
        low = isFused ? try context.int("low", default: 0) : 0
        high = isFused ? try context.int("high", default: 255) : 255
        guard low >= 0, high <= 255, low <= high else {
            throw OperatorFailure("its results must lie in 0...255")
        }
        attributes = try WindowAttributes(context)
        groups = try context.int("group", default: 1)
        guard groups > 0, groups < 1 << 31 else {
            throw OperatorFailure("its attribute 'group' must be positive")
        }
    }

    private func geometry(_ x: [Int], _ w: [Int]) throws(OperatorFailure) -> WindowGeometry {
        guard x.count >= 3, w.count == x.count, x[1] == w[1] * groups, w[0] % groups == 0 else {
            throw OperatorFailure(
                "filters \(Shape.text(w)) in \(groups) groups do not fit \(Shape.text(x))")
        }
        return try WindowGeometry(Array(x[2...]), attributes, kernel: Array(w[2...]))
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        let weights = isQuantized ? 3 : 1
        _ = try inputs.dataType(0, oneOf: [.int8, .uint8], "its input")
        _ = try inputs.dataType(weights, oneOf: [.int8, .uint8], "its filters")
        let (x, w) = (inputs[0].shape, inputs[weights].shape)
        let shape = [x[0], w[0]] + (try geometry(x, w).outputShape)
        return [ValueInfo(isQuantized ? inputs[7].dataType : .int32, shape)]
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        func input(_ index: Int) -> Tensor? { index < inputs.count ? inputs[index] : nil }
        guard let x = input(0), let w = input(isQuantized ? 3 : 1) else {
            throw OperatorFailure("an input is left out")
        }
        let geometry = try geometry(x.shape, w.shape)
        let values = try IntegerProduct.centered(x, input(2), axis: 1)
        let weights = try weights(w, input(isQuantized ? 5 : 3))
        let sums = sums(values, x.shape, weights, w.shape, geometry)
        let shape = [x.shape[0], w.shape[0]] + geometry.outputShape
        guard isQuantized else {
            return [Tensor(.int32, shape: shape, sums.map { Int32(truncatingIfNeeded: $0) })]
        }
        guard let xScale = input(1)?.oneReal, let wScales = input(4)?.reals,
            let yScale = input(6)?.oneReal, let zero = input(7), let yZero = zero.oneReal,
            wScales.count == 1 || wScales.count == w.shape[0]
        else { throw OperatorFailure("its scales do not fit") }
        let bias = input(8)?.wholeNumbers
        guard bias.map({ $0.count == w.shape[0] }) ?? true else {
            throw OperatorFailure("its bias must have one int32 a filter")
        }
        let plane = geometry.outputShape.reduce(1, *)
        let least = zero.dataType == .int8 ? -128.0 : 0
        let made = sums.enumerated().map { place, sum in
            let filter = place / plane % w.shape[0]
            let units = IntegerProduct.units(
                sum &+ (bias?[filter] ?? 0), Float(xScale),
                Float(wScales[wScales.count == 1 ? 0 : filter]), Float(yScale))
            return min(max(units + yZero, least + Double(low)), least + Double(high))
        }
        return [Tensor(zero.dataType, shape: shape, reals: made)]
    }

    /// Filters less their zero points, one for all or one a filter.
    private func weights(_ w: Tensor, _ zero: Tensor?) throws(OperatorFailure) -> [Int] {
        let values = try IntegerProduct.centered(w, nil, axis: 0)
        guard let zeros = zero?.wholeNumbers else { return values }
        guard zeros.count == 1 || zeros.count == w.shape[0] else {
            throw OperatorFailure("its zero points do not fit its filters")
        }
        let length = values.count / max(w.shape[0], 1)
        return values.enumerated().map { place, value in
            value - zeros[zeros.count == 1 ? 0 : place / length]
        }
    }

    private func sums(
        _ values: [Int], _ x: [Int], _ weights: [Int], _ w: [Int], _ geometry: WindowGeometry
    ) -> [Int] {
        let (inSize, outSize) = (x[2...].reduce(1, *), geometry.outputShape.reduce(1, *))
        let (taps, channels, filters) = (geometry.tapCount, w[1], w[0] / groups)
        var sums = Array(repeating: 0, count: x[0] * w[0] * outSize)
        for out in 0..<outSize {
            for tap in 0..<taps {
                guard let pixel = geometry.pixel(out, tap) else { continue }
                for item in 0..<x[0] {
                    for filter in 0..<w[0] {
                        let group = filter / filters
                        var sum = 0
                        for channel in 0..<channels {
                            let from = (item * x[1] + group * channels + channel) * inSize + pixel
                            sum &+=
                                values[from] &* weights[(filter * channels + channel) * taps + tap]
                        }
                        sums[(item * w[0] + filter) * outSize + out] &+= sum
                    }
                }
            }
        }
        return sums
    }
}
