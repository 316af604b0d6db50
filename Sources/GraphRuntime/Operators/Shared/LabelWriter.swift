import Primitives

/// The labels of a classifier's classes and how they reach its first output.
enum LabelWriter: Sendable {
    case integers([Int64])
    case strings([String])

    /// Reads one of the two attributes; `count` labels at least are wanted.
    init(
        _ context: OperatorContext, integers: String, strings: String
    ) throws(OperatorFailure) {
        let numbers = try context.ints(integers) ?? []
        let texts = try context.strings(strings) ?? []
        guard numbers.isEmpty || texts.isEmpty else {
            throw OperatorFailure("it has both '\(integers)' and '\(strings)'")
        }
        self = texts.isEmpty ? .integers(numbers.map { Int64($0) }) : .strings(texts)
    }

    var count: Int {
        switch self {
        case .integers(let labels): labels.count
        case .strings(let labels): labels.count
        }
    }

    var dataType: DataType {
        switch self {
        case .integers: .int64
        case .strings: .string
        }
    }

    /// Two labels for a yes-or-no answer: the own ones, or 0 and 1 where there are others.
    var binary: LabelWriter {
        if count == 2 { return self }
        switch self {
        case .integers: return .integers([0, 1])
        case .strings: return .strings(["0", "1"])
        }
    }

    /// Writes the label of class `index` for one row.
    func write(_ index: Int, row: Int, to operand: borrowing Operand, _ workspace: Workspace) {
        switch self {
        case .integers(let labels):
            var target = workspace.mutableSpan(operand, as: Int64.self)
            target[row] = labels[index]
        case .strings(let labels):
            workspace.setString(operand, row, labels[index])
        }
    }
}

extension Span where Element == Float {
    /// The first of the greatest values of a range; NaN never wins.
    func indexOfGreatest(_ range: Range<Int>) -> Int {
        var best = range.lowerBound
        for index in range
        where self[index] > self[best] || (self[best].isNaN && !self[index].isNaN) {
            best = index
        }
        return best - range.lowerBound
    }
}
