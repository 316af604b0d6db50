import Primitives

/// ONNX `RoiAlign`: each region of an image cut into a grid, each cell the mean (or the greatest) of
/// samples interpolated between pixels (He et al., "Mask R-CNN").
final class RegionAlignOperator: TensorOperator {
    private let isMaximum: Bool
    private let offset: Double
    private let (height, width): (Int, Int)
    private let samples: Int
    private let scale: Double

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(3)
        try context.requireOutputs(1)
        switch try context.string("mode") ?? "avg" {
        case "avg": isMaximum = false
        case "max": isMaximum = true
        case let other: throw OperatorFailure("the mode '\(other)' is not known")
        }
        let name =
            context.version >= 16 ? try context.string("coordinate_transformation_mode") : nil
        switch name ?? (context.version >= 16 ? "half_pixel" : "output_half_pixel") {
        case "half_pixel": offset = 0.5
        case "output_half_pixel": offset = 0
        case let other: throw OperatorFailure("the transformation '\(other)' is not known")
        }
        height = try context.int("output_height", default: 1)
        width = try context.int("output_width", default: 1)
        samples = try context.int("sampling_ratio", default: 0)
        scale = Double(try context.float("spatial_scale", default: 1))
        guard height > 0, width > 0, samples >= 0, height < 1 << 20, width < 1 << 20,
            samples < 1 << 10
        else { throw OperatorFailure("its output or its sampling ratio has no possible size") }
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        let type = try inputs.dataType(0, oneOf: DataType.floats, "its image")
        let (x, regions) = (inputs[0].shape, inputs[1].shape)
        guard x.count == 4, x[2] > 0, x[3] > 0, regions.count == 2, regions[1] == 4,
            inputs[2].shape == [regions[0]]
        else {
            throw OperatorFailure(
                "regions of \(Shape.text(regions)) do not fit images of \(Shape.text(x))")
        }
        return [ValueInfo(type, [regions[0], x[1], height, width])]
    }

    /// A sample's four pixels and their weights.
    private typealias Sample = [(pixel: Int, weight: Double)]

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0], let regions = inputs[1], let images = inputs[2]?.integers,
            regions.dataType.isFloat
        else { throw OperatorFailure("an input is left out or has another type") }
        let (values, corners) = (x.reals, regions.reals)
        let plane = x.shape[2] * x.shape[3]
        var made: [Double] = []
        made.reserveCapacity(regions.shape[0] * x.shape[1] * height * width)
        for region in 0..<regions.shape[0] {
            guard images[region] >= 0, images[region] < x.shape[0] else {
                throw OperatorFailure("image \(images[region]) is outside of the batch")
            }
            let box = corners[region * 4..<region * 4 + 4].map { $0 * scale - offset }
            guard box.allSatisfy({ $0.magnitude < 0x1p30 }) else {
                throw OperatorFailure("a region is out of all bounds")
            }
            let cells = try cells(box, x.shape[2], x.shape[3])
            for channel in 0..<x.shape[1] {
                let base = (images[region] * x.shape[1] + channel) * plane
                for cell in cells { made.append(value(cell, values, base)) }
            }
        }
        return [
            Tensor(x.dataType, shape: [regions.shape[0], x.shape[1], height, width], reals: made)
        ]
    }

    private func value(_ cell: [Sample], _ values: [Double], _ base: Int) -> Double {
        var (sum, greatest) = (0.0, -Double.infinity)
        for sample in cell {
            var highest = -Double.infinity
            for (pixel, weight) in sample {
                let part = values[base + pixel] * weight
                sum += part
                highest = max(highest, part)
            }
            greatest = max(greatest, sample.isEmpty ? 0 : highest)
        }
        if isMaximum { return cell.isEmpty ? 0 : greatest }
        return sum / Double(max(cell.count, 1))
    }

    private func cells(
        _ box: [Double], _ rows: Int, _ columns: Int
    ) throws(OperatorFailure) -> [[Sample]] {
        var (wide, high) = (box[2] - box[0], box[3] - box[1])
        if offset == 0 { (wide, high) = (max(wide, 1), max(high, 1)) }
        let (cellWidth, cellHeight) = (wide / Double(width), high / Double(height))
        let down = samples > 0 ? samples : max(0, Int(cellHeight.rounded(.up)))
        let across = samples > 0 ? samples : max(0, Int(cellWidth.rounded(.up)))
        guard Shape.elementCount([height, width, down, across], max: 1 << 24) != nil else {
            throw OperatorFailure("a region needs too many samples")
        }
        var cells: [[Sample]] = []
        for row in 0..<height {
            for column in 0..<width {
                var cell: [Sample] = []
                for i in 0..<down {
                    for j in 0..<across {
                        let y =
                            box[1] + (Double(row) + (Double(i) + 0.5) / Double(down)) * cellHeight
                        let x =
                            box[0] + (Double(column) + (Double(j) + 0.5) / Double(across))
                            * cellWidth
                        cell.append(sample(y, x, rows, columns))
                    }
                }
                cells.append(cell)
            }
        }
        return cells
    }

    /// Outside of the image by more than a pixel there is nothing.
    private func sample(_ y: Double, _ x: Double, _ rows: Int, _ columns: Int) -> Sample {
        if y < -1 || x < -1 || y > Double(rows) || x > Double(columns) { return [] }
        func along(_ value: Double, _ size: Int) -> (Int, Int, Double) {
            let low = Int(max(value, 0))
            if low >= size - 1 { return (size - 1, size - 1, 0) }
            return (low, low + 1, max(value, 0) - Double(low))
        }
        let (top, bottom, down) = along(y, rows)
        let (left, right, across) = along(x, columns)
        return [
            (top * columns + left, (1 - down) * (1 - across)),
            (top * columns + right, (1 - down) * across),
            (bottom * columns + left, down * (1 - across)),
            (bottom * columns + right, down * across),
        ]
    }
}
