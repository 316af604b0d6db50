import Primitives

/// ai.onnx.ml `SVMRegressor`: Σ coefficient · kernel(x, vector) + rho; for `one_class` its sign.
final class SVMRegressorOperator: Operator {
    private let kernel: SVMKernel
    private let vectors: [Float]
    private let coefficients: [Float]
    private let rho: Float
    private let columns: Int
    private let isOneClass: Bool
    private let transform: PostTransform

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        kernel = try SVMKernel(context)
        transform = try PostTransform(context)
        isOneClass = try context.flag("one_class", default: false)
        coefficients = try context.floats("coefficients") ?? []
        let given = try context.floats("rho") ?? []
        guard given.count == 1, !coefficients.isEmpty else {
            throw OperatorFailure("it has \(given.count) values in 'rho' instead of 1")
        }
        rho = given[0]
        let count = try context.int("n_supports", default: 0)
        let list = try context.floats("support_vectors") ?? []
        if count > 0 {
            guard list.count % count == 0, coefficients.count == count else {
                throw OperatorFailure(
                    "\(list.count) numbers and \(coefficients.count) coefficients are no "
                        + "\(count) support vectors")
            }
            vectors = list
            columns = list.count / count
        } else {
            // One vector, by which a row is multiplied: a linear model.
            vectors = coefficients
            columns = coefficients.count
        }
        isLinear = count <= 0
    }

    private let isLinear: Bool

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        _ = try inputs.dataType(0, oneOf: FloatInput.types, "its input")
        let (rows, _) = try inputs.matrix(0, columns: columns)
        return [ValueInfo(.float32, [rows, 1])]
    }

    func scratch(_ inputs: Inputs, _ outputs: [ValueInfo]) -> [ValueInfo] {
        FloatInput.scratch(inputs[0])
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        SVMRegressorStep(
            self, FloatInput.Scratch(inputs[0], outputs.scratch).input, outputs[0])
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int {
        2 &* outputs[0].shape[0] &* vectors.count
    }

    private final class SVMRegressorStep: Step {
        private let owner: SVMRegressorOperator
        private let x: FloatInput
        private let y: Operand

        init(_ owner: SVMRegressorOperator, _ x: FloatInput, _ y: Operand) {
            (self.owner, self.x, self.y) = (owner, x, y)
        }

        func run(_ workspace: Workspace) throws(OperatorFailure) {
            try x.convert(workspace)
            let source = workspace.span(x.operand, as: Float.self)
            var target = workspace.mutableSpan(y, as: Float.self)
            for row in 0..<y.shape[0] {
                var sum = 0.0
                for index in 0..<(owner.isLinear ? 1 : owner.coefficients.count) {
                    let value = owner.kernel.value(
                        source, row: row, owner.vectors, index: index, columns: owner.columns)
                    sum += Double(value) * (owner.isLinear ? 1 : Double(owner.coefficients[index]))
                }
                let score = Float(sum + Double(owner.rho))
                target[row] = owner.isOneClass ? (score > 0 ? 1 : -1) : score
            }
            owner.transform.apply(&target, rows: y.shape[0], columns: 1)
        }
    }
}
