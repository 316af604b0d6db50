import Primitives

/// ONNX `Scan`: a graph run once for each slice of some inputs, forwards or backwards. State is
/// carried from turn to turn; further outputs are collected, a slice a turn.
///
/// In opset 8 all values have a batch in front, whose items are scanned one by one.
final class ScanOperator: SubgraphOperator {
    private let body: Subgraph
    private let stateCount: Int
    private let scanCount: Int
    private let (inputAxes, outputAxes): ([Int], [Int])
    private let (inputReverse, outputReverse): ([Bool], [Bool])
    /// Whether values have a batch in front, and a list of lengths comes first.
    private let isBatched: Bool

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(context.version < 9 ? 0 : 1, max: Int.max)
        try context.requireOutputs(1, max: Int.max)
        isBatched = context.version < 9
        let first = isBatched ? 1 : 0
        if isBatched, context.hasInput(0) {
            throw OperatorFailure("lengths of sequences are not supported in opset 8")
        }
        guard let scanCount = try context.int("num_scan_inputs"), scanCount >= 1,
            scanCount + first <= context.inputCount
        else { throw OperatorFailure("its attribute 'num_scan_inputs' is missing or wrong") }
        self.scanCount = scanCount
        stateCount = context.inputCount - scanCount - first
        var capture = context.inputCount
        body = try Subgraph(context, "body", &capture)
        guard body.formalCount == context.inputCount - first,
            body.outputCount == context.outputCount,
            body.outputCount >= stateCount
        else { throw OperatorFailure("its graph does not have the inputs and outputs of the node") }
        let collected = body.outputCount - stateCount
        inputAxes = try context.list("scan_input_axes", count: scanCount)
        outputAxes = try context.list("scan_output_axes", count: collected)
        inputReverse = try context.list(
            isBatched ? "directions" : "scan_input_directions", count: scanCount
        ).map { $0 == 1 }
        outputReverse = try context.list("scan_output_directions", count: collected).map { $0 == 1 }
    }

    func evaluate(
        _ inputs: [RuntimeValue?], _ budget: RunBudget
    ) throws(OperatorFailure) -> [RuntimeValue] {
        let first = isBatched ? 1 : 0
        var given: [RuntimeValue] = []
        for index in first..<first + stateCount + scanCount {
            guard let value = inputs[index] else {
                throw OperatorFailure("its input \(index) is left out")
            }
            given.append(value)
        }
        guard isBatched else { return try scan(given, captured: inputs, budget) }
        var tensors: [Tensor] = []
        for value in given { tensors.append(try value.tensor("its input")) }
        guard let batch = tensors.first?.shape.first,
            tensors.allSatisfy({ $0.shape.first == batch })
        else { throw OperatorFailure("its inputs differ in their batch") }
        var parts: [[Tensor]] = Array(repeating: [], count: body.outputCount)
        for item in 0..<batch {
            let made = try scan(
                tensors.map { .tensor($0.slice(item, axis: 0)) }, captured: inputs, budget)
            for (index, value) in made.enumerated() {
                parts[index].append(try value.tensor("an output"))
            }
        }
        var results: [RuntimeValue] = []
        for part in parts { results.append(.tensor(try Tensor.stacked(part, axis: 0))) }
        return results
    }

    private func scan(
        _ given: [RuntimeValue], captured inputs: [RuntimeValue?], _ budget: RunBudget
    ) throws(OperatorFailure) -> [RuntimeValue] {
        var state = Array(given.prefix(stateCount))
        var sources: [(tensor: Tensor, axis: Int)] = []
        var turns: Int?
        for index in 0..<scanCount {
            let tensor = try given[stateCount + index].tensor("a scanned input")
            guard let axis = Shape.axis(inputAxes[index], rank: tensor.shape.count),
                turns == nil || turns == tensor.shape[axis]
            else { throw OperatorFailure("its scanned inputs differ in length") }
            turns = tensor.shape[axis]
            sources.append((tensor, axis))
        }
        let count = turns ?? 0
        var scans: [[Tensor]] = Array(repeating: [], count: body.outputCount - stateCount)
        for turn in 0..<count {
            var formal = state
            for (index, source) in sources.enumerated() {
                let place = inputReverse[index] ? count - 1 - turn : turn
                formal.append(.tensor(source.tensor.slice(place, axis: source.axis)))
            }
            let made = try body.run(formal, captured: inputs, budget)
            state = Array(made.prefix(stateCount))
            for index in scans.indices {
                let slice = try made[stateCount + index].tensor("a collected output")
                scans[index].append(try budget.kept(slice))
            }
        }
        var results = state
        for (index, slices) in scans.enumerated() {
            let ordered = outputReverse[index] ? slices.reversed() : slices
            results.append(
                .tensor(
                    ordered.isEmpty
                        ? body.emptyScan(stateCount + index)
                        : try Tensor.stacked(ordered, axis: outputAxes[index])))
        }
        return results
    }
}

