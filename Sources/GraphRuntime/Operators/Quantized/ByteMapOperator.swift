import Kernels
import Primitives

/// Any function of a quantized tensor element by element, as a table of 256 results: what passes make
/// of a function between `DequantizeLinear` and `QuantizeLinear`.
///
/// Inputs: x, and the table, constant, whose type is the result's. A byte of x, read as unsigned, is the
/// place in the table.
final class ByteMapOperator: Operator {
    private let table: Tensor

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(2)
        try context.requireOutputs(1)
        guard let table = context.constant(1), table.dataType.isByte, table.elementCount == 256
        else { throw OperatorFailure("its table must be 256 constant bytes") }
        self.table = table
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        _ = try inputs.dataType(0, oneOf: [.int8, .uint8], "its input")
        return [ValueInfo(table.dataType, inputs[0].shape)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        ByteMapStep(inputs[0], Operand(table), outputs[0])
    }
}

private final class ByteMapStep: PartedStep {
    private let (x, table, y): (Operand, Operand, Operand)

    init(_ x: Operand, _ table: Operand, _ y: Operand) {
        (self.x, self.table, self.y) = (x, table, y)
    }

    func partCount(phase: Int, lanes: Int) -> Int {
        Parting.count(work: 4 * x.count, partMin: Parting.bytesMin, lanes: lanes)
    }

    func run(phase: Int, part: Int, of parts: Int, _ workspace: Workspace) {
        let range = Parting.range(x.count, part: part, of: parts)
        var target = workspace.mutableSpan(y, as: UInt8.self, range: range)
        KernelSet.best.map(
            workspace.span(x, as: UInt8.self).extracting(range),
            table: workspace.span(table, as: UInt8.self), y: &target)
    }
}
