import Glibc
import Primitives

/// ONNX `RNN`, `GRU` and `LSTM`: a cell run over the positions of a sequence, forwards, backwards or
/// both. Computed in float64, a row of the batch at a time.
final class RecurrentOperator: TensorOperator {
    enum Cell: Int {
        case plain = 1
        case gated = 3
        case longShort = 4

        /// Gates, each with weights of its own.
        var gates: Int { rawValue }
        var activations: [String] {
            switch self {
            case .plain: ["Tanh"]
            case .gated: ["Sigmoid", "Tanh"]
            case .longShort: ["Sigmoid", "Tanh", "Tanh"]
            }
        }
    }

    private let cell: Cell
    /// Cells of a direction, if the node says so.
    let hidden: Int?
    /// Whether each direction runs backwards.
    let directions: [Bool]
    private let activations: [RecurrentActivation]
    private let clip: Double?
    private let isBatchFirst: Bool
    /// The standard's own activations, and nothing out of the ordinary.
    let isPlain: Bool
    private let resetsAfter: Bool
    private let couplesGates: Bool

    @Sendable static func rnn(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try RecurrentOperator(context, .plain)
    }

    @Sendable static func gru(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try RecurrentOperator(context, .gated)
    }

    /// LSTM in its full generality (`LSTMOperator` does the usual one).
    static func longShort(_ context: OperatorContext) throws(OperatorFailure) -> RecurrentOperator {
        try RecurrentOperator(context, .longShort)
    }

    private init(_ context: OperatorContext, _ cell: Cell) throws(OperatorFailure) {
        let isLong = cell == .longShort
        try context.requireInputs(3, max: isLong ? 8 : 6)
        try context.requireOutputs(0, max: isLong ? 3 : 2)
        self.cell = cell
        hidden = try context.int("hidden_size")
        switch try context.string("direction") ?? "forward" {
        case "forward": directions = [false]
        case "reverse": directions = [true]
        case "bidirectional": directions = [false, true]
        case let other: throw OperatorFailure("the direction '\(other)' is not known")
        }
        clip = try context.float("clip").map { Double($0) }
        isBatchFirst = context.version >= 14 ? try context.flag("layout", default: false) : false
        resetsAfter =
            cell == .gated ? try context.flag("linear_before_reset", default: false) : false
        couplesGates = isLong ? try context.flag("input_forget", default: false) : false
        if context.has("output_sequence") { context.ignore("output_sequence") }
        let names =
            try context.strings("activations")
            ?? directions.flatMap { _ in cell.activations }
        guard names.count == directions.count * cell.activations.count else {
            throw OperatorFailure("it has \(names.count) activations")
        }
        let usual = directions.flatMap { _ in cell.activations }
        isPlain =
            zip(names, usual).allSatisfy { $0.lowercased() == $1.lowercased() } && clip == nil
            && !isBatchFirst && !couplesGates && !resetsAfter
        let alphas = try context.floats("activation_alpha") ?? []
        let betas = try context.floats("activation_beta") ?? []
        var made: [RecurrentActivation] = []
        var (alpha, beta) = (alphas[...], betas[...])
        for name in names {
            made.append(try RecurrentActivation(name, &alpha, &beta))
        }
        activations = made
    }

    private struct Sizes {
        let (length, batch, width, hidden): (Int, Int, Int, Int)
    }

