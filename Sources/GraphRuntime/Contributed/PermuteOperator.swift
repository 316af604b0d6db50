import Primitives

/// Dimensions in an order that depends on their number: what `Transpose` would need a known rank for.
/// Made where nodes of `com.microsoft` are written out, before shapes are known.
final class PermuteOperator: Operator {
    enum Order: Int {
        /// The last two swapped.
        case lastSwapped
        /// [m, batch…, k] to [batch…, m, k].
        case batchFirst
        /// [n, size…, c] to [n, c, size…], and back.
        case channelsFirst
        case channelsLast
    }

    private let order: Order

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        guard let order = Order(rawValue: try context.int("order", default: -1)) else {
            throw OperatorFailure("its order is not known")
        }
        self.order = order
    }

    private func permutation(_ rank: Int) throws(OperatorFailure) -> [Int] {
        guard rank >= 2 else {
            throw OperatorFailure("an input of rank \(rank) has not the dimensions it reorders")
        }
        let all = Array(0..<rank)
        switch order {
        case .lastSwapped: return all.dropLast(2) + [rank - 1, rank - 2]
        case .batchFirst: return all[1..<rank - 1] + [0, rank - 1]
        case .channelsFirst: return [0, rank - 1] + all[1..<rank - 1]
        case .channelsLast: return [0] + all[2...] + [1]
        }
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let shape = inputs[0].shape
        return [ValueInfo(inputs[0].dataType, try permutation(shape.count).map { shape[$0] })]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        try TransposeOperator.step(
            inputs[0], outputs[0], order: permutation(inputs[0].shape.count))
    }
}
