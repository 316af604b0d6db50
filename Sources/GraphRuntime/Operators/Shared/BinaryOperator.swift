import Kernels
import Primitives

/// A function of two tensors element by element, with NumPy broadcasting: Add, Sub, Mul, Div, and
/// Max and Min of two.
final class BinaryOperator: Operator {
    private let function: BinaryFunction

    init(_ context: OperatorContext, _ function: BinaryFunction) throws(OperatorFailure) {
        try context.requireInputs(2)
        try context.requireOutputs(1)
        self.function = function
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let type = try inputs.dataType(0, oneOf: DataType.numbers, "its first input")
        try inputs.requireSameType(0, 1)
        return [ValueInfo(type, try inputs.broadcastShape())]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let (a, b, y) = (inputs[0], inputs[1], outputs[0])
        if y.dataType == .float32, let step = BinaryFloatStep(function, a, b, y) { return step }
        let loop = StridedLoop(
            shape: y.shape, stridesA: StridedLoop.broadcastStrides(a.shape, to: y.shape),
            stridesB: StridedLoop.broadcastStrides(b.shape, to: y.shape))
        guard let loop else { throw OperatorFailure("its broadcast has too many dimensions") }
        let function = function
        return try y.dataType.withNumber { type in
            func make<T: Number>(_: T.Type) -> any Step {
                BinaryStep<T>(function, a, b, y, loop)
            }
            return make(type)
        }
    }
}

/// Any broadcast and any type, one element after the other.
private final class BinaryStep<T: Number>: Step {
    private let function: BinaryFunction
    private let (a, b, y): (Operand, Operand, Operand)
    private let loop: StridedLoop

    init(_ function: BinaryFunction, _ a: Operand, _ b: Operand, _ y: Operand, _ loop: StridedLoop)
    {
        self.function = function
        (self.a, self.b, self.y) = (a, b, y)
        self.loop = loop
    }

    @_specialize(where T == Float)
    @_specialize(where T == Double)
    @_specialize(where T == Int64)
    @_specialize(where T == Int32)
    func run(_ workspace: Workspace) {
        let left = workspace.span(a, as: T.self)
        let right = workspace.span(b, as: T.self)
        var result = workspace.mutableSpan(y, as: T.self)
        var position = StridedLoop.Position()
        var target = 0
        for _ in 0..<loop.outerCount {
            var (i, j) = (position.offsetA, position.offsetB)
            for _ in 0..<loop.innerCount {
                result[target] = function(left[i], right[j])
                target += 1
                i += loop.innerStrideA
                j += loop.innerStrideB
            }
            position.advance(loop)
        }
    }
}

/// float32 in the shapes that models really have: equal, a scalar on one side, or one row against
/// all rows.
private final class BinaryFloatStep: PartedStep {
    private enum Form {
        case equal, scalarRight, scalarLeft
        case rows(Int, Int)
        case rowFirst(Int, Int)
    }

    private let function: BinaryFunction
    private let form: Form
    private let (a, b, y): (Operand, Operand, Operand)

    init?(_ function: BinaryFunction, _ a: Operand, _ b: Operand, _ y: Operand) {
        self.function = function
        (self.a, self.b, self.y) = (a, b, y)
        if a.count == y.count, b.count == y.count {
            form = .equal
        } else if a.count == y.count, b.count == 1 {
            form = .scalarRight
        } else if b.count == y.count, a.count == 1 {
            form = .scalarLeft
        } else if a.count == y.count, Self.isRow(b, of: y) {
            form = .rows(y.count / b.count, b.count)
        } else if b.count == y.count, Self.isRow(a, of: y) {
            form = .rowFirst(y.count / a.count, a.count)
        } else {
            return nil
        }
    }

    /// Whether the operand repeats along the leading dimensions only.
    private static func isRow(_ operand: Operand, of y: Operand) -> Bool {
        let row = Array(operand.shape.drop { $0 == 1 })
        return operand.count > 0 && y.shape.count >= row.count
            && Array(y.shape.suffix(row.count)) == row
    }

    func partCount(phase: Int, lanes: Int) -> Int {
        let parts = Parting.count(work: 12 * y.count, partMin: Parting.bytesMin, lanes: lanes)
        switch form {
        case .equal, .scalarRight, .scalarLeft: return parts
        case .rows(let rows, _), .rowFirst(let rows, _): return min(parts, max(rows, 1))
        }
    }

    func run(phase: Int, part: Int, of parts: Int, _ workspace: Workspace) {
        let left = workspace.span(a, as: Float.self)
        let right = workspace.span(b, as: Float.self)
        let kernels = KernelSet.best
        let (rows, columns) =
            switch form {
            case .equal, .scalarRight, .scalarLeft: (y.count, 1)
            case .rows(let rows, let columns), .rowFirst(let rows, let columns): (rows, columns)
            }
        let own = Parting.range(rows, part: part, of: parts, unit: columns == 1 ? 16 : 1)
        let range = own.lowerBound * columns..<own.upperBound * columns
        var result = workspace.mutableSpan(y, as: Float.self, range: range)
        switch form {
        case .equal:
            kernels.binary(
                function, a: left.extracting(range), b: right.extracting(range), y: &result)
        case .scalarRight:
            kernels.binaryScalar(
                function, a: left.extracting(range), scalar: right[0], y: &result)
        case .scalarLeft:
            kernels.binaryScalar(
                function, scalar: left[0], b: right.extracting(range), y: &result)
        case .rows:
            kernels.binaryRows(
                function, matrix: left.extracting(range), rows: own.count, columns: columns,
                row: right, y: &result)
        case .rowFirst:
            kernels.binaryRows(
                function, matrix: right.extracting(range), rows: own.count, columns: columns,
                row: left, rowFirst: true, y: &result)
        }
    }
}

extension Inputs {
    /// Throws when two inputs have different element types.
    func requireSameType(_ first: Int, _ second: Int) throws(OperatorFailure) {
        guard self[first].dataType == self[second].dataType else {
            throw OperatorFailure(
                "its inputs differ in type: \(self[first].dataType.name) and "
                    + self[second].dataType.name)
        }
    }
}
