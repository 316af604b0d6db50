import Primitives

/// ONNX operators on optional values.
enum OptionalOperators {
    /// ONNX `Optional`: its input as an optional, or an empty one.
    final class Make: ValueOperator {
        init(_ context: OperatorContext) throws(OperatorFailure) {
            try context.requireInputs(0, max: 1)
            try context.requireOutputs(1)
            context.ignore("type")
        }

        func evaluate(_ inputs: [RuntimeValue?]) -> [RuntimeValue] {
            [(inputs.first ?? nil) ?? .missing]
        }
    }

    /// ONNX `OptionalHasElement`: whether there is a value.
    final class HasElement: ValueOperator {
        init(_ context: OperatorContext) throws(OperatorFailure) {
            try context.requireInputs(0, max: 1)
            try context.requireOutputs(1)
        }

        func evaluate(_ inputs: [RuntimeValue?]) -> [RuntimeValue] {
            switch inputs.first ?? nil {
            case .tensor?, .sequence?: [.boolean(true)]
            case .missing?, nil: [.boolean(false)]
            }
        }
    }

    /// ONNX `OptionalGetElement`: the value in an optional.
    final class GetElement: ValueOperator {
        init(_ context: OperatorContext) throws(OperatorFailure) {
            try context.requireInputs(1)
            try context.requireOutputs(1)
        }

        func evaluate(_ inputs: [RuntimeValue?]) throws(OperatorFailure) -> [RuntimeValue] {
            switch inputs[0] {
            case .missing?, nil: throw OperatorFailure("its optional is empty")
            case let value?: return [value]
            }
        }
    }
}
