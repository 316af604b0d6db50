import Primitives

/// ONNX `Cast`: the same values in another element type.
///
/// Floats become integers by cutting off the fraction; what does not fit is undefined in the
/// standard, here it is the lowest int64 cut to the target's width. Strings are parsed and written
/// as decimal numbers. A cast to the same type is a view.
final class CastOperator: Operator {
    private let target: DataType

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        // About 8-bit floats only, which are not supported.
        context.ignore("saturate", "round_mode")
        guard let code = try context.int("to") else {
            throw OperatorFailure("its attribute 'to' is missing")
        }
        guard let target = Self.dataType(code) else {
            throw OperatorFailure("the element type \(code) it casts to is not supported")
        }
        self.target = target
    }

    /// The element type of a code in the ONNX standard (`TensorProto.DataType`).
    static func dataType(_ code: Int) -> DataType? {
        let types: [DataType?] = [
            nil, .float32, .uint8, .int8, .uint16, .int16, .int32, .int64, .string, .bool,
            .float16, .float64, .uint32, .uint64, nil, nil, .bfloat16,
        ]
        return types.indices.contains(code) ? types[code] : nil
    }

    func infer(_ inputs: Inputs) -> [ValueInfo] { [ValueInfo(target, inputs[0].shape)] }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        Self.step(inputs[0], outputs[0])
    }

    /// A step that converts one operand to the type of another.
    static func step(_ x: Operand, _ y: Operand) -> any Step {
        if x.dataType == y.dataType { return CopyStep(x, y) }
        switch (x.dataType, y.dataType) {
        case (.float64, .float32): return CastStep<Double, Float>(x, y) { Float($0) }
        case (.int64, .float32): return CastStep<Int64, Float>(x, y) { Float($0) }
        case (.int32, .float32): return CastStep<Int32, Float>(x, y) { Float($0) }
        case (.float32, .float64): return CastStep<Float, Double>(x, y) { Double($0) }
        case (.int32, .int64): return CastStep<Int32, Int64>(x, y) { Int64($0) }
        case (.int64, .int32): return CastStep<Int64, Int32>(x, y) { Int32(truncatingIfNeeded: $0) }
        default: return AnyCastStep(x, y)
        }
    }
}

/// The casts on the paths of real models, as straight loops.
private final class CastStep<From: BitwiseCopyable, To: BitwiseCopyable>: Step {
    private let (x, y): (Operand, Operand)
    private let convert: @Sendable (From) -> To

    init(_ x: Operand, _ y: Operand, _ convert: @escaping @Sendable (From) -> To) {
        (self.x, self.y) = (x, y)
        self.convert = convert
    }

    @_specialize(where From == Double, To == Float)
    @_specialize(where From == Int64, To == Float)
    @_specialize(where From == Int32, To == Float)
    @_specialize(where From == Float, To == Double)
    @_specialize(where From == Int32, To == Int64)
    @_specialize(where From == Int64, To == Int32)
    func run(_ workspace: Workspace) {
        let source = workspace.span(x, as: From.self)
        var target = workspace.mutableSpan(y, as: To.self)
        for index in source.indices { target[index] = convert(source[index]) }
    }
}

/// Any other pair of types, one element after the other.
private final class AnyCastStep: Step {
    private let (x, y): (Operand, Operand)

    init(_ x: Operand, _ y: Operand) { (self.x, self.y) = (x, y) }

    func run(_ workspace: Workspace) throws(OperatorFailure) {
        for index in 0..<x.count {
            let value = workspace.scalar(x, index)
            guard y.dataType != .string else {
                workspace.setString(y, index, value.text)
                continue
            }
            if case .text(let text) = value {
                guard let number = Scalar(parsing: text, isFloat: y.dataType.isFloat) else {
                    throw OperatorFailure("'\(text)' is not a number")
                }
                workspace.setScalar(y, index, number)
            } else {
                workspace.setScalar(y, index, value)
            }
        }
    }
}
