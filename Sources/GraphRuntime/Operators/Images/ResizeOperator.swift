import Glibc
import Primitives

/// ONNX `Resize` (and the older `Upsample`): an image with other sizes, axis by axis; each output
/// is a weighted sum of the pixels near the place it comes from. Computed in float64.
final class ResizeOperator: TensorOperator {
    private enum Mode: String {
        case nearest, linear, cubic
    }

    private enum Rounding: String {
        case roundPreferFloor = "round_prefer_floor"
        case roundPreferCeil = "round_prefer_ceil"
        case floor, ceil
    }

    private enum Transform: String {
        case halfPixel = "half_pixel"
        case halfPixelSymmetric = "half_pixel_symmetric"
        case pytorchHalfPixel = "pytorch_half_pixel"
        case alignCorners = "align_corners"
        case asymmetric
        case cropAndResize = "tf_crop_and_resize"
        case halfPixelForNearest = "tf_half_pixel_for_nn"
    }

    private let mode: Mode
    private let rounding: Rounding
    private let transform: Transform
    private let cubicCoefficient: Double
    private let (excludesOutside, smooths): (Bool, Bool)
    private let extrapolation: Double
    private let axes: [Int]?
    private let policy: String
    /// Scales of opset 7's `Upsample`, which are an attribute.
    private let fixedScales: [Double]?
    /// Where scales, sizes and the region of interest stand among the inputs.
    private let (regionInput, scalesInput, sizesInput): (Int?, Int?, Int?)

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireOutputs(1)
        let isUpsample = context.node.operatorName.name == "Upsample"
        let isOld = isUpsample || context.version < 11
        mode = try Self.choice(context, "mode", "nearest")
        transform =
            try isOld
            ? .asymmetric : Self.choice(context, "coordinate_transformation_mode", "half_pixel")
        rounding = try isOld ? .floor : Self.choice(context, "nearest_mode", "round_prefer_floor")
        cubicCoefficient = Double(try context.float("cubic_coeff_a", default: -0.75))
        excludesOutside = try context.flag("exclude_outside", default: false)
        extrapolation = Double(try context.float("extrapolation_value", default: 0))
        smooths = try context.flag("antialias", default: false)
        axes = try context.ints("axes")
        policy = try context.string("keep_aspect_ratio_policy") ?? "stretch"
        guard ["stretch", "not_larger", "not_smaller"].contains(policy) else {
            throw OperatorFailure("the policy '\(policy)' is not known")
        }
        if isUpsample, context.version < 9 {
            try context.requireInputs(1)
            guard let scales = try context.floats("scales") else {
                throw OperatorFailure("its attribute 'scales' is missing")
            }
            fixedScales = scales.map { Double($0) }
            (regionInput, scalesInput, sizesInput) = (nil, nil, nil)
        } else if isOld {
            try context.requireInputs(2)
            fixedScales = nil
            (regionInput, scalesInput, sizesInput) = (nil, 1, nil)
        } else {
            try context.requireInputs(1, max: 4)
            fixedScales = nil
            (regionInput, scalesInput, sizesInput) = (
                context.hasInput(1) ? 1 : nil, context.hasInput(2) ? 2 : nil,
                context.hasInput(3) ? 3 : nil
            )
        }
    }

    private static func choice<T: RawRepresentable<String>>(
        _ context: OperatorContext, _ name: String, _ value: String
    ) throws(OperatorFailure) -> T {
        let text = try context.string(name) ?? value
        guard let found = T(rawValue: text) else {
            throw OperatorFailure("the \(name) '\(text)' is not known")
        }
        return found
    }

    /// One axis: its sizes, its scale, and its region of interest.
    private struct Axis {
        let (size, outputs): (Int, Int)
        let scale: Double
        let region: (Double, Double)
    }

    private func axes(_ shape: [Int], _ inputs: [Tensor?]) throws(OperatorFailure) -> [Axis] {
        let chosen = axes ?? Array(shape.indices)
        var positions: [Int] = []
        for axis in chosen {
            guard let axis = Shape.axis(axis, rank: shape.count) else {
                throw OperatorFailure("axis \(axis) is outside of the shape \(Shape.text(shape))")
            }
            positions.append(axis)
        }
        func tensor(_ index: Int?) -> Tensor? {
            guard let index, index < inputs.count, let found = inputs[index], found.elementCount > 0
            else { return nil }
            return found
        }
        var scales = fixedScales ?? tensor(scalesInput)?.reals
        let sizes = tensor(sizesInput)?.integers
        if let sizes {
            guard sizes.count == positions.count else {
                throw OperatorFailure("its sizes are not one an axis")
            }
            scales = zip(sizes, positions).map { Double($0) / Double(max(shape[$1], 1)) }
            if policy != "stretch", let list = scales {
                let one = (policy == "not_larger" ? list.min() : list.max()) ?? 1
                scales = list.map { _ in one }
            }
        }
        guard let scales, scales.count == positions.count,
            scales.allSatisfy({ $0 > 0 && $0 < 1e9 })
        else { throw OperatorFailure("its scales are not one positive number an axis") }
        let region = tensor(regionInput)?.reals
        var result = shape.map { Axis(size: $0, outputs: $0, scale: 1, region: (0, 1)) }
        for (place, axis) in positions.enumerated() {
            let wide = Double(shape[axis]) * scales[place]
            var outputs = Int(wide < 0x1p40 ? wide : 0x1p40)
            if let sizes {
                outputs = policy == "stretch" ? sizes[place] : Int((wide + 0.5).rounded(.down))
            }
            var part = (0.0, 1.0)
            if transform == .cropAndResize, let region, region.count == 2 * positions.count {
                part = (region[place], region[place + positions.count])
            }
            result[axis] = Axis(
                size: shape[axis], outputs: max(outputs, 0), scale: scales[place], region: part)
        }
        return result
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        _ = try inputs.dataType(0, oneOf: DataType.floats + DataType.integers, "its input")
        for index in [regionInput, scalesInput, sizesInput] {
            if let index, inputs[index].constant == nil { return nil }
        }
        let axes = try axes(inputs[0].shape, inputs.list.map { $0?.constant })
        return [ValueInfo(inputs[0].dataType, axes.map(\.outputs))]
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0] else { throw OperatorFailure("its input is left out") }
        let axes = try axes(x.shape, inputs)
        guard Shape.elementCount(axes.map(\.outputs)) != nil else {
            throw OperatorFailure("its output is larger than a tensor may be")
        }
        var (values, shape) = (x.reals, x.shape)
        for (index, axis) in axes.enumerated() {
            if axis.outputs == axis.size, axis.scale == 1, axis.region == (0, 1) { continue }
            guard axis.size > 0 else { throw OperatorFailure("an axis to resize is empty") }
            values = apply(rows(axis), values, &shape, index)
        }
        return [Tensor(x.dataType, shape: shape, reals: values)]
    }

    /// The pixels an output is made of, and their weights; nil: the extrapolation value.
    private typealias Row = [(index: Int, weight: Double)]?

    private func apply(
        _ rows: [Row], _ values: [Double], _ shape: inout [Int], _ axis: Int
    ) -> [Double] {
        let (size, inner) = (shape[axis], shape[(axis + 1)...].reduce(1, *))
        shape[axis] = rows.count
        var result: [Double] = []
        result.reserveCapacity(shape.reduce(1, *))
        for block in 0..<shape[..<axis].reduce(1, *) {
            for row in rows {
                for column in 0..<inner {
                    guard let row else {
                        result.append(extrapolation)
                        continue
                    }
                    var sum = 0.0
                    for (index, weight) in row {
                        sum += values[(block * size + index) * inner + column] * weight
                    }
                    result.append(sum)
                }
            }
        }
        return result
    }

    private func rows(_ axis: Axis) -> [Row] {
        (0..<axis.outputs).map { output in
            let place = source(Double(output), axis)
            if transform == .cropAndResize, place < 0 || place > Double(axis.size - 1) {
                return nil
            }
            if mode == .nearest { return [(nearest(place, axis.size), 1)] }
            return weights(place, axis)
        }
    }

    /// Where an output comes from.
    private func source(_ x: Double, _ axis: Axis) -> Double {
        let size = Double(axis.size)
        let wide = axis.scale * size
        switch transform {
        case .halfPixel: return (x + 0.5) / axis.scale - 0.5
        case .pytorchHalfPixel: return axis.outputs == 1 ? -0.5 : (x + 0.5) / axis.scale - 0.5
        case .halfPixelForNearest: return (x + 0.5) / axis.scale
        case .asymmetric: return x / axis.scale
        case .alignCorners: return wide == 1 ? 0 : x * (size - 1) / (wide - 1)
        case .halfPixelSymmetric:
            let adjustment = Double(axis.outputs) / wide
            return size / 2 * (1 - adjustment) + (x + 0.5) / axis.scale - 0.5
        case .cropAndResize:
            let (start, end) = axis.region
            if axis.outputs == 1 { return (start + end) / 2 * (size - 1) }
            return start * (size - 1) + x * (end - start) * (size - 1) / Double(axis.outputs - 1)
        }
    }

    private func nearest(_ place: Double, _ size: Int) -> Int {
        let index: Double
        switch rounding {
        case .floor: index = place.rounded(.down)
        case .ceil: index = place.rounded(.up)
        case .roundPreferFloor: index = (place - 0.5).rounded(.up)
        case .roundPreferCeil: index = (place + 0.5).rounded(.down)
        }
        return Int(max(0, min(Double(size - 1), index)))
    }

    private func weights(_ place: Double, _ axis: Axis) -> Row {
        let left = place.rounded(.down)
        let scale = smooths ? min(axis.scale, 1) : 1
        let reach = (mode == .linear ? 1.0 : 2.0) / scale
        let first = Int((place - reach).rounded(.down)) + 1
        let last = max(Int((place + reach).rounded(.up)) - 1, Int(left))
        var row: [(index: Int, weight: Double)] = []
        var sum = 0.0
        for index in first...last {
            var weight = kernel((Double(index) - place) * scale)
            let isOutside = index < 0 || index >= axis.size
            if excludesOutside, isOutside { weight = 0 }
            sum += weight
            row.append((max(0, min(axis.size - 1, index)), weight))
        }
        guard smooths || excludesOutside, sum != 0 else { return row }
        return row.map { ($0.index, $0.weight / sum) }
    }

    /// The triangle, or Keys' cubic ("Cubic convolution interpolation for digital image processing").
    private func kernel(_ distance: Double) -> Double {
        let x = distance.magnitude
        let a = cubicCoefficient
        if mode == .linear { return max(0, 1 - x) }
        if x <= 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
        return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0
    }
}
