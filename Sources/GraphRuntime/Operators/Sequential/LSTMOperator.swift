import Kernels
import Primitives

/// ONNX `LSTM` as models have it: float32, constant weights, the standard's own activations, whole
/// sequences. All others go through `RecurrentOperator`.
///
/// The inputs' share of all gates of all positions is one matrix product; each position then adds its
/// state's share and runs the cells. Weights are packed once. Directions are computed side by side.
final class LSTMOperator: Operator {
    private struct Direction: Sendable {
        let isReverse: Bool
        let inputWeights: PackedMatrix
        let stateWeights: PackedMatrix
        let bias: Tensor
    }

    private let directions: [Direction]
    private let (width, hidden): (Int, Int)

    /// The weights are packed, the biases added up; the file's are not kept.
    var absorbedInputs: [Int] { [1, 2, 3] }

    /// The operator for a node: this one where it can.
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        let general = try RecurrentOperator.longShort(context)
        return LSTMOperator(context, general) ?? general
    }

    private init?(_ context: OperatorContext, _ general: RecurrentOperator) {
        guard general.isPlain, !context.hasInput(4), !context.hasInput(7),
            let w = context.constant(1), let r = context.constant(2), w.dataType == .float32,
            r.dataType == .float32, w.shape.count == 3, r.shape.count == 3,
            w.shape[0] == general.directions.count, r.shape[0] == w.shape[0],
            r.shape[1] == 4 * r.shape[2], w.shape[1] == r.shape[1], w.elementCount > 0,
            r.elementCount > 0, general.hidden == nil || general.hidden == r.shape[2]
        else { return nil }
        var bias: [Float]?
        if context.hasInput(3) {
            guard let tensor = context.constant(3), tensor.dataType == .float32,
                tensor.shape == [w.shape[0], 2 * w.shape[1]]
            else { return nil }
            bias = tensor.array(as: Float.self)
        }
        let (rows, width, hidden) = (w.shape[1], w.shape[2], r.shape[2])
        let (inputs, states) = (w.span(as: Float.self), r.span(as: Float.self))
        directions = general.directions.enumerated().map { index, isReverse in
            var sums = Array(repeating: Float(0), count: rows)
            if let bias {
                for row in 0..<rows {
                    sums[row] = bias[index * 2 * rows + row] + bias[index * 2 * rows + rows + row]
                }
            }
            return Direction(
                isReverse: isReverse,
                inputWeights: PackedMatrix(
                    packing: inputs.extracting(index * rows * width..<(index + 1) * rows * width),
                    k: width, n: rows, transposed: true),
                stateWeights: PackedMatrix(
                    packing: states.extracting(index * rows * hidden..<(index + 1) * rows * hidden),
                    k: hidden, n: rows, transposed: true),
                bias: Tensor(.float32, shape: [rows], sums))
        }
        self.width = width
        self.hidden = hidden
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        _ = try inputs.dataType(0, oneOf: [.float32], "its input")
        let x = inputs[0].shape
        guard x.count == 3, x[2] == width else {
            throw OperatorFailure("weights for \(width) columns do not fit \(Shape.text(x))")
        }
        let state = [directions.count, x[1], hidden]
        for index in 5..<7 {
            guard let first = inputs.optional(index) else { continue }
            guard first.dataType == .float32, first.shape == state else {
                throw OperatorFailure("its first state must be float32 \(Shape.text(state))")
            }
        }
        let y = ValueInfo(.float32, [x[0], directions.count, x[1], hidden])
        return [y, ValueInfo(.float32, state), ValueInfo(.float32, state)]
    }

    func scratch(_ inputs: Inputs, _ outputs: [ValueInfo]) -> [ValueInfo] {
        let (length, batch) = (inputs[0].shape[0], inputs[0].shape[1])
        let count = directions.count
        return [
            // Gates of all positions, sums of one position, h and c.
            ValueInfo(.float32, [count, length, batch, 4 * hidden]),
            ValueInfo(.float32, [count, batch, 4 * hidden]),
            ValueInfo(.float32, [count, batch, hidden]),
            ValueInfo(.float32, [count, batch, hidden]),
        ]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        LSTMStep(
            directions.map {
                .init(
                    isReverse: $0.isReverse, inputWeights: $0.inputWeights,
                    stateWeights: $0.stateWeights, bias: Operand($0.bias))
            }, inputs, outputs, hidden: hidden)
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int {
        let x = inputs[0].shape
        return 2 &* directions.count &* x[0] &* x[1] &* 4 &* hidden &* (x[2] + hidden)
    }
}

