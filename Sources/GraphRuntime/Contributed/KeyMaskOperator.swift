import Primitives

/// The masks of `com.microsoft` attention as numbers to add to scores: 0 where a key is open, else the
/// node's filter value.
///
/// Inputs: the mask, the queries [batch, queries, …], the keys ([batch, keys, …] or [batch, heads, keys,
/// width]). A mask is one of: [batch] ends; [2 · batch] ends, then starts; [3 · batch + 2] ends, then
/// offsets of packed rows (of which only the ends count here); [batch, keys], [batch, queries, keys]
/// or [batch, 1, longest, longest] of 1 and 0. The result is [batch, 1, 1 or queries, keys].
final class KeyMaskOperator: TensorOperator {
    private let filter: Double

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(3)
        try context.requireOutputs(1)
        filter = Double(try context.float("filter", default: -10_000))
    }

    private struct Sizes {
        let (batch, queries, keys): (Int, Int, Int)
        let shape: [Int]
    }

    private func sizes(_ mask: [Int], _ q: [Int], _ k: [Int]) throws(OperatorFailure) -> Sizes {
        guard q.count == 3, k.count == 3 || k.count == 4 else {
            throw OperatorFailure("a mask needs queries and keys of three or four dimensions")
        }
        let (batch, queries, keys) = (q[0], q[1], k[k.count - 2])
        let fits: Bool
        switch mask.count {
        case 1: fits = [batch, 2 * batch, 3 * batch + 2].contains(mask[0])
        case 2: fits = mask == [batch, keys]
        case 3: fits = mask == [batch, queries, keys]
        case 4:
            // The queries are the last of the keys.
            fits =
                mask[0] == batch && mask[1] == 1 && mask[2] == mask[3] && mask[3] >= keys
                && keys >= queries
        default: fits = false
        }
        guard fits else {
            throw OperatorFailure(
                "its mask of \(Shape.text(mask)) does not fit \(batch) × \(queries) queries and "
                    + "\(keys) keys")
        }
        let rows = mask.count > 2 ? queries : 1
        return Sizes(
            batch: batch, queries: queries, keys: keys, shape: [batch, 1, rows, keys])
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        _ = try inputs.dataType(0, oneOf: [.int32, .int64, .bool], "its mask")
        let s = try sizes(inputs[0].shape, inputs[1].shape, inputs[2].shape)
        return [ValueInfo(inputs[1].dataType, s.shape)]
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let mask = inputs[0], let q = inputs[1], let k = inputs[2] else {
            throw OperatorFailure("an input is left out")
        }
        let s = try sizes(mask.shape, q.shape, k.shape)
        let flags = mask.reals
        var made: [Double] = []
        made.reserveCapacity(s.shape.reduce(1, *))
        for item in 0..<s.batch {
            for row in 0..<s.shape[2] {
                for key in 0..<s.keys {
                    let isOpen: Bool
                    switch mask.shape.count {
                    case 1:
                        let start = mask.shape[0] == 2 * s.batch ? flags[s.batch + item] : 0
                        isOpen = Double(key) < flags[item] && Double(key) >= start
                    case 2: isOpen = flags[item * s.keys + key] > 0
                    case 3: isOpen = flags[(item * s.queries + row) * s.keys + key] > 0
                    default:
                        let (longest, at) = (mask.shape[3], s.keys - s.queries + row)
                        isOpen = flags[(item * longest + at) * longest + key] > 0
                    }
                    made.append(isOpen ? 0 : filter)
                }
            }
        }
        return [Tensor(q.dataType, shape: s.shape, reals: made)]
    }
}
