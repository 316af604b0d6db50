import Glibc
import Primitives

/// ONNX `NegativeLogLikelihoodLoss` and `SoftmaxCrossEntropyLoss`: minus the (log-)probability of each
/// target class, weighted by class, as they are, added, or averaged by weight.
final class LikelihoodLossOperator: TensorOperator {
    private enum Total: String {
        case none, sum, mean
    }

    private let total: Total
    private let ignored: Int?
    private let takesLogits: Bool

    @Sendable static func likelihood(
        _ context: OperatorContext
    ) throws(OperatorFailure) -> any Operator {
        try LikelihoodLossOperator(context, takesLogits: false)
    }

    @Sendable static func softmax(
        _ context: OperatorContext
    ) throws(OperatorFailure) -> any Operator {
        try LikelihoodLossOperator(context, takesLogits: true)
    }

    private init(_ context: OperatorContext, takesLogits: Bool) throws(OperatorFailure) {
        try context.requireInputs(2, max: 3)
        try context.requireOutputs(1, max: takesLogits ? 2 : 1)
        let name = try context.string("reduction") ?? "mean"
        guard let total = Total(rawValue: name) else {
            throw OperatorFailure("the reduction '\(name)' is not known")
        }
        self.total = total
        ignored = try context.int("ignore_index")
        self.takesLogits = takesLogits
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        let type = try inputs.dataType(0, oneOf: DataType.floats, "its input")
        _ = try inputs.dataType(1, oneOf: [.int64, .int32], "its targets")
        let (x, target) = (inputs[0].shape, inputs[1].shape)
        guard x.count >= 2, target == Array(x[..<1] + x[2...]),
            inputs.optional(2).map({ $0.shape == [x[1]] }) ?? true
        else {
            throw OperatorFailure(
                "targets \(Shape.text(target)) or weights do not fit \(Shape.text(x))")
        }
        return [ValueInfo(type, total == .none ? target : []), ValueInfo(type, x)]
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0], let targets = inputs[1]?.integers else {
            throw OperatorFailure("its targets must be int64 or int32")
        }
        var logs = x.reals
        let (classes, inner) = (x.shape[1], x.shape[2...].reduce(1, *))
        if takesLogits {
            x.forEachLine(1) { start, count, stride in
                var highest = -Double.infinity
                for index in 0..<count { highest = max(highest, logs[start + index * stride]) }
                var sum = 0.0
                for index in 0..<count { sum += Glibc.exp(logs[start + index * stride] - highest) }
                let shift = highest + Glibc.log(sum)
                for index in 0..<count { logs[start + index * stride] -= shift }
            }
        }
        let weights = inputs.count > 2 ? inputs[2]?.reals : nil
        var losses: [Double] = []
        var weightSum = 0.0
        for (place, target) in targets.enumerated() {
            if target == ignored {
                losses.append(0)
                continue
            }
            guard target >= 0, target < classes else {
                throw OperatorFailure("class \(target) is outside of \(classes)")
            }
            let weight = weights?[target] ?? 1
            let at = (place / inner * classes + target) * inner + place % inner
            losses.append(-logs[at] * weight)
            weightSum += weight
        }
        let sum = losses.reduce(0, +)
        let loss: Tensor
        switch total {
        case .none:
            loss = Tensor(x.dataType, shape: Array(x.shape[..<1] + x.shape[2...]), reals: losses)
        case .sum: loss = Tensor(x.dataType, shape: [], reals: [sum])
        case .mean: loss = Tensor(x.dataType, shape: [], reals: [sum / weightSum])
        }
        return [loss, Tensor(x.dataType, shape: x.shape, reals: logs)]
    }
}