    private func sizes(_ x: [Int], _ w: [Int], _ r: [Int]) throws(OperatorFailure) -> Sizes {
        guard x.count == 3, w.count == 3, r.count == 3, w[0] == directions.count,
            r[0] == w[0], w[2] == x[2], w[1] == r[1], r[1] == cell.gates * r[2],
            hidden == nil || hidden == r[2]
        else {
            throw OperatorFailure(
                "weights \(Shape.text(w)) and \(Shape.text(r)) do not fit \(Shape.text(x))")
        }
        return Sizes(
            length: isBatchFirst ? x[1] : x[0], batch: isBatchFirst ? x[0] : x[1], width: x[2],
            hidden: r[2])
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        let type = try inputs.dataType(0, oneOf: DataType.floats, "its input")
        let s = try sizes(inputs[0].shape, inputs[1].shape, inputs[2].shape)
        let count = directions.count
        let state =
            isBatchFirst ? [s.batch, count, s.hidden] : [count, s.batch, s.hidden]
        if let bias = inputs.optional(3), bias.shape != [count, 2 * cell.gates * s.hidden] {
            throw OperatorFailure("its bias of \(Shape.text(bias.shape)) does not fit")
        }
        if let lengths = inputs.optional(4), lengths.shape != [s.batch] {
            throw OperatorFailure("its lengths must be one a row of the batch")
        }
        for index in 5..<7 where inputs.optional(index).map({ $0.shape != state }) ?? false {
            throw OperatorFailure("its first state must be \(Shape.text(state))")
        }
        if let peepholes = inputs.optional(7), peepholes.shape != [count, 3 * s.hidden] {
            throw OperatorFailure("its peepholes of \(Shape.text(peepholes.shape)) do not fit")
        }
        let y =
            isBatchFirst
            ? [s.batch, s.length, count, s.hidden] : [s.length, count, s.batch, s.hidden]
        let states = [ValueInfo(type, state), ValueInfo(type, state)]
        return [ValueInfo(type, y)] + states.prefix(cell == .longShort ? 2 : 1)
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        func reals(_ index: Int) -> [Double]? {
            index < inputs.count ? inputs[index]?.reals : nil
        }
        guard let x = inputs[0], let w = inputs[1], let r = inputs[2] else {
            throw OperatorFailure("an input is left out")
        }
        let s = try sizes(x.shape, w.shape, r.shape)
        let count = directions.count
        let gates = cell.gates
        let lengths =
            inputs.count > 4 && inputs[4] != nil
            ? inputs[4]?.integers : Array(repeating: s.length, count: s.batch)
        guard let lengths, lengths.allSatisfy({ $0 >= 0 && $0 <= s.length }) else {
            throw OperatorFailure("a length is outside of the sequence")
        }
        let (values, weights, recurrent) = (x.reals, w.reals, r.reals)
        let (bias, peepholes) = (reals(3), reals(7))
        let (firstHidden, firstCell) = (reals(5), reals(6))
        var y = Array(repeating: 0.0, count: s.length * count * s.batch * s.hidden)
        var lastHidden = Array(repeating: 0.0, count: count * s.batch * s.hidden)
        var lastCell = lastHidden
        for (direction, isReverse) in directions.enumerated() {
            let block = gates * s.hidden
            let runner = RecurrentCell(
                cell: cell, width: s.width, hidden: s.hidden,
                weights: Array(
                    weights[direction * block * s.width..<(direction + 1) * block * s.width]),
                recurrent: Array(
                    recurrent[direction * block * s.hidden..<(direction + 1) * block * s.hidden]),
                bias: bias.map { Array($0[direction * 2 * block..<(direction + 1) * 2 * block]) }
                    ?? Array(repeating: 0, count: 2 * block),
                peepholes: peepholes.map {
                    Array($0[direction * 3 * s.hidden..<(direction + 1) * 3 * s.hidden])
                } ?? Array(repeating: 0, count: 3 * s.hidden),
                activations: Array(
                    activations[
                        direction * cell.activations.count..<(direction + 1)
                            * cell.activations.count]),
                clip: clip, resetsAfter: resetsAfter, couplesGates: couplesGates)
            for row in 0..<s.batch {
                let stateAt =
                    (isBatchFirst ? row * count + direction : direction * s.batch + row) * s.hidden
                var h =
                    firstHidden.map { Array($0[stateAt..<stateAt + s.hidden]) }
                    ?? Array(repeating: 0, count: s.hidden)
                var c =
                    firstCell.map { Array($0[stateAt..<stateAt + s.hidden]) }
                    ?? Array(repeating: 0, count: s.hidden)
                for step in 0..<lengths[row] {
                    let time = isReverse ? lengths[row] - 1 - step : step
                    let from =
                        (isBatchFirst ? row * s.length + time : time * s.batch + row) * s.width
                    runner.step(values[from..<from + s.width], &h, &c)
                    let to =
                        isBatchFirst
                        ? ((row * s.length + time) * count + direction) * s.hidden
                        : ((time * count + direction) * s.batch + row) * s.hidden
                    for place in 0..<s.hidden { y[to + place] = h[place] }
                }
                for place in 0..<s.hidden {
                    lastHidden[stateAt + place] = h[place]
                    lastCell[stateAt + place] = c[place]
                }
            }
        }
        let infos = [
            isBatchFirst
                ? [s.batch, s.length, count, s.hidden] : [s.length, count, s.batch, s.hidden],
            isBatchFirst ? [s.batch, count, s.hidden] : [count, s.batch, s.hidden],
        ]
        var results = [
            Tensor(x.dataType, shape: infos[0], reals: y),
            Tensor(x.dataType, shape: infos[1], reals: lastHidden),
        ]
        if cell == .longShort {
            results.append(Tensor(x.dataType, shape: infos[1], reals: lastCell))
        }
        return results
    }
}

/// One direction's weights, and a step of its cell (equations of the ONNX operators).
struct RecurrentCell {
    let cell: RecurrentOperator.Cell
    let (width, hidden): (Int, Int)
    let (weights, recurrent, bias, peepholes): ([Double], [Double], [Double], [Double])
    let activations: [RecurrentActivation]
    let clip: Double?
    let (resetsAfter, couplesGates): (Bool, Bool)

    init(
        cell: RecurrentOperator.Cell, width: Int, hidden: Int, weights: [Double],
        recurrent: [Double], bias: [Double], peepholes: [Double],
        activations: [RecurrentActivation], clip: Double?, resetsAfter: Bool, couplesGates: Bool
    ) {
        self.cell = cell
        (self.width, self.hidden) = (width, hidden)
        (self.weights, self.recurrent) = (weights, recurrent)
        (self.bias, self.peepholes) = (bias, peepholes)
        self.activations = activations
        self.clip = clip
        (self.resetsAfter, self.couplesGates) = (resetsAfter, couplesGates)
    }

