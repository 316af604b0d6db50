import Glibc
import Kernels
import Primitives

/// x · σ(linear · x + cubic · x³): swish (linear α), and the GELU by tanh (Hendrycks and Gimpel,
/// "Gaussian Error Linear Units", 2016).
final class GatedOperator: Operator {
    /// Elements at a time, so that they stay in the first cache.
    fileprivate static let blockCount = 2_048

    private let (linear, cubic): (Double, Double)

    init(
        _ context: OperatorContext, linear: Double, cubic: Double
    ) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        (self.linear, self.cubic) = (linear, cubic)
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let type = try inputs.dataType(0, oneOf: [.float32, .float64], "its input")
        return [ValueInfo(type, inputs[0].shape)]
    }

    func scratch(_ inputs: Inputs, _ outputs: [ValueInfo]) -> [ValueInfo] {
        guard inputs[0].dataType == .float32 else { return [] }
        let count = min(inputs[0].shape.reduce(1, *), Self.blockCount)
        return [ValueInfo(.float32, [count])]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        let (linear, cubic) = (linear, cubic)
        if outputs[0].dataType == .float32 {
            return GatedStep(
                inputs[0], outputs[0], outputs.scratch[0], linear: Float(linear),
                cubic: Float(cubic))
        }
        return MapStep<Double, Double>(inputs[0], outputs[0]) { x in
            x == -.infinity ? 0 : x / (1 + exp(-x * (cubic == 0 ? linear : linear + cubic * x * x)))
        }
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int {
        8 &* inputs[0].shape.reduce(1, *)
    }
}

private final class GatedStep: Step {
    private let (x, y, gates): (Operand, Operand, Operand)
    private let (linear, cubic): (Float, Float)

    init(_ x: Operand, _ y: Operand, _ gates: Operand, linear: Float, cubic: Float) {
        (self.x, self.y, self.gates) = (x, y, gates)
        (self.linear, self.cubic) = (linear, cubic)
    }

    func run(_ workspace: Workspace) {
        let source = workspace.span(x, as: Float.self)
        var start = 0
        while start < x.count {
            let count = min(GatedOperator.blockCount, x.count - start)
            let block = source.extracting(start..<start + count)
            var argument = workspace.mutableSpan(gates, as: Float.self, range: 0..<count)
            var target = workspace.mutableSpan(y, as: Float.self, range: start..<start + count)
            if cubic == 0 {
                for index in 0..<count { argument[index] = linear * block[index] }
            } else {
                for index in 0..<count {
                    let value = block[index]
                    argument[index] = value * (linear + cubic * (value * value))
                }
            }
            KernelSet.best.unary(
                .sigmoid, x: workspace.span(gates, as: Float.self).extracting(0..<count), y: &target
            )
            for index in 0..<count {
                let value = block[index]
                // -∞ has the limit 0.
                target[index] = value == -.infinity ? 0 : value * target[index]
            }
            start += count
        }
    }
}
