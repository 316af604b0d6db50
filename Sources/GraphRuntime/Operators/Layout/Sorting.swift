import Primitives

/// ONNX `TopK`: the greatest (or least) elements along an axis and their indices; of equal ones the
/// lower index first. NaN sorts as the greatest.
final class TopKOperator: TensorOperator {
    private let axis: Int
    private let count: Int?
    private let isLargest: Bool

    init(_ context: OperatorContext) throws(OperatorFailure) {
        let isInput = context.version >= 10
        try context.requireInputs(isInput ? 2 : 1)
        try context.requireOutputs(1, max: 2)
        axis = try context.int("axis", default: -1)
        count = isInput ? nil : try context.int("k")
        isLargest = context.version >= 11 ? try context.flag("largest", default: true) : true
        // Sorted results are right for both values.
        if context.version >= 11 { context.ignore("sorted") }
    }

    private func sizes(
        _ shape: [Int], _ k: Int?
    ) throws(OperatorFailure) -> (axis: Int, count: Int, result: [Int]) {
        guard let axis = Shape.axis(axis, rank: shape.count), let k, k >= 0, k <= shape[axis] else {
            throw OperatorFailure(
                "its axis or k does not fit the shape \(Shape.text(shape))")
        }
        var result = shape
        result[axis] = k
        return (axis, k, result)
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        let k: Int?
        if let count {
            k = count
        } else {
            guard let constant = inputs[1].constant else { return nil }
            k = constant.integers?.first
        }
        let shape = try sizes(inputs[0].shape, k).result
        return [ValueInfo(inputs[0].dataType, shape), ValueInfo(.int64, shape)]
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0], x.dataType != .string else {
            throw OperatorFailure("it takes numbers")
        }
        let k = count ?? (inputs.count > 1 ? inputs[1]?.integers?.first : nil)
        let (axis, count, shape) = try sizes(x.shape, k)
        let (size, inner) = (x.shape[axis], x.shape[(axis + 1)...].reduce(1, *))
        let order = SortKeys(x)
        var picks = Array(repeating: 0, count: shape.reduce(1, *))
        var indices = picks
        for block in 0..<x.shape[..<axis].reduce(1, *) {
            for column in 0..<inner {
                let start = block * size * inner + column
                let sorted = (0..<size).sorted { a, b in
                    let (p, q) = (start + a * inner, start + b * inner)
                    if order.isLess(p, q) { return !isLargest }
                    return order.isLess(q, p) ? isLargest : a < b
                }
                for rank in 0..<count {
                    let place = (block * count + rank) * inner + column
                    picks[place] = start + sorted[rank] * inner
                    indices[place] = sorted[rank]
                }
            }
        }
        return [x.picked(picks, shape: shape), Tensor(shape: shape, integers: indices)]
    }
}

/// An order of a tensor's elements: numbers by value, NaN behind all, strings by their bytes.
struct SortKeys {
    private let reals: [Double]
    private let wholes: [Int]
    private let strings: [String]
    private let isUnsigned: Bool

    init(_ tensor: Tensor) {
        strings = tensor.strings
        wholes = tensor.wholeNumbers ?? []
        reals = wholes.isEmpty && strings.isEmpty ? tensor.reals : []
        isUnsigned = tensor.dataType == .uint64
    }

    func isLess(_ a: Int, _ b: Int) -> Bool {
        if !wholes.isEmpty {
            return isUnsigned
                ? UInt(bitPattern: wholes[a]) < UInt(bitPattern: wholes[b]) : wholes[a] < wholes[b]
        }
        if !strings.isEmpty { return strings[a].utf8.lexicographicallyPrecedes(strings[b].utf8) }
        return reals[a] < reals[b] || (!reals[a].isNaN && reals[b].isNaN)
    }
}

/// ONNX `Unique`: the different elements, or slices along an axis, sorted or in the order of their
/// first occurrence; where each occurred first, which each is, and how often.
final class UniqueOperator: TensorOperator {
    private let axis: Int?
    private let isSorted: Bool

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1, max: 4)
        axis = try context.int("axis")
        isSorted = try context.flag("sorted", default: true)
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0] else { throw OperatorFailure("its input is left out") }
        var (outer, count, inner) = (1, x.elementCount, 1)
        var axis: Int?
        if let given = self.axis {
            guard let found = Shape.axis(given, rank: x.shape.count) else {
                throw OperatorFailure(
                    "axis \(given) is outside of the shape \(Shape.text(x.shape))")
            }
            axis = found
            outer = x.shape[..<found].reduce(1, *)
            count = x.shape[found]
            inner = x.shape[(found + 1)...].reduce(1, *)
        }
        let keys = SortKeys(x)
        // The order of two slices: their first elements that differ decide.
        func compare(_ a: Int, _ b: Int) -> Int {
            for block in 0..<outer {
                for column in 0..<inner {
                    let p = (block * count + a) * inner + column
                    let q = (block * count + b) * inner + column
                    if keys.isLess(p, q) { return -1 }
                    if keys.isLess(q, p) { return 1 }
                }
            }
            return 0
        }
        let sorted = (0..<count).sorted { a, b in
            let order = compare(a, b)
            return order == 0 ? a < b : order < 0
        }
        // Neighbours that are equal are one group, named by its first member.
        var groups: [[Int]] = []
        for index in sorted {
            if let last = groups.last, compare(last[0], index) == 0 {
                groups[groups.count - 1].append(index)
            } else {
                groups.append([index])
            }
        }
        if !isSorted { groups.sort { $0[0] < $1[0] } }
        var inverse = Array(repeating: 0, count: count)
        for (rank, group) in groups.enumerated() { for index in group { inverse[index] = rank } }
        var picks: [Int] = []
        for block in 0..<outer {
            for group in groups {
                let start = (block * count + group[0]) * inner
                picks += start..<start + inner
            }
        }
        var shape = [groups.count]
        if let axis {
            shape = x.shape
            shape[axis] = groups.count
        }
        return [
            x.picked(picks, shape: shape),
            Tensor(shape: [groups.count], integers: groups.map { $0[0] }),
            Tensor(shape: [count], integers: inverse),
            Tensor(shape: [groups.count], integers: groups.map(\.count)),
        ]
    }
}
