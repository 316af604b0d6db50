import Primitives

/// ONNX `ConvTranspose`: each pixel spreads a window of weights over the output, overlaps are added.
/// Sums are kept in float64 in the order of input channel, then pixel.
final class ConvTransposeOperator: TensorOperator {
    private let attributes: WindowAttributes
    private let groups: Int
    private let outputPadding: [Int]?
    private let outputShape: [Int]?

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(2, max: 3)
        try context.requireOutputs(1)
        attributes = try WindowAttributes(context)
        groups = try context.int("group", default: 1)
        outputPadding = try context.ints("output_padding")
        outputShape = try context.ints("output_shape")
        guard groups > 0, groups < 1 << 31 else {
            throw OperatorFailure("its attribute 'group' must be positive")
        }
    }

    private struct Axis {
        let (size, kernel, stride, dilation, pad, outputs): (Int, Int, Int, Int, Int, Int)
    }

    private func axes(_ x: [Int], _ w: [Int]) throws(OperatorFailure) -> [Axis] {
        let rank = x.count - 2
        guard w.count == x.count, x[1] == w[0], w[0] % groups == 0 else {
            throw OperatorFailure(
                "filters \(Shape.text(w)) in \(groups) groups do not fit \(Shape.text(x))")
        }
        let kernel = Array(w[2...])
        let strides = attributes.strides ?? Array(repeating: 1, count: rank)
        let dilations = attributes.dilations ?? Array(repeating: 1, count: rank)
        let extra = outputPadding ?? Array(repeating: 0, count: rank)
        let pads = attributes.pads ?? Array(repeating: 0, count: 2 * rank)
        guard strides.count == rank, dilations.count == rank, extra.count == rank,
            pads.count == 2 * rank, attributes.kernel ?? kernel == kernel,
            extra.allSatisfy({ $0 >= 0 && $0 < 1 << 31 })
        else { throw OperatorFailure("its window does not fit \(rank) axes") }
        // Sizes for batch and channels, too, may stand in front.
        let wanted = outputShape.map { Array($0.suffix(rank)) }
        var result: [Axis] = []
        for axis in 0..<rank {
            let extent = (kernel[axis] - 1) &* dilations[axis] &+ 1
            let full = (x[axis + 2] - 1) &* strides[axis] &+ extra[axis] &+ extent
            var (before, after) = (pads[axis], pads[axis + rank])
            var outputs = full &- before &- after
            let isSame =
                attributes.padding == .sameUpper || attributes.padding == .sameLower
            if wanted != nil || isSame {
                outputs = wanted?[axis] ?? x[axis + 2] &* strides[axis]
                let total = max(full &- outputs, 0)
                before = attributes.padding == .sameUpper ? total / 2 : total - total / 2
                after = total - before
            } else if attributes.padding == .valid {
                (before, outputs) = (0, full)
            }
            guard outputs >= 0, x[axis + 2] > 0 || outputs == 0 else {
                throw OperatorFailure("its output has a negative size")
            }
            result.append(
                Axis(
                    size: x[axis + 2], kernel: kernel[axis], stride: strides[axis],
                    dilation: dilations[axis], pad: before, outputs: outputs))
        }
        return result
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        let type = try inputs.dataType(0, oneOf: DataType.floats, "its input")
        _ = try inputs.imageShape(0)
        let (x, w) = (inputs[0].shape, inputs[1].shape)
        let axes = try axes(x, w)
        let (filters, overflow) = w[1].multipliedReportingOverflow(by: groups)
        guard !overflow, inputs.optional(2).map({ $0.shape == [filters] }) ?? true else {
            throw OperatorFailure("its bias must have one value a filter")
        }
        return [ValueInfo(type, [x[0], filters] + axes.map(\.outputs))]
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0], let w = inputs[1] else {
            throw OperatorFailure("an input is left out")
        }
        let axes = try axes(x.shape, w.shape)
        let shape = [x.shape[0], w.shape[1] * groups] + axes.map(\.outputs)
        guard Shape.elementCount(shape) != nil else {
            throw OperatorFailure("its output is larger than a tensor may be")
        }
        let (values, weights) = (x.reals, w.reals)
        let bias = inputs.count > 2 ? inputs[2]?.reals : nil
        let (channels, filters) = (x.shape[1] / groups, w.shape[1])
        let inSize = axes.reduce(1) { $0 * $1.size }
        let outSize = axes.reduce(1) { $0 * $1.outputs }
        let taps = axes.reduce(1) { $0 * $1.kernel }
        let pairs = Self.pairs(axes)
        var sums = Array(repeating: 0.0, count: shape.reduce(1, *))
        if let bias {
            for place in sums.indices { sums[place] = bias[place / outSize % bias.count] }
        }
        for item in 0..<x.shape[0] {
            for group in 0..<groups {
                for channel in 0..<channels {
                    let input = group * channels + channel
                    let from = (item * x.shape[1] + input) * inSize
                    for filter in 0..<filters {
                        let to = (item * shape[1] + group * filters + filter) * outSize
                        let tapBase = (input * filters + filter) * taps
                        for pair in pairs {
                            sums[to + pair.target] +=
                                values[from + pair.source] * weights[tapBase + pair.tap]
                        }
                    }
                }
            }
        }
        return [Tensor(x.dataType, shape: shape, reals: sums)]
    }

    private struct Pair {
        let (source, tap, target): (Int, Int, Int)
    }

    /// Which input pixel reaches which output pixel through which tap.
    private static func pairs(_ axes: [Axis]) -> [Pair] {
        var pairs = [Pair(source: 0, tap: 0, target: 0)]
        for axis in axes {
            var next: [Pair] = []
            for pair in pairs {
                for index in 0..<axis.size {
                    for tap in 0..<axis.kernel {
                        let target = index * axis.stride + tap * axis.dilation - axis.pad
                        guard target >= 0, target < axis.outputs else { continue }
                        next.append(
                            Pair(
                                source: pair.source * axis.size + index,
                                tap: pair.tap * axis.kernel + tap,
                                target: pair.target * axis.outputs + target))
                    }
                }
            }
            pairs = next
        }
        return pairs
    }
}

