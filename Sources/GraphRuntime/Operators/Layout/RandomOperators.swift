import Glibc
import Primitives

/// ONNX `RandomUniform`, `RandomNormal`, their `…Like` forms, `Bernoulli` and `Multinomial`. With a seed
/// every run gives the same values; without one each run gives others.
final class RandomOperator: TensorOperator {
    private enum Kind {
        case uniform(Double, Double)
        case normal(Double, Double)
        /// True with the probability that the input says.
        case bernoulli
        /// Indices drawn by the logarithms of their odds.
        case multinomial(Int)
    }

    private let kind: Kind
    private let type: DataType?
    private let shape: [Int]?
    private let seed: Float?

    /// Operators of which two runs differ on the same inputs. Nodes of theirs are neither folded nor
    /// computed once for several.
    static let names: Set = [
        "Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform",
        "RandomUniformLike",
    ]

    var isFoldable: Bool { false }

    private init(
        _ context: OperatorContext, _ kind: Kind, inputs: Int
    ) throws(OperatorFailure) {
        precondition(
            Self.names.contains(context.node.operatorName.name),
            "passes must know the operators that are random")
        try context.requireInputs(inputs)
        try context.requireOutputs(1)
        self.kind = kind
        type = try context.dataType("dtype")
        seed = try context.float("seed")
        shape = inputs == 0 ? try context.ints("shape") ?? [] : nil
        guard shape.map({ Shape.elementCount($0) != nil }) ?? true else {
            throw OperatorFailure("its shape \(Shape.text(shape ?? [])) is impossible")
        }
    }

    @Sendable static func uniform(_ context: OperatorContext) throws(OperatorFailure)
        -> any Operator
    {
        try RandomOperator(context, try range(context), inputs: 0)
    }

    @Sendable static func uniformLike(
        _ context: OperatorContext
    ) throws(OperatorFailure) -> any Operator {
        try RandomOperator(context, try range(context), inputs: 1)
    }

    @Sendable static func normal(_ context: OperatorContext) throws(OperatorFailure) -> any Operator
    {
        try RandomOperator(context, try bell(context), inputs: 0)
    }

    @Sendable static func normalLike(
        _ context: OperatorContext
    ) throws(OperatorFailure) -> any Operator {
        try RandomOperator(context, try bell(context), inputs: 1)
    }

    @Sendable static func bernoulli(
        _ context: OperatorContext
    ) throws(OperatorFailure) -> any Operator {
        try RandomOperator(context, .bernoulli, inputs: 1)
    }

    @Sendable static func multinomial(
        _ context: OperatorContext
    ) throws(OperatorFailure) -> any Operator {
        let count = try context.int("sample_size", default: 1)
        guard count > 0, count <= Limits.standard.rangeElementsMax else {
            throw OperatorFailure("its sample size \(count) is not possible")
        }
        return try RandomOperator(context, .multinomial(count), inputs: 1)
    }

    private static func range(_ context: OperatorContext) throws(OperatorFailure) -> Kind {
        .uniform(
            Double(try context.float("low", default: 0)),
            Double(try context.float("high", default: 1)))
    }

    private static func bell(_ context: OperatorContext) throws(OperatorFailure) -> Kind {
        .normal(
            Double(try context.float("mean", default: 0)),
            Double(try context.float("scale", default: 1)))
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        if let shape { return [ValueInfo(type ?? .float32, shape)] }
        if case .multinomial(let count) = kind {
            guard inputs[0].shape.count == 2, inputs[0].dataType.isFloat, inputs[0].shape[1] > 0
            else {
                throw OperatorFailure("it takes a row of odds for each draw")
            }
            return [ValueInfo(type ?? .int32, [inputs[0].shape[0], count])]
        }
        let own = inputs[0].dataType
        guard type != nil || own != .string else { throw OperatorFailure("it takes numbers") }
        return [ValueInfo(type ?? own, inputs[0].shape)]
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        try shapes(inputs) ?? []
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        let x = inputs.first ?? nil
        var numbers = Numbers(seed)
        let result = try shapes(Inputs(inputs.map { tensor in tensor.map { ValueInfo($0) } })) ?? []
        guard let info = result.first else { throw OperatorFailure("it has no shape") }
        let count = info.shape.reduce(1, *)
        let values: [Double]
        switch kind {
        case .uniform(let low, let high):
            values = (0..<count).map { _ in low + numbers.next() * (high - low) }
        case .normal(let mean, let scale):
            values = (0..<count).map { _ in mean + numbers.nextNormal() * scale }
        case .bernoulli:
            values = (x?.reals ?? []).map { numbers.next() < $0 ? 1 : 0 }
        case .multinomial(let draws):
            guard let x else { throw OperatorFailure("its odds are left out") }
            values = Self.draw(x, draws, &numbers)
        }
        return [Tensor(info.dataType, shape: info.shape, reals: values)]
    }

    private static func draw(_ x: Tensor, _ draws: Int, _ numbers: inout Numbers) -> [Double] {
        let (odds, width) = (x.reals, x.shape[1])
        var values: [Double] = []
        for row in 0..<x.shape[0] {
            let line = odds[row * width..<(row + 1) * width]
            let highest = line.max() ?? 0
            let weights = line.map { exp($0 - highest) }
            let total = weights.reduce(0, +)
            for _ in 0..<draws {
                var rest = numbers.next() * total
                var index = 0
                while index < width - 1, rest >= weights[index] {
                    rest -= weights[index]
                    index += 1
                }
                values.append(Double(index))
            }
        }
        return values
    }

    /// SplitMix64 (Steele, Lea & Flood, 2014).
    private struct Numbers {
        private var state: UInt64

        init(_ seed: Float?) {
            state = seed.map { UInt64($0.bitPattern) } ?? UInt64.random(in: .min ... .max)
        }

        /// From 0 to below 1.
        mutating func next() -> Double {
            state &+= 0x9E37_79B9_7F4A_7C15
            var bits = state
            bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
            bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
            return Double((bits ^ bits >> 31) >> 11) * 0x1p-53
        }

        /// Box & Muller, 1958.
        mutating func nextNormal() -> Double {
            let radius = (-2 * log(1 - next())).squareRoot()
            return radius * cos(2 * Double.pi * next())
        }
    }
}
