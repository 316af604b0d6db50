import Glibc
import Primitives

/// Operators of `com.microsoft`, as ONNX Runtime's optimizer writes them into files.
enum FusedOperators {
    typealias Made = any Operator

    /// `BiasGelu`: GELU of x + bias. `FastGelu`: the same by tanh, the bias may be left out.
    final class BiasGelu: TensorOperator {
        private let usesTanh: Bool

        init(_ context: OperatorContext, usesTanh: Bool) throws(OperatorFailure) {
            try context.requireInputs(usesTanh ? 1 : 2, max: 2)
            try context.requireOutputs(1)
            self.usesTanh = usesTanh
        }

        func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
            let type = try inputs.dataType(0, oneOf: DataType.floats, "its input")
            if let bias = inputs.optional(1) {
                guard bias.shape.count == 1, bias.shape.last == inputs[0].shape.last else {
                    throw OperatorFailure("its bias does not fit")
                }
            }
            return [ValueInfo(type, inputs[0].shape)]
        }

        func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
            guard let x = inputs[0] else { throw OperatorFailure("its input is left out") }
            let bias = inputs.count > 1 ? inputs[1]?.reals : nil
            let scale = (2 / Double.pi).squareRoot()
            let made = x.reals.enumerated().map { place, value in
                let z = value + (bias.map { $0[place % max($0.count, 1)] } ?? 0)
                return usesTanh
                    ? 0.5 * z * (1 + tanh(scale * (z + 0.044715 * z * z * z)))
                    : z * erfc(-z * 0.5.squareRoot()) / 2
            }
            return [Tensor(x.dataType, shape: x.shape, reals: made)]
        }
    }

    @Sendable static func biasGelu(_ context: OperatorContext) throws(OperatorFailure) -> Made {
        try BiasGelu(context, usesTanh: false)
    }

    @Sendable static func fastGelu(_ context: OperatorContext) throws(OperatorFailure) -> Made {
        try BiasGelu(context, usesTanh: true)
    }

    /// `QuickGelu`: x · sigmoid(alpha · x).
    @Sendable static func quickGelu(_ context: OperatorContext) throws(OperatorFailure) -> Made {
        let alpha = Double(try context.float("alpha", default: 1.702))
        return try PointwiseOperator(context) { $0 / (1 + exp(-alpha * $0)) }
    }

    /// `SkipLayerNormalization`: LayerNormalization of the sum of two inputs (and a bias), which is
    /// given out as the fourth output.
    final class SkipNormalization: TensorOperator {
        private let epsilon: Double

        init(_ context: OperatorContext) throws(OperatorFailure) {
            try context.requireInputs(3, max: 5)
            try context.requireOutputs(1, max: 4)
            guard !context.hasOutput(1), !context.hasOutput(2) else {
                throw OperatorFailure("its mean and deviation are not given out here")
            }
            epsilon = Double(try context.float("epsilon", default: 1e-12))
        }

        func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
            let type = try inputs.dataType(0, oneOf: DataType.floats, "its input")
            let shape = inputs[0].shape
            guard let width = shape.last, inputs[1].shape == shape,
                (2..<5).allSatisfy({ inputs.optional($0).map { $0.shape == [width] } ?? true })
            else { throw OperatorFailure("its inputs do not fit the shape \(Shape.text(shape))") }
            let row = ValueInfo(.float32, Array(shape.dropLast()) + [1])
            return [ValueInfo(type, shape), row, row, ValueInfo(type, shape)]
        }

        func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
            func reals(_ index: Int) -> [Double]? {
                index < inputs.count ? inputs[index]?.reals : nil
            }
            guard let x = inputs[0], let skip = reals(1), let scale = reals(2),
                let width = x.shape.last, width > 0
            else { throw OperatorFailure("an input is left out or empty") }
            let (shift, bias) = (reals(3), reals(4))
            var sums = x.reals
            for place in sums.indices { sums[place] += skip[place] + (bias?[place % width] ?? 0) }
            var made = sums
            for row in 0..<sums.count / width {
                let line = sums[row * width..<(row + 1) * width]
                let mean = line.reduce(0, +) / Double(width)
                let variance = line.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
                let factor = 1 / (variance + epsilon).squareRoot()
                for column in 0..<width {
                    let place = row * width + column
                    made[place] =
                        (sums[place] - mean) * factor * scale[column] + (shift?[column] ?? 0)
                }
            }
            let rows = Array(x.shape.dropLast()) + [1]
            let empty = Tensor(dataType: .float32, shape: rows)
            return [
                Tensor(x.dataType, shape: x.shape, reals: made), empty, empty,
                Tensor(x.dataType, shape: x.shape, reals: sums),
            ]
        }
    }

    /// ONNX `SwiGLU`: swish(a) · b.
    @Sendable static func swiGLU(_ context: OperatorContext) throws(OperatorFailure) -> Made {
        let alpha = Double(try context.float("alpha", default: 1))
        return try PairOperator(context, types: [.float32, .float64]) {
            places throws(OperatorFailure) in
            if places.y.dataType == .float32 {
                return PairStep<Float, Float, Float>(places) { a, b in
                    Float(Double(a) / (1 + exp(-alpha * Double(a))) * Double(b))
                }
            }
            return PairStep<Double, Double, Double>(places) { $0 / (1 + exp(-alpha * $0)) * $1 }
        }
    }
}
