import Primitives

/// ai.onnx.ml `CategoryMapper`: strings to integers or integers to strings, by a table that both
/// directions share.
final class CategoryMapperOperator: Operator {
    private let strings: [String]
    private let integers: [Int64]
    private let byString: [String: Int]
    private let byInteger: [Int64: Int]
    private let (defaultString, defaultInteger): (String, Int64)

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        strings = try context.strings("cats_strings") ?? []
        integers = (try context.ints("cats_int64s") ?? []).map { Int64($0) }
        guard strings.count == integers.count else {
            throw OperatorFailure("it has \(strings.count) strings for \(integers.count) integers")
        }
        defaultString = try context.string("default_string") ?? "_Unused"
        defaultInteger = Int64(try context.int("default_int64", default: -1))
        byString = Dictionary(zip(strings, 0...), uniquingKeysWith: { _, last in last })
        byInteger = Dictionary(zip(integers, 0...), uniquingKeysWith: { _, last in last })
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        let type = try inputs.dataType(0, oneOf: [.string, .int64], "its input")
        return [ValueInfo(type == .string ? .int64 : .string, inputs[0].shape)]
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        CategoryMapperStep(self, inputs[0], outputs[0])
    }

    private final class CategoryMapperStep: Step {
        private let owner: CategoryMapperOperator
        private let (x, y): (Operand, Operand)

        init(_ owner: CategoryMapperOperator, _ x: Operand, _ y: Operand) {
            (self.owner, self.x, self.y) = (owner, x, y)
        }

        func run(_ workspace: Workspace) {
            guard x.dataType == .string else {
                for index in 0..<x.count {
                    let key = workspace.span(x, as: Int64.self)[index]
                    let place = owner.byInteger[key]
                    workspace.setString(
                        y, index, place.map { owner.strings[$0] } ?? owner.defaultString)
                }
                return
            }
            var target = workspace.mutableSpan(y, as: Int64.self)
            for index in 0..<x.count {
                let place = owner.byString[workspace.string(x, index)]
                target[index] = place.map { owner.integers[$0] } ?? owner.defaultInteger
            }
        }
    }
}
