import Primitives

/// ONNX `Constant`: a tensor, or a number, string or list in an attribute.
final class ConstantOperator: Operator {
    private let tensor: Tensor

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(0)
        try context.requireOutputs(1)
        if let value = try context.tensor("value") {
            tensor = value
        } else if let value = try context.float("value_float") {
            tensor = Tensor(.float32, shape: [], [value])
        } else if let values = try context.floats("value_floats") {
            tensor = Tensor(.float32, shape: [values.count], values)
        } else if let value = try context.int("value_int") {
            tensor = Tensor(.int64, shape: [], [Int64(value)])
        } else if let values = try context.ints("value_ints") {
            tensor = Tensor(.int64, shape: [values.count], values.map { Int64($0) })
        } else if let value = try context.string("value_string") {
            tensor = Tensor(shape: [], strings: [value])
        } else if let values = try context.strings("value_strings") {
            tensor = Tensor(shape: [values.count], strings: values)
        } else {
            throw OperatorFailure("it holds no value of a kind that is supported")
        }
    }

    func infer(_ inputs: Inputs) -> [ValueInfo] { [ValueInfo(tensor)] }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        CopyStep(Operand(tensor), outputs[0])
    }

    func operationCount(_ inputs: Inputs, _ outputs: [ValueInfo]) -> Int { 0 }
}