private final class LSTMStep: PartedStep {
    struct Direction: Sendable {
        let isReverse: Bool
        let (inputWeights, stateWeights): (PackedMatrix, PackedMatrix)
        let bias: Operand

        init(
            isReverse: Bool, inputWeights: PackedMatrix, stateWeights: PackedMatrix, bias: Operand
        ) {
            self.isReverse = isReverse
            (self.inputWeights, self.stateWeights) = (inputWeights, stateWeights)
            self.bias = bias
        }
    }

    private let directions: [Direction]
    private let x: Operand
    private let (firstHidden, firstCell): (Operand?, Operand?)
    private let (y, lastHidden, lastCell): (Operand?, Operand?, Operand?)
    private let scratch: [Operand]
    private let (length, batch, hidden): (Int, Int, Int)

    init(_ directions: [Direction], _ inputs: Operands, _ outputs: Operands, hidden: Int) {
        self.directions = directions
        x = inputs[0]
        (firstHidden, firstCell) = (inputs.optional(5), inputs.optional(6))
        (y, lastHidden, lastCell) = (outputs.optional(0), outputs.optional(1), outputs.optional(2))
        scratch = outputs.scratch
        (length, batch) = (x.shape[0], x.shape[1])
        self.hidden = hidden
    }

    func partCount(phase: Int, lanes: Int) -> Int {
        let work = 2 * directions.count * length * batch * 4 * hidden * (x.shape[2] + hidden)
        return min(
            directions.count,
            Parting.count(work: work, partMin: Parting.operationsMin, lanes: lanes))
    }

    func run(phase: Int, part: Int, of parts: Int, _ workspace: Workspace) {
        if batch == 0 { return }
        for index in Parting.range(directions.count, part: part, of: parts) {
            compute(directions[index], index, workspace)
        }
    }

    private func compute(_ direction: Direction, _ index: Int, _ workspace: Workspace) {
        let (size, wide) = (batch * hidden, batch * 4 * hidden)
        let all = index * length * wide
        var gates = workspace.mutableSpan(
            scratch[0], as: Float.self, range: all..<all + length * wide)
        KernelSet.best.gemm(
            a: workspace.span(x, as: Float.self), m: length * batch, b: direction.inputWeights,
            bias: workspace.span(direction.bias, as: Float.self), c: &gates)
        let own = index * size..<(index + 1) * size
        start(workspace, firstHidden, scratch[2], own)
        start(workspace, firstCell, scratch[3], own)
        for step in 0..<length {
            let time = direction.isReverse ? length - 1 - step : step
            let from = all + time * wide
            var sums = workspace.mutableSpan(
                scratch[1], as: Float.self, range: index * wide..<(index + 1) * wide)
            KernelSet.best.gemm(
                a: workspace.span(scratch[2], as: Float.self).extracting(own), m: batch,
                b: direction.stateWeights,
                residual: workspace.span(scratch[0], as: Float.self).extracting(from..<from + wide),
                c: &sums)
            var c = workspace.mutableSpan(scratch[3], as: Float.self, range: own)
            var h = workspace.mutableSpan(scratch[2], as: Float.self, range: own)
            let made = workspace.span(scratch[1], as: Float.self).extracting(
                index * wide..<(index + 1) * wide)
            KernelSet.best.lstmCell(gates: made, rows: batch, hidden: hidden, c: &c, h: &h)
            if let y {
                workspace.copyElements(
                    scratch[2], own.lowerBound, to: y, (time * directions.count + index) * size,
                    count: size)
            }
        }
        if let lastHidden {
            workspace.copyElements(
                scratch[2], own.lowerBound, to: lastHidden, own.lowerBound, count: size)
        }
        if let lastCell {
            workspace.copyElements(
                scratch[3], own.lowerBound, to: lastCell, own.lowerBound, count: size)
        }
    }

    /// The state before the first position: given, or zeros.
    private func start(
        _ workspace: Workspace, _ given: Operand?, _ target: Operand, _ range: Range<Int>
    ) {
        if let given {
            workspace.copyElements(
                given, range.lowerBound, to: target, range.lowerBound, count: range.count)
            return
        }
        var values = workspace.mutableSpan(target, as: Float.self, range: range)
        for index in values.indices { values[index] = 0 }
    }
}
