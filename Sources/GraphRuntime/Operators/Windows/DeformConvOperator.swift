import Glibc
import Primitives

/// ONNX `DeformConv` on images: a convolution whose taps are moved by offsets and weighted by a mask;
/// between pixels, values are interpolated (Dai et al., "Deformable Convolutional Networks").
final class DeformConvOperator: TensorOperator {
    private let attributes: WindowAttributes
    private let (groups, offsetGroups): (Int, Int)

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(3, max: 5)
        try context.requireOutputs(1)
        attributes = try WindowAttributes(context)
        groups = try context.int("group", default: 1)
        offsetGroups = try context.int("offset_group", default: 1)
        guard groups > 0, offsetGroups > 0, groups < 1 << 31, offsetGroups < 1 << 31 else {
            throw OperatorFailure("its groups must be positive")
        }
    }

    private func geometry(_ x: [Int], _ w: [Int]) throws(OperatorFailure) -> WindowGeometry {
        guard x.count == 4, w.count == 4, x[1] == w[1] * groups, w[0] % groups == 0,
            x[1] % offsetGroups == 0
        else {
            throw OperatorFailure(
                "filters \(Shape.text(w)) in \(groups) groups do not fit \(Shape.text(x))")
        }
        return try WindowGeometry(Array(x[2...]), attributes, kernel: Array(w[2...]))
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        let type = try inputs.dataType(0, oneOf: DataType.floats, "its input")
        let (x, w) = (inputs[0].shape, inputs[1].shape)
        let geometry = try geometry(x, w)
        let taps = offsetGroups &* geometry.tapCount
        guard inputs[2].shape == [x[0], 2 &* taps] + geometry.outputShape,
            inputs.optional(3).map({ $0.shape == [w[0]] }) ?? true,
            inputs.optional(4).map({ $0.shape == [x[0], taps] + geometry.outputShape }) ?? true
        else { throw OperatorFailure("its offsets, bias or mask do not fit its image") }
        return [ValueInfo(type, [x[0], w[0]] + geometry.outputShape)]
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0], let w = inputs[1], let offset = inputs[2] else {
            throw OperatorFailure("an input is left out")
        }
        let geometry = try geometry(x.shape, w.shape)
        let (rows, columns) = (geometry.axes[0], geometry.axes[1])
        let (image, weights, moves) = (x.reals, w.reals, offset.reals)
        let bias = inputs.count > 3 ? inputs[3]?.reals : nil
        let mask = inputs.count > 4 ? inputs[4]?.reals : nil
        let (outSize, taps) = (rows.outputs * columns.outputs, geometry.tapCount)
        let (channels, filters) = (w.shape[1], w.shape[0] / groups)
        let plane = rows.size * columns.size
        func pixel(_ base: Int, _ row: Double, _ column: Double) -> Double {
            guard row > -1, row < Double(rows.size), column > -1, column < Double(columns.size)
            else { return 0 }
            let (top, left) = (Int(floor(row)), Int(floor(column)))
            let (down, right) = (row - Double(top), column - Double(left))
            func at(_ r: Int, _ c: Int) -> Double {
                r >= 0 && r < rows.size && c >= 0 && c < columns.size
                    ? image[base + r * columns.size + c] : 0
            }
            return (1 - down) * ((1 - right) * at(top, left) + right * at(top, left + 1))
                + down * ((1 - right) * at(top + 1, left) + right * at(top + 1, left + 1))
        }
        var made = Array(repeating: 0.0, count: x.shape[0] * w.shape[0] * outSize)
        for item in 0..<x.shape[0] {
            for channel in 0..<x.shape[1] {
                let offsetGroup = channel / (x.shape[1] / offsetGroups)
                let base = (item * x.shape[1] + channel) * plane
                for tap in 0..<taps {
                    let tapIndex = (item * offsetGroups + offsetGroup) * taps + tap
                    for out in 0..<outSize {
                        let row =
                            Double(
                                out / columns.outputs * rows.stride - rows.padBefore
                                    + tap / columns.kernel * rows.dilation)
                            + moves[(2 * tapIndex) * outSize + out]
                        let column =
                            Double(
                                out % columns.outputs * columns.stride - columns.padBefore
                                    + tap % columns.kernel * columns.dilation)
                            + moves[(2 * tapIndex + 1) * outSize + out]
                        let value =
                            pixel(base, row, column) * (mask?[tapIndex * outSize + out] ?? 1)
                        let group = channel / channels
                        for filter in group * filters..<(group + 1) * filters {
                            made[(item * w.shape[0] + filter) * outSize + out] +=
                                value
                                * weights[(filter * channels + channel % channels) * taps + tap]
                        }
                    }
                }
            }
        }
        if let bias {
            for place in made.indices { made[place] += bias[place / outSize % w.shape[0]] }
        }
        let shape = [x.shape[0], w.shape[0]] + geometry.outputShape
        return [Tensor(x.dataType, shape: shape, reals: made)]
    }
}
