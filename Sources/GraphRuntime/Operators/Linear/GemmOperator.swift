import Kernels
import Primitives

/// ONNX `Gemm`: alpha · A' · B' + beta · C, where ' transposes if asked to.
///
/// With constant weights and a row as bias it is a packed layer (`LinearOperator`). Otherwise it is
/// computed in the same order of sums by a plain loop.
final class GemmOperator: Operator {
    private let (alpha, beta): (Float, Float)
    private let (transposesA, transposesB): (Bool, Bool)

    @Sendable static func make(_ context: OperatorContext) throws(OperatorFailure) -> any Operator {
        try context.requireInputs(context.version < 11 ? 3 : 2, max: 3)
        try context.requireOutputs(1)
        let gemm = try GemmOperator(context)
        guard !gemm.transposesA, let weights = context.constant(1), weights.dataType == .float32,
            weights.shape.count == 2
        else { return gemm }
        let n = weights.shape[gemm.transposesB ? 0 : 1]
        var bias: Tensor?
        if context.hasInput(2) {
            guard let c = context.constant(2), let row = scaledRow(c, n, by: gemm.beta) else {
                return gemm
            }
            bias = row
        }
        return try LinearOperator(
            weights: weights, transposed: gemm.transposesB, scale: gemm.alpha, bias: bias, rank: 2)
    }

    init(_ context: OperatorContext) throws(OperatorFailure) {
        alpha = try context.float("alpha", default: 1)
        beta = try context.float("beta", default: 1)
        transposesA = try context.flag("transA", default: false)
        transposesB = try context.flag("transB", default: false)
    }

    /// beta · C as one row, when C is one row or one value.
    static func scaledRow(_ c: Tensor, _ n: Int, by beta: Float) -> Tensor? {
        guard c.dataType == .float32, c.shape.count <= 2, c.elementCount > 0,
            c.shape.count < 2 || c.shape[0] == 1, c.elementCount == n || c.elementCount == 1
        else { return nil }
        let values = c.array(as: Float.self)
        let row = (0..<n).map { values[values.count == 1 ? 0 : $0] * beta }
        return Tensor(.float32, shape: [n], row)
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let type = try inputs.dataType(
            0, oneOf: [.float32, .float64, .int32, .int64, .uint32, .uint64], "its first input")
        try inputs.requireSameType(0, 1)
        let (a, b) = (inputs[0].shape, inputs[1].shape)
        guard a.count == 2, b.count == 2 else {
            throw OperatorFailure(
                "its matrices have shapes \(Shape.text(a)) and \(Shape.text(b)); both need 2 "
                    + "dimensions")
        }
        let (m, k) = transposesA ? (a[1], a[0]) : (a[0], a[1])
        let (kB, n) = transposesB ? (b[1], b[0]) : (b[0], b[1])
        guard k == kB else {
            throw OperatorFailure(
                "matrices of \(m) × \(k) and \(kB) × \(n) cannot be multiplied")
        }
        if let c = inputs.optional(2) {
            try inputs.requireSameType(0, 2)
            guard Shape.broadcast(c.shape, [m, n]) == [m, n] else {
                throw OperatorFailure(
                    "its third input of shape \(Shape.text(c.shape)) does not broadcast to "
                        + Shape.text([m, n]))
            }
        }
        return [ValueInfo(type, [m, n])]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let a = inputs[0]
        let layout = GemmLayout(
            k: transposesA ? a.shape[0] : a.shape[1], transposesA: transposesA,
            transposesB: transposesB, alpha: alpha, beta: beta)
        let (b, c, y) = (inputs[1], inputs.optional(2), outputs[0])
        return try y.dataType.withNumber { type in
            func make<T: Number>(_: T.Type) -> any Step { GemmStep<T>(a, b, c, y, layout) }
            return make(type)
        }
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int {
        let k = inputs[0].shape[transposesA ? 0 : 1]
        return 2 &* outputs[0].shape.reduce(1, *) &* k
    }
}

private struct GemmLayout: Sendable {
    let k: Int
    let transposesA: Bool
    let transposesB: Bool
    let alpha: Float
    let beta: Float
}

private final class GemmStep<T: Number>: Step {
    private let (a, b, c, y): (Operand, Operand, Operand?, Operand)
    private let layout: GemmLayout
    private let (alpha, beta): (T, T)
    private let (cRowStride, cColumnStride): (Int, Int)

    init(_ a: Operand, _ b: Operand, _ c: Operand?, _ y: Operand, _ layout: GemmLayout) {
        (self.a, self.b, self.c, self.y) = (a, b, c, y)
        self.layout = layout
        alpha = T.from(layout.alpha)
        beta = T.from(layout.beta)
        let strides = c.map { StridedLoop.broadcastStrides($0.shape, to: y.shape) }
        (cRowStride, cColumnStride) = (strides?[0] ?? 0, strides?[1] ?? 0)
    }

    @_specialize(where T == Float)
    @_specialize(where T == Double)
    @_specialize(where T == Int64)
    @_specialize(where T == Int32)
    func run(_ workspace: Workspace) {
        let left = workspace.span(a, as: T.self)
        let right = workspace.span(b, as: T.self)
        var result = workspace.mutableSpan(y, as: T.self)
        let (m, n, k) = (y.shape[0], y.shape[1], layout.k)
        let (aRow, aColumn) = layout.transposesA ? (1, m) : (k, 1)
        let (bRow, bColumn) = layout.transposesB ? (1, k) : (n, 1)
        for row in 0..<m {
            for column in 0..<n {
                var sum = T.zero
                for index in 0..<k {
                    let pair = T.product(
                        left[row * aRow + index * aColumn],
                        right[index * bRow + column * bColumn])
                    sum = T.sum(sum, pair)
                }
                result[row * n + column] = T.product(sum, alpha)
            }
        }
        guard let c else { return }
        let addend = workspace.span(c, as: T.self)
        for row in 0..<m {
            for column in 0..<n {
                let value = addend[row * cRowStride + column * cColumnStride]
                let index = row * n + column
                result[index] = T.sum(result[index], T.product(value, beta))
            }
        }
    }
}
