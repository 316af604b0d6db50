import Primitives

/// ONNX `Loop`: a graph run again and again, as often as a count or its own condition says. Values
/// are carried from turn to turn; further outputs are collected, a slice a turn.
final class LoopOperator: SubgraphOperator {
    private let body: Subgraph
    private let carriedCount: Int

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireOutputs(1, max: Int.max)
        carriedCount = max(context.inputCount - 2, 0)
        var first = context.inputCount
        body = try Subgraph(context, "body", &first)
        guard body.formalCount == carriedCount + 2,
            body.outputCount - 1 == context.outputCount, context.outputCount >= carriedCount
        else {
            throw OperatorFailure(
                "its graph has \(body.formalCount) inputs and \(body.outputCount) outputs; that does "
                    + "not fit \(context.inputCount) inputs and \(context.outputCount) outputs")
        }
    }

    func evaluate(
        _ inputs: [RuntimeValue?], _ budget: RunBudget
    ) throws(OperatorFailure) -> [RuntimeValue] {
        var turnsMax = Int.max
        if let count = inputs.first ?? nil {
            guard let value = try count.tensor("its turn count").wholeNumbers?.first else {
                throw OperatorFailure("its turn count must be an integer")
            }
            turnsMax = value
        }
        var goesOn = true
        if inputs.count > 1, let condition = inputs[1] {
            goesOn = try condition.flag("its condition")
        }
        var carried: [RuntimeValue] = []
        for index in 0..<carriedCount {
            guard let value = inputs[2 + index] else {
                throw OperatorFailure("its carried value \(index) is left out")
            }
            carried.append(value)
        }
        let scanCount = body.outputCount - 1 - carriedCount
        var scans: [[Tensor]] = Array(repeating: [], count: scanCount)
        var turn = 0
        while turn < turnsMax, goesOn {
            let made = try body.run(
                [.tensor(Tensor(shape: [], integers: [turn])), .boolean(goesOn)] + carried,
                captured: inputs, budget)
            goesOn = try made[0].flag("its condition")
            carried = Array(made[1..<1 + carriedCount])
            for index in 0..<scanCount {
                let slice = try made[1 + carriedCount + index].tensor("a collected output")
                scans[index].append(try budget.kept(slice))
            }
            turn += 1
        }
        var results = carried
        for (index, slices) in scans.enumerated() {
            results.append(
                .tensor(
                    slices.isEmpty
                        ? body.emptyScan(1 + carriedCount + index)
                        : try Tensor.stacked(slices, axis: 0)))
        }
        return results
    }
}
