import Glibc
import Primitives

/// ONNX `GridSample`: values of an image at places a grid names, from -1 to 1 along each axis, last
/// axis first; between pixels they are interpolated.
final class GridSampleOperator: TensorOperator {
    private enum Mode {
        case nearest, linear, cubic
    }

    private enum Border: String {
        case zeros, border, reflection
    }

    private let mode: Mode
    private let border: Border
    private let alignsCorners: Bool

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(2)
        try context.requireOutputs(1)
        switch try context.string("mode") ?? "linear" {
        case "nearest": mode = .nearest
        case "linear", "bilinear": mode = .linear
        case "cubic", "bicubic": mode = .cubic
        case let other: throw OperatorFailure("the mode '\(other)' is not known")
        }
        let name = try context.string("padding_mode") ?? "zeros"
        guard let border = Border(rawValue: name) else {
            throw OperatorFailure("the padding '\(name)' is not known")
        }
        self.border = border
        alignsCorners = try context.flag("align_corners", default: false)
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        let type = try inputs.dataType(0, oneOf: DataType.floats, "its image")
        let (x, grid) = (inputs[0].shape, inputs[1].shape)
        guard x.count >= 3, grid.count == x.count, grid[0] == x[0], grid.last == x.count - 2,
            x[2...].allSatisfy({ $0 > 0 })
        else {
            throw OperatorFailure("a grid of \(Shape.text(grid)) does not fit \(Shape.text(x))")
        }
        return [ValueInfo(type, Array(x[..<2] + grid[1..<grid.count - 1]))]
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0], let grid = inputs[1], grid.dataType != .string else {
            throw OperatorFailure("an input is left out")
        }
        let image = Array(x.shape[2...])
        let (values, places) = (x.reals, grid.reals)
        let (rank, plane) = (image.count, image.reduce(1, *))
        let points = grid.elementCount / max(rank * x.shape[0], 1)
        let strides = Shape.strides(image)
        var made = Array(repeating: 0.0, count: x.shape[0] * x.shape[1] * points)
        for item in 0..<x.shape[0] {
            for point in 0..<points {
                // The pixels around, with their weights; axis by axis.
                var taps: [(offset: Int, weight: Double)] = [(0, 1)]
                for axis in 0..<rank {
                    let given = places[(item * points + point) * rank + rank - 1 - axis]
                    var next: [(offset: Int, weight: Double)] = []
                    for (index, weight) in along(given, image[axis]) {
                        for tap in taps {
                            next.append((tap.offset + index * strides[axis], tap.weight * weight))
                        }
                    }
                    taps = next
                }
                for channel in 0..<x.shape[1] {
                    let base = (item * x.shape[1] + channel) * plane
                    var sum = 0.0
                    for tap in taps { sum += values[base + tap.offset] * tap.weight }
                    made[(item * x.shape[1] + channel) * points + point] = sum
                }
            }
        }
        let shape = Array(x.shape[..<2] + grid.shape[1..<grid.shape.count - 1])
        return [Tensor(x.dataType, shape: shape, reals: made)]
    }

    /// The pixels of one axis that a place is made of; those outside are left out where the border is
    /// zeros.
    private func along(_ given: Double, _ size: Int) -> [(Int, Double)] {
        guard given.isFinite, given.magnitude < 0x1p30 else { return [] }
        let length = Double(size)
        var place =
            alignsCorners ? (given + 1) / 2 * (length - 1) : ((given + 1) * length - 1) / 2
        if mode == .nearest { place = place.rounded(.toNearestOrEven) }
        let (low, high) = alignsCorners ? (0.0, length - 1) : (-0.5, length - 0.5)
        if place < low || place > high {
            if border == .border { place = max(0, min(length - 1, place)) }
            if border == .reflection { place = Self.reflected(place, low, high) }
        }
        let left = place.rounded(.down)
        let rest = place - left
        var taps: [(Int, Double)] = []
        switch mode {
        case .nearest: taps = [(Int(place.rounded(.toNearestOrEven)), 1)]
        case .linear: taps = [(Int(left), 1 - rest), (Int(left) + 1, rest)]
        case .cubic:
            for step in -1...2 {
                taps.append((Int(left) + step, Self.cubic((Double(step) - rest).magnitude)))
            }
        }
        return taps.compactMap { index, weight in
            if index >= 0, index < size { return (index, weight) }
            switch border {
            case .zeros: return nil
            case .border: return (max(0, min(size - 1, index)), weight)
            case .reflection:
                let mirrored = Self.reflected(Double(index), low, high)
                return (max(0, min(size - 1, Int(mirrored.rounded(.toNearestOrEven)))), weight)
            }
        }
    }

    /// A place outside of two borders mirrored at them until it is inside.
    private static func reflected(_ place: Double, _ low: Double, _ high: Double) -> Double {
        let range = high - low
        guard range > 0 else { return low }
        guard place < low || place > high else { return place }
        let distance = place < low ? low - place : place - high
        let turns = (distance / range).rounded(.down)
        let rest = distance - turns * range
        let isEven = turns.truncatingRemainder(dividingBy: 2) == 0
        return (place < low) == isEven ? low + rest : high - rest
    }

    private static func cubic(_ x: Double) -> Double {
        let a = -0.75
        if x <= 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
        return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0
    }
}

/// ONNX `AffineGrid`: where the pixels of an image lie after an affine map, as `GridSample` takes it.
final class AffineGridOperator: TensorOperator {
    private let alignsCorners: Bool

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(2)
        try context.requireOutputs(1)
        alignsCorners = try context.flag("align_corners", default: false)
    }

    private func shape(_ theta: [Int], _ size: Tensor) throws(OperatorFailure) -> [Int] {
        guard let sizes = size.integers, sizes.count == 4 || sizes.count == 5,
            theta == [sizes[0], sizes.count - 2, sizes.count - 1]
        else { throw OperatorFailure("its map of \(Shape.text(theta)) does not fit its size") }
        let shape = [sizes[0]] + sizes[2...] + [sizes.count - 2]
        guard Shape.elementCount(shape) != nil else {
            throw OperatorFailure("\(Shape.text(shape)) is larger than a tensor may be")
        }
        return shape
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        let type = try inputs.dataType(0, oneOf: DataType.floats, "its map")
        guard let size = inputs[1].constant else { return nil }
        return [ValueInfo(type, try shape(inputs[0].shape, size))]
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let theta = inputs[0], let size = inputs[1] else {
            throw OperatorFailure("an input is left out")
        }
        let shape = try shape(theta.shape, size)
        let maps = theta.reals
        let rank = shape.count - 2
        let image = Array(shape[1...rank])
        let strides = Shape.strides(image)
        let pixels = image.reduce(1, *)
        var made: [Double] = []
        made.reserveCapacity(shape.reduce(1, *))
        for item in 0..<shape[0] {
            for pixel in 0..<pixels {
                // Coordinates, last axis first, and a one.
                var place: [Double] = []
                for axis in image.indices.reversed() {
                    let index = Double(pixel / strides[axis] % image[axis])
                    let length = Double(image[axis])
                    place.append(
                        alignsCorners
                            ? (image[axis] == 1 ? -1 : -1 + 2 * index / (length - 1))
                            : (2 * index + 1) / length - 1)
                }
                place.append(1)
                for row in 0..<rank {
                    let base = (item * rank + row) * (rank + 1)
                    made.append(place.indices.reduce(0) { $0 + maps[base + $1] * place[$1] })
                }
            }
        }
        return [Tensor(theta.dataType, shape: shape, reals: made)]
    }
}
