import Primitives

/// ai.onnx.ml `FeatureVectorizer`: the columns of all inputs side by side, as float32. Of an input
/// with more or fewer columns than `inputdimensions` says, the first are taken, or zeros added.
final class FeatureVectorizerOperator: Operator {
    private let widths: [Int]
    private let inputCount: Int

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1, max: .max)
        try context.requireOutputs(1)
        inputCount = context.inputCount
        for index in 0..<inputCount where !context.hasInput(index) {
            throw OperatorFailure("its input \(index) is left out")
        }
        widths = try context.ints("inputdimensions") ?? []
        guard widths.isEmpty || widths.count == inputCount, widths.allSatisfy({ $0 >= 0 }) else {
            throw OperatorFailure(
                "it has \(widths.count) 'inputdimensions' for \(inputCount) inputs")
        }
    }

    func infer(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo] {
        var rows: Int?
        var total = 0
        for index in 0..<inputCount {
            _ = try inputs.dataType(index, oneOf: FloatInput.types, "its input \(index)")
            let (found, columns) = try inputs.matrix(index)
            guard rows == nil || rows == found else {
                throw OperatorFailure(
                    "its input \(index) has \(found) rows, the first \(rows ?? 0)")
            }
            rows = found
            let (sum, overflow) = total.addingReportingOverflow(
                widths.isEmpty ? columns : widths[index])
            guard !overflow else { throw OperatorFailure("its columns overflow") }
            total = sum
        }
        return [ValueInfo(.float32, [rows ?? 0, total])]
    }

    func scratch(_ inputs: Inputs, _ outputs: [ValueInfo]) -> [ValueInfo] {
        (0..<inputCount).flatMap { FloatInput.scratch(inputs[$0]) }
    }

    func prepare(_ inputs: Operands, _ outputs: Operands) -> any Step {
        var rest = outputs.scratch[...]
        var sources: [FloatInput] = []
        for index in 0..<inputCount {
            let scratch = FloatInput.Scratch(inputs[index], Array(rest))
            sources.append(scratch.input)
            rest = scratch.rest
        }
        let columns = sources.map { $0.operand.shape.last ?? 1 }
        return FeatureVectorizerStep(
            sources, columns, widths.isEmpty ? columns : widths, outputs[0])
    }
}

private final class FeatureVectorizerStep: Step {
    private let sources: [FloatInput]
    private let (columns, widths): ([Int], [Int])
    private let y: Operand

    init(_ sources: [FloatInput], _ columns: [Int], _ widths: [Int], _ y: Operand) {
        (self.sources, self.columns, self.widths, self.y) = (sources, columns, widths, y)
    }

    func run(_ workspace: Workspace) throws(OperatorFailure) {
        for source in sources { try source.convert(workspace) }
        var target = workspace.mutableSpan(y, as: Float.self)
        let total = y.shape[1]
        var offset = 0
        for index in sources.indices {
            let values = workspace.span(sources[index].operand, as: Float.self)
            for row in 0..<y.shape[0] {
                for column in 0..<widths[index] {
                    target[row * total + offset + column] =
                        column < columns[index] ? values[row * columns[index] + column] : 0
                }
            }
            offset += widths[index]
        }
    }
}
