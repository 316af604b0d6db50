import Kernels
import Primitives

/// ONNX `MatMul`: the matrix product of the last two dimensions, broadcast over the others, as
/// NumPy's `matmul` does it (a vector is a row on the left, a column on the right).
///
/// With a constant float32 matrix on the right it is a packed layer (`LinearOperator`).
final class MatMulOperator: Operator {
    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try context.requireInputs(2)
        try context.requireOutputs(1)
        if let weights = context.constant(1), weights.dataType == .float32,
            weights.shape.count == 2
        {
            return try LinearOperator(
                weights: weights, transposed: false, scale: 1, bias: nil, rank: 0)
        }
        return MatMulOperator()
    }

    /// The product as a stack of matrix products.
    private struct Stack {
        let shape: [Int]
        let (m, k, n): (Int, Int, Int)
        /// Dimensions in front, and the operands' shapes there.
        let batch: [Int]
        let (batchA, batchB): ([Int], [Int])

        init?(_ a: [Int], _ b: [Int]) {
            guard !a.isEmpty, !b.isEmpty else { return nil }
            let left = a.count == 1 ? [1] + a : a
            let right = b.count == 1 ? b + [1] : b
            (m, k, n) = (left[left.count - 2], left[left.count - 1], right[right.count - 1])
            (batchA, batchB) = (Array(left.dropLast(2)), Array(right.dropLast(2)))
            guard right[right.count - 2] == k,
                let batch = Shape.broadcast(batchA, batchB)
            else { return nil }
            self.batch = batch
            shape = batch + (a.count == 1 ? [] : [m]) + (b.count == 1 ? [] : [n])
        }
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let type = try inputs.dataType(
            0, oneOf: [.float32, .float64, .int32, .int64, .uint32, .uint64], "its first input")
        try inputs.requireSameType(0, 1)
        guard let stack = Stack(inputs[0].shape, inputs[1].shape) else {
            let a = Shape.text(inputs[0].shape)
            let b = Shape.text(inputs[1].shape)
            throw OperatorFailure("shapes \(a) and \(b) cannot be multiplied")
        }
        return [ValueInfo(type, stack.shape)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let (a, b, y) = (inputs[0], inputs[1], outputs[0])
        guard let stack = Stack(a.shape, b.shape) else {
            throw OperatorFailure("its shapes cannot be multiplied")
        }
        // Strides count whole matrices.
        let loop = StridedLoop(
            shape: stack.batch,
            stridesA: StridedLoop.broadcastStrides(stack.batchA, to: stack.batch),
            stridesB: StridedLoop.broadcastStrides(stack.batchB, to: stack.batch))
        guard let loop else { throw OperatorFailure("its broadcast has too many dimensions") }
        let (m, k, n) = (stack.m, stack.k, stack.n)
        if y.dataType == .float32 { return MatMulFloatStep(a, b, y, (m, k, n), loop) }
        return try y.dataType.withNumber { type in
            func make<T: Number>(_: T.Type) -> any Step {
                MatMulStep<T>(a, b, y, (m, k, n), loop)
            }
            return make(type)
        }
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int {
        2 &* outputs[0].shape.reduce(1, *) &* (inputs[0].shape.last ?? 1)
    }
}

private final class MatMulStep<T: Number>: Step {
    private let (a, b, y): (Operand, Operand, Operand)
    private let (m, k, n): (Int, Int, Int)
    private let loop: StridedLoop

    init(
        _ a: Operand, _ b: Operand, _ y: Operand, _ sizes: (Int, Int, Int), _ loop: StridedLoop
    ) {
        (self.a, self.b, self.y) = (a, b, y)
        (m, k, n) = sizes
        self.loop = loop
    }

    @_specialize(where T == Double)
    @_specialize(where T == Int64)
    @_specialize(where T == Int32)
    func run(_ workspace: Workspace) {
        var position = StridedLoop.Position()
        var matrix = 0
        for _ in 0..<loop.outerCount {
            var (i, j) = (position.offsetA, position.offsetB)
            for _ in 0..<loop.innerCount {
                multiply(workspace, i, j, matrix)
                matrix += 1
                i += loop.innerStrideA
                j += loop.innerStrideB
            }
            position.advance(loop)
        }
    }

    /// Matrix `i` of a times matrix `j` of b is matrix `target` of the result.
    private func multiply(_ workspace: Workspace, _ i: Int, _ j: Int, _ target: Int) {
        let left = workspace.span(a, as: T.self)
        let right = workspace.span(b, as: T.self)
        var result = workspace.mutableSpan(y, as: T.self)
        for row in 0..<m {
            for column in 0..<n {
                var sum = T.zero
                for index in 0..<k {
                    let pair = T.product(
                        left[(i * m + row) * k + index], right[(j * k + index) * n + column])
                    sum = T.sum(sum, pair)
                }
                result[(target * m + row) * n + column] = sum
            }
        }
    }
}

/// float32: a matrix product each, through the kernels.
private final class MatMulFloatStep: PartedStep {
    private let (a, b, y): (Operand, Operand, Operand)
    private let (m, k, n): (Int, Int, Int)
    /// Which matrices of a and b each one of y is made of.
    private let pairs: [(Int, Int)]

    init(
        _ a: Operand, _ b: Operand, _ y: Operand, _ sizes: (Int, Int, Int), _ loop: StridedLoop
    ) {
        (self.a, self.b, self.y) = (a, b, y)
        (m, k, n) = sizes
        var pairs: [(Int, Int)] = []
        var position = StridedLoop.Position()
        for _ in 0..<loop.outerCount {
            var (i, j) = (position.offsetA, position.offsetB)
            for _ in 0..<loop.innerCount {
                pairs.append((i, j))
                i += loop.innerStrideA
                j += loop.innerStrideB
            }
            position.advance(loop)
        }
        self.pairs = pairs
    }

    func partCount(phase: Int, lanes: Int) -> Int {
        let parts = Parting.count(
            work: 2 * pairs.count * m * k * n, partMin: Parting.operationsMin, lanes: lanes)
        return min(parts, pairs.count > 1 ? pairs.count : max(m, 1))
    }

    func run(phase: Int, part: Int, of parts: Int, _ workspace: Workspace) {
        if pairs.count == 1 {
            multiply(0, rows: Parting.range(m, part: part, of: parts, unit: 6), workspace)
            return
        }
        for matrix in Parting.range(pairs.count, part: part, of: parts) {
            multiply(matrix, rows: 0..<m, workspace)
        }
    }

    private func multiply(_ matrix: Int, rows: Range<Int>, _ workspace: Workspace) {
        let (i, j) = pairs[matrix]
        let left = workspace.span(a, as: Float.self).extracting(
            (i * m + rows.lowerBound) * k..<(i * m + rows.upperBound) * k)
        let right = workspace.span(b, as: Float.self).extracting(j * k * n..<(j + 1) * k * n)
        let from = (matrix * m + rows.lowerBound) * n
        var result = workspace.mutableSpan(
            y, as: Float.self, range: from..<from + rows.count * n)
        KernelSet.best.matmul(a: left, m: rows.count, k: k, b: right, n: n, c: &result)
    }
}
