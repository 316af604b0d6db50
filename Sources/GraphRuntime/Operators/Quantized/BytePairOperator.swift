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

    private func broadcast(_ loop: StridedLoop, _ workspace: Workspace) {
        let left = workspace.span(a.operand, as: UInt8.self)
        let right = workspace.span(b.operand, as: UInt8.self)
        var target = workspace.mutableSpan(y.operand, as: UInt8.self)
        var position = StridedLoop.Position()
        var place = 0
        for _ in 0..<loop.outerCount {
            var (i, j) = (position.offsetA, position.offsetB)
            for _ in 0..<loop.innerCount {
                let (p, q) = (a.scale.value(left[i]), b.scale.value(right[j]))
                let value = (isProduct ? p * q : p + q) / y.scale.scale
                target[place] = UInt8(truncatingIfNeeded: y.scale.quantized(value))
                place += 1
                i += loop.innerStrideA
                j += loop.innerStrideB
            }
            position.advance(loop)
        }
    }
}

extension ByteScale {
    /// The number a byte stands for.
    func value(_ byte: UInt8) -> Float { Float(Int32(byte ^ flip) - zero) * scale }
}