/// ONNX `Col2Im`: columns of windows added up to an image.
final class ColumnsToImageOperator: TensorOperator {
    private let attributes: WindowAttributes

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(3)
        try context.requireOutputs(1)
        attributes = try WindowAttributes(context)
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        guard let image = inputs[1].constant, let block = inputs[2].constant else { return nil }
        return [
            ValueInfo(inputs[0].dataType, try layout(inputs[0].shape, image, block).shape)
        ]
    }

    private func layout(
        _ x: [Int], _ image: Tensor, _ block: Tensor
    ) throws(OperatorFailure) -> (shape: [Int], geometry: WindowGeometry) {
        guard let sizes = image.integers, let kernel = block.integers, !sizes.isEmpty,
            kernel.allSatisfy({ $0 > 0 }), Shape.elementCount(sizes) != nil,
            let taps = Shape.elementCount(kernel)
        else { throw OperatorFailure("its image and block shapes must be lists of sizes") }
        let geometry = try WindowGeometry(sizes, attributes, kernel: kernel)
        guard x.count == 3, x[1] % taps == 0, x[2] == geometry.outputShape.reduce(1, *) else {
            throw OperatorFailure(
                "columns of \(Shape.text(x)) do not fit blocks of \(Shape.text(kernel)) in "
                    + Shape.text(sizes))
        }
        return ([x[0], x[1] / taps] + sizes, geometry)
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0], let image = inputs[1], let block = inputs[2],
            x.dataType != .string
        else { throw OperatorFailure("an input is left out") }
        let (shape, geometry) = try layout(x.shape, image, block)
        let values = x.reals
        var sums = Array(repeating: 0.0, count: shape.reduce(1, *))
        let plane = shape[2...].reduce(1, *)
        let (windows, taps) = (x.shape[2], geometry.tapCount)
        for window in 0..<windows {
            for tap in 0..<taps {
                guard let place = geometry.pixel(window, tap) else { continue }
                for channel in 0..<shape[0] * shape[1] {
                    sums[channel * plane + place] +=
                        values[(channel * taps + tap) * windows + window]
                }
            }
        }
        return [Tensor(x.dataType, shape: shape, reals: sums)]
    }
}

extension WindowGeometry {
    /// The pixel of the input under a tap of an output's window; nil in the padding.
    func pixel(_ output: Int, _ tap: Int) -> Int? {
        var (output, tap) = (output, tap)
        var (place, stride) = (0, 1)
        for axis in axes.reversed() {
            let at =
                output % axis.outputs * axis.stride + tap % axis.kernel * axis.dilation
                - axis.padBefore
            guard at >= 0, at < axis.size else { return nil }
            place += at * stride
            stride *= axis.size
            output /= axis.outputs
            tap /= axis.kernel
        }
        return place
    }
}
