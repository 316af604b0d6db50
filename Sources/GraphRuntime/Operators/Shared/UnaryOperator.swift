import Glibc
import Kernels
import Primitives

/// A function of each element, for float32 through the kernels, for float64 through the C library.
final class UnaryOperator: Operator {
    private let function: UnaryFunction
    /// Whether integers have the function too (Abs, Neg, Sign, Relu).
    private let takesIntegers: Bool

    init(
        _ context: OperatorContext, _ function: UnaryFunction, takesIntegers: Bool = false
    ) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        self.function = function
        self.takesIntegers = takesIntegers
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let types = takesIntegers ? DataType.numbers : [.float32, .float64]
        let type = try inputs.dataType(0, oneOf: types, "its input")
        return [ValueInfo(type, inputs[0].shape)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        let (x, y) = (inputs[0], outputs[0])
        switch y.dataType {
        case .float32: return UnaryFloatStep(function, x, y)
        case .float64: return UnaryDoubleStep(function, x, y)
        case .float16, .bfloat16, .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32,
            .uint64, .bool, .string:
            break
        }
        let function = function
        return try y.dataType.withNumber { type in
            func make<T: Number>(_: T.Type) -> any Step { UnaryIntegerStep<T>(function, x, y) }
            return make(type)
        }
    }
}

private final class UnaryFloatStep: PartedStep {
    private let function: UnaryFunction
    private let (x, y): (Operand, Operand)

    init(_ function: UnaryFunction, _ x: Operand, _ y: Operand) {
        self.function = function
        (self.x, self.y) = (x, y)
    }

    func partCount(phase: Int, lanes: Int) -> Int {
        Parting.count(work: 16 * x.count, partMin: Parting.bytesMin, lanes: lanes)
    }

    func run(phase: Int, part: Int, of parts: Int, _ workspace: Workspace) {
        let range = Parting.range(x.count, part: part, of: parts, unit: 16)
        let source = workspace.span(x, as: Float.self).extracting(range)
        var target = workspace.mutableSpan(y, as: Float.self, range: range)
        KernelSet.best.unary(function, x: source, y: &target)
    }
}

private final class UnaryDoubleStep: Step {
    private let function: UnaryFunction
    private let (x, y): (Operand, Operand)

    init(_ function: UnaryFunction, _ x: Operand, _ y: Operand) {
        self.function = function
        (self.x, self.y) = (x, y)
    }

    func run(_ workspace: Workspace) {
        let source = workspace.span(x, as: Double.self)
        var target = workspace.mutableSpan(y, as: Double.self)
        for index in source.indices { target[index] = function.value(source[index]) }
    }
}

private final class UnaryIntegerStep<T: Number>: Step {
    private let function: UnaryFunction
    private let (x, y): (Operand, Operand)

    init(_ function: UnaryFunction, _ x: Operand, _ y: Operand) {
        self.function = function
        (self.x, self.y) = (x, y)
    }

    @_specialize(where T == Int64)
    @_specialize(where T == Int32)
    func run(_ workspace: Workspace) {
        let source = workspace.span(x, as: T.self)
        var target = workspace.mutableSpan(y, as: T.self)
        for index in source.indices { target[index] = function.integer(source[index]) }
    }
}

extension UnaryFunction {
    /// The function in float64.
    func value(_ x: Double) -> Double {
        switch self {
        case .relu: x < 0 ? 0 : x
        case .exp: Glibc.exp(x)
        case .log: Glibc.log(x)
        case .sigmoid: 1 / (1 + Glibc.exp(-x))
        case .tanh: Glibc.tanh(x)
        case .softplus: x > 0 ? x + log1p(Glibc.exp(-x)) : log1p(Glibc.exp(x))
        case .erf: Glibc.erf(x)
        case .gelu: x * Glibc.erfc(-x * 0.5.squareRoot()) / 2
        case .sqrt: x.squareRoot()
        case .abs: x.magnitude
        case .negate: -x
        case .reciprocal: 1 / x
        case .floor: x.rounded(.down)
        case .ceiling: x.rounded(.up)
        case .round: x.rounded(.toNearestOrEven)
        case .sign: x > 0 ? 1 : x < 0 ? -1 : x
        }
    }

    /// The function on an integer, for those that have it; the others leave it as it is.
    func integer<T: Number>(_ x: T) -> T {
        switch self {
        case .relu: x < T.zero ? T.zero : x
        case .abs: x.magnitudeValue
        case .negate: T.difference(T.zero, x)
        case .sign: T.sign(of: x)
        case .exp, .log, .sigmoid, .tanh, .softplus, .erf, .gelu, .sqrt, .reciprocal, .floor,
            .ceiling, .round:
            x
        }
    }
}

extension Number {
    /// -1, 0 or 1 as this type has it.
    static func sign(of x: Self) -> Self {
        if x > zero { return one }
        return x < zero ? difference(zero, one) : x
    }
}
