import Kernels
import Primitives

/// The sum or product of two quantized tensors, quantized: what passes make of `Add` and `Mul`
/// between `DequantizeLinear` and `QuantizeLinear`.
///
/// Inputs: a, its scale and zero point, b, its scale and zero point, the result's. Scales and zero points
/// are constant numbers. Attribute `product`: 1 to multiply.
final class BytePairOperator: Operator {
    private let (a, b, y): (ByteScale, ByteScale, ByteScale)
    private let isProduct: Bool

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(8)
        try context.requireOutputs(1)
        isProduct = try context.flag("product", default: false)
        guard let a = ByteScale(context.constant(1), context.constant(2)),
            let b = ByteScale(context.constant(4), context.constant(5)),
            let y = ByteScale(context.constant(6), context.constant(7))
        else { throw OperatorFailure("scales and zero points must be constant numbers") }
        (self.a, self.b, self.y) = (a, b, y)
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        guard inputs[0].dataType == a.dataType, inputs[3].dataType == b.dataType else {
            throw OperatorFailure("its inputs and their zero points differ in type")
        }
        guard let shape = Shape.broadcast(inputs[0].shape, inputs[3].shape) else {
            throw OperatorFailure(
                "shapes \(Shape.text(inputs[0].shape)) and \(Shape.text(inputs[3].shape)) do not "
                    + "broadcast")
        }
        return [ValueInfo(y.dataType, shape)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let (left, right, result) = (inputs[0], inputs[3], outputs[0])
        let loop = StridedLoop(
            shape: result.shape,
            stridesA: StridedLoop.broadcastStrides(left.shape, to: result.shape),
            stridesB: StridedLoop.broadcastStrides(right.shape, to: result.shape))
        guard let loop else { throw OperatorFailure("its broadcast has too many dimensions") }
        return BytePairStep(
            (left, a), (right, b), (result, y), isProduct: isProduct,
            loop: left.shape == right.shape ? nil : loop)
    }
}

private final class BytePairStep: PartedStep {
    typealias Place = (operand: Operand, scale: ByteScale)
    private let (a, b, y): (Place, Place, Place)
    private let isProduct: Bool
    /// nil: both have one shape.
    private let loop: StridedLoop?

    init(_ a: Place, _ b: Place, _ y: Place, isProduct: Bool, loop: StridedLoop?) {
        (self.a, self.b, self.y) = (a, b, y)
        self.isProduct = isProduct
        self.loop = loop
    }

    func partCount(phase: Int, lanes: Int) -> Int {
        loop == nil
            ? Parting.count(
                work: 3 * y.operand.count, partMin: Parting.bytesMin, lanes: lanes) : 1
    }

    func run(phase: Int, part: Int, of parts: Int, _ workspace: Workspace) {
        if let loop { return broadcast(loop, workspace) }
        let range = Parting.range(y.operand.count, part: part, of: parts, unit: 16)
        var target = workspace.mutableSpan(y.operand, as: UInt8.self, range: range)
        KernelSet.best.pair(
            workspace.span(a.operand, as: UInt8.self).extracting(range), a.scale,
            workspace.span(b.operand, as: UInt8.self).extracting(range), b.scale,
            isProduct: isProduct, y.scale, y: &target)
    }

    /// A run of neighbours at a time: by the kernel, by a table where one side stands still, or, where runs are
    /// too short for either, byte by byte.
    private func broadcast(_ loop: StridedLoop, _ workspace: Workspace) {
        let left = workspace.span(a.operand, as: UInt8.self)
        let right = workspace.span(b.operand, as: UInt8.self)
        var position = StridedLoop.Position()
        let count = loop.innerCount
        for turn in 0..<loop.outerCount {
            let (i, j) = (position.offsetA, position.offsetB)
            var target = workspace.mutableSpan(
                y.operand, as: UInt8.self, range: turn * count..<(turn + 1) * count)
            switch (loop.innerStrideA, loop.innerStrideB) {
            case (1, 1):
                KernelSet.best.pair(
                    left.extracting(i..<i + count), a.scale, right.extracting(j..<j + count),
                    b.scale, isProduct: isProduct, y.scale, y: &target)
            case (1, 0) where count >= Self.tableRunMin:
                let number = b.scale.value(right[j])
                let table = InlineArray<256, UInt8> {
                    combined(a.scale.value(UInt8($0)), number)
                }
                KernelSet.best.map(left.extracting(i..<i + count), table: table.span, y: &target)
            case (0, 1) where count >= Self.tableRunMin:
                let number = a.scale.value(left[i])
                let table = InlineArray<256, UInt8> {
                    combined(number, b.scale.value(UInt8($0)))
                }
                KernelSet.best.map(right.extracting(j..<j + count), table: table.span, y: &target)
            default:
                for index in 0..<count {
                    target[index] = combined(
                        a.scale.value(left[i + index * loop.innerStrideA]),
                        b.scale.value(right[j + index * loop.innerStrideB]))
                }
            }
            position.advance(loop)
        }
    }

    /// From how many bytes on a table of 256 is made faster than they are computed.
    private static let tableRunMin = 512

    private func combined(_ p: Float, _ q: Float) -> UInt8 {
        let value = (isProduct ? p * q : p + q) / y.scale.scale
        return UInt8(truncatingIfNeeded: y.scale.quantized(value))
    }
}

extension ByteScale {
    /// The number a byte stands for.
    func value(_ byte: UInt8) -> Float { Float(Int32(byte ^ flip) - zero) * scale }
}
