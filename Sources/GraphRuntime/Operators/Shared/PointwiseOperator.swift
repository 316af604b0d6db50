import Primitives

/// A function of each element, computed in float64 and rounded once, for the functions that have no
/// kernel of their own.
final class PointwiseOperator: Operator {
    private let function: @Sendable (Double) -> Double

    init(
        _ context: OperatorContext, _ function: @escaping @Sendable (Double) -> Double
    ) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        self.function = function
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let type = try inputs.dataType(0, oneOf: [.float32, .float64], "its input")
        return [ValueInfo(type, inputs[0].shape)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        let function = function
        if outputs[0].dataType == .float32 {
            return MapStep<Float, Float>(inputs[0], outputs[0]) { Float(function(Double($0))) }
        }
        return MapStep<Double, Double>(inputs[0], outputs[0], function)
    }
}

/// A function of each element, given once for all types of its operand.
final class MapOperator: Operator {
    typealias Make = @Sendable (Operand, Operand) throws(OperatorFailure) -> any Step

    private let types: [DataType]
    private let result: DataType?
    private let make: Make

    /// - Parameter result: the type of the output; nil is that of the input.
    init(
        _ context: OperatorContext, types: [DataType], result: DataType? = nil,
        _ make: @escaping Make
    ) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        (self.types, self.result, self.make) = (types, result, make)
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let type = try inputs.dataType(0, oneOf: types, "its input")
        return [ValueInfo(result ?? type, inputs[0].shape)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) throws(OperatorFailure) -> any Step {
        try make(inputs[0], outputs[0])
    }
}

/// y[i] = function(x[i]).
final class MapStep<X: BitwiseCopyable & Sendable, Y: BitwiseCopyable & Sendable>: Step {
    private let (x, y): (Operand, Operand)
    private let function: @Sendable (X) -> Y

    init(_ x: Operand, _ y: Operand, _ function: @escaping @Sendable (X) -> Y) {
        (self.x, self.y) = (x, y)
        self.function = function
    }

    @_specialize(where X == Float, Y == Float)
    @_specialize(where X == Double, Y == Double)
    @_specialize(where X == Float, Y == UInt8)
    @_specialize(where X == UInt32, Y == UInt32)
    @_specialize(where X == UInt64, Y == UInt64)
    func run(_ workspace: Workspace) {
        let source = workspace.span(x, as: X.self)
        var target = workspace.mutableSpan(y, as: Y.self)
        for index in source.indices { target[index] = function(source[index]) }
    }
}
