import Primitives

/// ai.onnx.ml `OneHotEncoder`: each element becomes a row of zeros with a 1 at the place of its
/// category. An element that is no category is all zeros, or an error where `zeros` is 0.
final class OneHotEncoderOperator: Operator {
    private let strings: [String: Int]
    private let integers: [Int64: Int]
    private let count: Int
    private let allowsUnknown: Bool

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        let texts = try context.strings("cats_strings") ?? []
        let numbers = try context.ints("cats_int64s") ?? []
        guard texts.isEmpty != numbers.isEmpty else {
            throw OperatorFailure("it must have either 'cats_strings' or 'cats_int64s'")
        }
        allowsUnknown = try context.flag("zeros", default: true)
        count = max(texts.count, numbers.count)
        strings = Dictionary(zip(texts, 0...), uniquingKeysWith: { first, _ in first })
        integers = Dictionary(
            zip(numbers.map { Int64($0) }, 0...), uniquingKeysWith: { first, _ in first })
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let types: [DataType] =
            integers.isEmpty ? [.string] : [.int64, .int32, .float32, .float64]
        _ = try inputs.dataType(0, oneOf: types, "its input")
        return [ValueInfo(.float32, inputs[0].shape + [count])]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        OneHotEncoderStep(self, inputs[0], outputs[0])
    }

    private final class OneHotEncoderStep: Step {
        private let owner: OneHotEncoderOperator
        private let (x, y): (Operand, Operand)

        init(_ owner: OneHotEncoderOperator, _ x: Operand, _ y: Operand) {
            (self.owner, self.x, self.y) = (owner, x, y)
        }

        func run(_ workspace: Workspace) throws(OperatorFailure) {
            var target = workspace.mutableSpan(y, as: Float.self)
            for index in target.indices { target[index] = 0 }
            for index in 0..<x.count {
                if let place = place(workspace, index) {
                    target[index * owner.count + place] = 1
                } else if !owner.allowsUnknown {
                    throw OperatorFailure("element \(index) is none of its categories")
                }
            }
        }

        /// The category of an element. Numbers are cut to integers, as ONNX Runtime does it.
        private func place(_ workspace: Workspace, _ index: Int) -> Int? {
            switch x.dataType {
            case .string: return owner.strings[workspace.string(x, index)]
            case .int64: return owner.integers[workspace.span(x, as: Int64.self)[index]]
            case .int32: return owner.integers[Int64(workspace.span(x, as: Int32.self)[index])]
            case .float32: return number(Double(workspace.span(x, as: Float.self)[index]))
            case .float64, .float16, .bfloat16, .int8, .int16, .uint8, .uint16, .uint32, .uint64,
                .bool:
                return number(workspace.span(x, as: Double.self)[index])
            }
        }

        private func number(_ value: Double) -> Int? {
            guard value.magnitude < 9e18 else { return nil }
            return owner.integers[Int64(value)]
        }
    }
}
