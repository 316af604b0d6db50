import Primitives

/// ai.onnx.ml `Imputer`: elements that equal one value (or are NaN, when that is it) are replaced,
/// by one value for all columns or one a column. Floats and int64 stay what they are.
final class ImputerOperator: Operator {
    private let floats: [Float]
    private let integers: [Int64]
    private let replacedFloat: Float
    private let replacedInteger: Int64

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        floats = try context.floats("imputed_value_floats") ?? []
        integers = (try context.ints("imputed_value_int64s") ?? []).map { Int64($0) }
        replacedFloat = try context.float("replaced_value_float", default: 0)
        replacedInteger = Int64(try context.int("replaced_value_int64", default: 0))
        guard floats.isEmpty != integers.isEmpty else {
            throw OperatorFailure(
                "it must have either 'imputed_value_floats' or 'imputed_value_int64s'")
        }
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let types: [DataType] = integers.isEmpty ? [.float32, .float64] : [.int64]
        let type = try inputs.dataType(0, oneOf: types, "its input")
        guard let columns = inputs[0].shape.last else {
            throw OperatorFailure("its input has no columns")
        }
        let count = max(floats.count, integers.count)
        guard count == 1 || count == columns else {
            throw OperatorFailure("it has \(count) values for \(columns) columns")
        }
        return [ValueInfo(type, inputs[0].shape)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        let (x, y) = (inputs[0], outputs[0])
        switch x.dataType {
        case .float32:
            let replaced = replacedFloat
            return ImputerStep(x, y, floats) {
                replaced.isNaN ? $0.isNaN : $0 == replaced
            }
        case .float64:
            let replaced = Double(replacedFloat)
            return ImputerStep(x, y, floats.map { Double($0) }) {
                replaced.isNaN ? $0.isNaN : $0 == replaced
            }
        case .float16, .bfloat16, .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32,
            .uint64, .bool, .string:
            let replaced = replacedInteger
            return ImputerStep(x, y, integers) { $0 == replaced }
        }
    }
}

private final class ImputerStep<T: BitwiseCopyable & Sendable>: Step {
    private let (x, y): (Operand, Operand)
    private let values: [T]
    private let isReplaced: @Sendable (T) -> Bool
    private let columns: Int

    init(_ x: Operand, _ y: Operand, _ values: [T], _ isReplaced: @escaping @Sendable (T) -> Bool) {
        (self.x, self.y, self.values, self.isReplaced) = (x, y, values, isReplaced)
        columns = max(x.shape.last ?? 1, 1)
    }

    func run(_ workspace: Workspace) {
        let source = workspace.span(x, as: T.self)
        var target = workspace.mutableSpan(y, as: T.self)
        for index in source.indices {
            let value = source[index]
            target[index] =
                isReplaced(value) ? values[values.count == 1 ? 0 : index % columns] : value
        }
    }
}
