import Kernels
import Primitives

/// How scales lie over a tensor: `channels` of them, each for runs of `inner` values, `outer` times.
struct ScaleRuns: Sendable {
    let (outer, channels, inner): (Int, Int, Int)

    /// nil where there is no fast way: blocks, or lists that do not fit.
    init?(_ shape: [Int], scale: [Int], axis: Int, blockSize: Int) {
        if scale.reduce(1, *) == 1 {
            (outer, channels, inner) = (1, 1, shape.reduce(1, *))
            return
        }
        guard blockSize == 0, let axis = Shape.axis(axis, rank: shape.count),
            scale == [shape[axis]]
        else { return nil }
        outer = shape[..<axis].reduce(1, *)
        channels = shape[axis]
        inner = shape[(axis + 1)...].reduce(1, *)
    }
}

/// The operands of a step between float32 and bytes. Bytes are the output of one, the input of the
/// other.
struct QuantizePlaces: Sendable {
    let x: Operand
    let scale: Operand
    let zero: Operand?
    let y: Operand
    let runs: ScaleRuns
    let isSigned: Bool
    /// Zero points of rows as floats, where they are constant.
    let zeros: [Float]?

    /// nil where the slow way must go: other types, blocks, zero points of a channel that are known at run
    /// time only.
    init?(_ inputs: Operands, y: Operand, bytes: DataType, axis: Int, blockSize: Int) {
        let (x, scale, zero) = (inputs[0], inputs[1], inputs.optional(2))
        guard bytes.isByte, scale.dataType == .float32,
            let runs = ScaleRuns(
                x.shape, scale: scale.shape, axis: axis, blockSize: blockSize),
            zero.map({ $0.count == scale.count && $0.dataType == bytes }) ?? true,
            runs.channels == 1 || zero.map({ $0.tensor != nil }) ?? true
        else { return nil }
        (self.x, self.scale, self.zero, self.y, self.runs) = (x, scale, zero, y, runs)
        isSigned = bytes == .int8
        zeros = zero?.tensor?.reals.map { Float($0) }
    }

    /// The scale of a channel.
    func scale(_ channel: Int, _ workspace: Workspace) -> ByteScale {
        if runs.channels == 1 {
            return workspace.byteScale(scale, zero, type: isSigned ? .int8 : .uint8)
        }
        return ByteScale(
            scale: workspace.span(scale, as: Float.self)[channel],
            zeroPoint: zeros.map { Int($0[channel]) } ?? 0, isSigned: isSigned)
    }
}

/// `QuantizeLinear` or `DequantizeLinear` between float32 and bytes.
final class QuantizeStep: PartedStep {
    private let places: QuantizePlaces
    private let isInverse: Bool

    /// - Parameter isInverse: from bytes to float32.
    init(_ places: QuantizePlaces, isInverse: Bool) {
        self.places = places
        self.isInverse = isInverse
    }

    func partCount(phase: Int, lanes: Int) -> Int {
        Parting.count(work: 5 * places.x.count, partMin: Parting.bytesMin, lanes: lanes)
    }

    func run(phase: Int, part: Int, of parts: Int, _ workspace: Workspace) {
        let runs = places.runs
        if runs.channels == 1 {
            let range = Parting.range(runs.inner, part: part, of: parts, unit: 16)
            convert(range, places.scale(0, workspace), workspace)
        } else if runs.inner == 1 {
            convertRows(
                Parting.range(runs.outer, part: part, of: parts), workspace)
        } else {
            for run in Parting.range(runs.outer * runs.channels, part: part, of: parts) {
                convert(
                    run * runs.inner..<(run + 1) * runs.inner,
                    places.scale(run % runs.channels, workspace), workspace)
            }
        }
    }

    private func convert(_ range: Range<Int>, _ scale: ByteScale, _ workspace: Workspace) {
        if isInverse {
            var target = workspace.mutableSpan(places.y, as: Float.self, range: range)
            KernelSet.best.dequantize(
                workspace.span(places.x, as: UInt8.self).extracting(range), scale, y: &target)
        } else {
            var target = workspace.mutableSpan(places.y, as: UInt8.self, range: range)
            KernelSet.best.quantize(
                workspace.span(places.x, as: Float.self).extracting(range), scale, y: &target)
        }
    }

    private func convertRows(_ rows: Range<Int>, _ workspace: Workspace) {
        let channels = places.runs.channels
        let range = rows.lowerBound * channels..<rows.upperBound * channels
        let scales = workspace.span(places.scale, as: Float.self)
        let zeros = places.zeros
        if isInverse {
            var target = workspace.mutableSpan(places.y, as: Float.self, range: range)
            KernelSet.best.dequantizeRows(
                workspace.span(places.x, as: UInt8.self).extracting(range), scales: scales,
                zeros: zeros?.span, isSigned: places.isSigned, y: &target)
        } else {
            var target = workspace.mutableSpan(places.y, as: UInt8.self, range: range)
            KernelSet.best.quantizeRows(
                workspace.span(places.x, as: Float.self).extracting(range), scales: scales,
                zeros: zeros?.span, isSigned: places.isSigned, y: &target)
        }
    }
}

/// `DynamicQuantizeLinear`: one look for the range, one to quantize.
final class DynamicQuantizeStep: Step {
    private let (x, y): (Operand, Operand)
    private let (scale, zero): (Operand?, Operand?)

    init(_ x: Operand, _ outputs: Operands, y: Operand) {
        (self.x, self.y) = (x, y)
        (scale, zero) = (outputs.optional(1), outputs.optional(2))
    }

    func run(_ workspace: Workspace) {
        let source = workspace.span(x, as: Float.self)
        let (low, high) = KernelSet.best.range(source)
        let factor = high == low ? 1 : (high - low) / 255
        let point = (-low / factor).rounded(.toNearestOrEven)
        // Infinite values leave no scale; what is no number counts as 0.
        let place = point >= 0 ? min(255, Int(min(point, 255))) : 0
        var target = workspace.mutableSpan(y, as: UInt8.self)
        KernelSet.best.quantize(
            source, ByteScale(scale: factor, zeroPoint: place, isSigned: false), y: &target)
        if let scale {
            var scales = workspace.mutableSpan(scale, as: Float.self)
            scales[0] = factor
        }
        if let zero {
            var zeros = workspace.mutableSpan(zero, as: UInt8.self)
            zeros[0] = UInt8(place)
        }
    }
}