    /// Moves the state (and the cell, for LSTM) on by one input.
    func step(_ x: ArraySlice<Double>, _ h: inout [Double], _ c: inout [Double]) {
        let gates = cell.gates
        var input = Array(bias[..<(gates * hidden)])
        var state = Array(bias[(gates * hidden)...])
        for row in 0..<gates * hidden {
            var sum = 0.0
            for (place, value) in x.enumerated() { sum += weights[row * width + place] * value }
            input[row] += sum
            sum = 0
            for place in 0..<hidden { sum += recurrent[row * hidden + place] * h[place] }
            state[row] += sum
        }
        switch cell {
        case .plain:
            for place in 0..<hidden { h[place] = activate(0, input[place] + state[place]) }
        case .gated: gated(input, state, &h)
        case .longShort: longShort(zip(input, state).map { $0 + $1 }, &h, &c)
        }
    }

    private func gated(_ input: [Double], _ state: [Double], _ h: inout [Double]) {
        let update = (0..<hidden).map { activate(0, input[$0] + state[$0]) }
        let reset = (0..<hidden).map {
            activate(0, input[hidden + $0] + state[hidden + $0])
        }
        var next = h
        for place in 0..<hidden {
            let row = 2 * hidden + place
            var part = state[row]
            if resetsAfter {
                part *= reset[place]
            } else {
                part = bias[cell.gates * hidden + row]
                for index in 0..<hidden {
                    part += recurrent[row * hidden + index] * reset[index] * h[index]
                }
            }
            let made = activate(1, input[row] + part)
            next[place] = (1 - update[place]) * made + update[place] * h[place]
        }
        h = next
    }

    /// Gates in the order input, output, forget, cell.
    private func longShort(_ gates: [Double], _ h: inout [Double], _ c: inout [Double]) {
        for place in 0..<hidden {
            let take = activate(0, gates[place] + peepholes[place] * c[place])
            let keep =
                couplesGates
                ? 1 - take
                : activate(0, gates[2 * hidden + place] + peepholes[2 * hidden + place] * c[place])
            let next = keep * c[place] + take * activate(1, gates[3 * hidden + place])
            let give = activate(0, gates[hidden + place] + peepholes[hidden + place] * next)
            c[place] = next
            h[place] = give * activations[2].value(next)
        }
    }

    private func activate(_ index: Int, _ value: Double) -> Double {
        let held = clip.map { max(-$0, min($0, value)) } ?? value
        return activations[index].value(held)
    }
}

/// An activation function of a recurrent cell, by its name in the standard.
enum RecurrentActivation: Sendable {
    case relu, tanh, sigmoid, softsign, softplus
    case leakyRelu(Double)
    case thresholdedRelu(Double)
    case elu(Double)
    case affine(Double, Double)
    case scaledTanh(Double, Double)
    case hardSigmoid(Double, Double)

    /// Takes what it needs from the front of the lists of parameters.
    init(
        _ name: String, _ alphas: inout ArraySlice<Float>, _ betas: inout ArraySlice<Float>
    ) throws(OperatorFailure) {
        switch name.lowercased() {
        case "relu": self = .relu
        case "tanh": self = .tanh
        case "sigmoid": self = .sigmoid
        case "softsign": self = .softsign
        case "softplus": self = .softplus
        case "leakyrelu": self = .leakyRelu(Double(alphas.popFirst() ?? 0.01))
        case "thresholdedrelu": self = .thresholdedRelu(Double(alphas.popFirst() ?? 1))
        case "elu": self = .elu(Double(alphas.popFirst() ?? 1))
        case "affine":
            self = .affine(Double(alphas.popFirst() ?? 1), Double(betas.popFirst() ?? 0))
        case "scaledtanh":
            self = .scaledTanh(Double(alphas.popFirst() ?? 1), Double(betas.popFirst() ?? 1))
        case "hardsigmoid":
            self = .hardSigmoid(Double(alphas.popFirst() ?? 0.2), Double(betas.popFirst() ?? 0.5))
        default: throw OperatorFailure("the activation '\(name)' is not known")
        }
    }

    func value(_ x: Double) -> Double {
        switch self {
        case .relu: max(0, x)
        case .tanh: Glibc.tanh(x)
        case .sigmoid: 1 / (1 + Glibc.exp(-x))
        case .softsign: x / (1 + x.magnitude)
        case .softplus: x > 0 ? x + log1p(Glibc.exp(-x)) : log1p(Glibc.exp(x))
        case .leakyRelu(let alpha): x < 0 ? alpha * x : x
        case .thresholdedRelu(let alpha): x > alpha ? x : 0
        case .elu(let alpha): x < 0 ? alpha * expm1(x) : x
        case .affine(let alpha, let beta): alpha * x + beta
        case .scaledTanh(let alpha, let beta): alpha * Glibc.tanh(beta * x)
        case .hardSigmoid(let alpha, let beta): max(0, min(1, alpha * x + beta))
        }
    }
}
