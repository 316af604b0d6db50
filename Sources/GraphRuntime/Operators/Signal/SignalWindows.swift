import Glibc
import Primitives

/// ONNX `HannWindow`, `HammingWindow` and `BlackmanWindow`: sums of cosines over a length.
final class CosineWindowOperator: TensorOperator {
    private let coefficients: [Double]
    private let type: DataType
    private let isPeriodic: Bool

    @Sendable static func hann(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try CosineWindowOperator(context, [0.5, -0.5])
    }

    @Sendable static func hamming(
        _ context: OperatorContext
    ) throws(OperatorFailure) -> any Operator {
        try CosineWindowOperator(context, [25.0 / 46, -21.0 / 46])
    }

    @Sendable static func blackman(
        _ context: OperatorContext
    ) throws(OperatorFailure) -> any Operator {
        try CosineWindowOperator(context, [0.42, -0.5, 0.08])
    }

    private init(
        _ context: OperatorContext, _ coefficients: [Double]
    ) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        self.coefficients = coefficients
        type = try context.dataType("output_datatype") ?? .float32
        isPeriodic = try context.flag("periodic", default: true)
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let size = inputs[0]?.integers, size.count == 1, size[0] >= 0,
            size[0] <= Limits.standard.rangeElementsMax
        else { throw OperatorFailure("its size must be one integer, not negative") }
        let length = Double(isPeriodic ? size[0] : size[0] - 1)
        let values = (0..<size[0]).map { index in
            let angle = length == 0 ? 0 : 2 * Double.pi * Double(index) / length
            return coefficients.indices.reduce(0) { sum, order in
                sum + coefficients[order] * cos(Double(order) * angle)
            }
        }
        return [Tensor(type, shape: [size[0]], reals: values)]
    }
}

/// ONNX `MelWeightMatrix`: how much each frequency of a spectrum belongs to each band of the mel scale.
final class MelWeightMatrixOperator: TensorOperator {
    private let type: DataType

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(5)
        try context.requireOutputs(1)
        type = try context.dataType("output_datatype") ?? .float32
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        let values = inputs.compactMap { $0?.oneReal }
        guard values.count == 5, values[0] >= 1, values[1] >= 1, values[2] > 0,
            values[0] < 1e6, values[1] < 1e8, values[3] >= 0, values[4] > values[3]
        else {
            throw OperatorFailure("its numbers of bands and bins, its rate or its range are wrong")
        }
        let (bands, bins, rate) = (Int(values[0]), Int(values[1]) / 2 + 1, values[2])
        guard Shape.elementCount([bins, bands], max: Limits.standard.rangeElementsMax) != nil else {
            throw OperatorFailure("its matrix is larger than a tensor may be")
        }
        func mel(_ hertz: Double) -> Double { 2595 * log10(1 + hertz / 700) }
        let (low, high) = (mel(values[3]), mel(values[4]))
        let step = (high - low) / Double(bands + 2)
        let edges = (0..<bands + 2).map { index in
            let hertz = 700 * (pow(10, (Double(index) * step + low) / 2595) - 1)
            return Int(((values[1] + 1) * hertz / rate).rounded(.down))
        }
        var matrix = Array(repeating: 0.0, count: bins * bands)
        func set(_ bin: Int, _ band: Int, _ value: Double) {
            if bin >= 0, bin < bins { matrix[bin * bands + band] = value }
        }
        for band in 0..<bands {
            let (first, middle, last) = (edges[band], edges[band + 1], edges[band + 2])
            if middle == first {
                set(middle, band, 1)
            } else {
                for bin in first...middle {
                    set(bin, band, Double(bin - first) / Double(middle - first))
                }
            }
            if last > middle {
                for bin in middle..<last {
                    set(bin, band, Double(last - bin) / Double(last - middle))
                }
            }
        }
        return [Tensor(type, shape: [bins, bands], reals: matrix)]
    }
}