extension OperatorContext {
    /// A list of `count` integers, all 0 when it is not given.
    fileprivate func list(_ name: String, count: Int) throws(OperatorFailure) -> [Int] {
        guard let values = try ints(name) else { return Array(repeating: 0, count: count) }
        guard values.count == count else {
            throw OperatorFailure("its attribute '\(name)' must have \(count) values")
        }
        return values
    }
}

extension Tensor {
    /// The part at one place of an axis, without that axis.
    func slice(_ place: Int, axis: Int) -> Tensor {
        let inner = shape[(axis + 1)...].reduce(1, *)
        var result = shape
        result.remove(at: axis)
        var picks: [Int] = []
        picks.reserveCapacity(result.reduce(1, *))
        for block in 0..<shape[..<axis].reduce(1, *) {
            let start = (block * shape[axis] + place) * inner
            picks += start..<start + inner
        }
        return picked(picks, shape: result)
    }

    /// Tensors of one shape side by side along a new axis.
    static func stacked(_ parts: [Tensor], axis: Int) throws(OperatorFailure) -> Tensor {
        guard let first = parts.first,
            parts.allSatisfy({ $0.shape == first.shape && $0.dataType == first.dataType }),
            let axis = Shape.axis(axis, rank: first.shape.count + 1)
        else { throw OperatorFailure("what is collected differs in shape or type") }
        var wide = first.shape
        wide.insert(1, at: axis)
        return try concatenated(parts.map { $0.reshaped(wide) }, axis: axis)
    }

    /// Tensors one behind the other along an axis.
    static func concatenated(_ parts: [Tensor], axis: Int) throws(OperatorFailure) -> Tensor {
        guard let first = parts.first, let axis = Shape.axis(axis, rank: first.shape.count) else {
            throw OperatorFailure("there is nothing to join along axis \(axis)")
        }
        var shape = first.shape
        shape[axis] = 0
        for part in parts {
            guard part.shape.count == shape.count, part.dataType == first.dataType,
                shape.indices.allSatisfy({ $0 == axis || part.shape[$0] == shape[$0] })
            else {
                throw OperatorFailure(
                    "\(Shape.text(first.shape)) and \(Shape.text(part.shape)) cannot be joined along "
                        + "axis \(axis)")
            }
            shape[axis] += part.shape[axis]
        }
        guard let count = Shape.elementCount(shape) else {
            throw OperatorFailure("\(Shape.text(shape)) is larger than a tensor may be")
        }
        let outer = shape[..<axis].reduce(1, *)
        if first.dataType == .string {
            var strings: [String] = []
            strings.reserveCapacity(count)
            for block in 0..<outer {
                for part in parts {
                    let length = part.elementCount / max(outer, 1)
                    strings += part.strings[block * length..<(block + 1) * length]
                }
            }
            return Tensor(shape: shape, strings: strings)
        }
        let result = Tensor(dataType: first.dataType, shape: shape)
        let width = first.dataType.byteCount
        var place = 0
        for block in 0..<outer {
            for part in parts {
                let length = part.elementCount / max(outer, 1) * width
                if let source = part.memory {
                    result.memory?.copy(
                        from: source, sourceOffset: block * length, to: place, byteCount: length)
                }
                place += length
            }
        }
        return result
    }
}
