import Models
import Primitives

/// How the answers of one model version look: made once when it is loaded, then used by any loop.
///
/// JSON: `{"model":"iris","version":"1","predictions":[…]}` with one prediction a row:
/// - One output: its row. A row shape of `[]` gives a plain value, any other nested arrays.
/// - A classifier: `{"label":"setosa","probabilities":[0.97,…]}`. A model is one when it has two
///   outputs, a label (int64 or string, one a row) and scores (floats, one array a row), whatever
///   their names; or when its only output has as many floats a row as there are labels.
/// - Any other model: `{"out1":…,"out2":…}`.
///
/// NaN and infinities become `null` in JSON, which has no numbers for them; CSV and NumPy files keep
/// them. Numbers read back bit for bit.
public struct Presentation: Sendable {
    enum Form: Sendable, Equatable {
        case output(Int)
        /// The label's output, if the model has one, and that of the scores.
        case classes(label: Int?, scores: Int)
        case members
    }

    let signature: Signature
    /// How predictions look when no output is chosen.
    let form: Form
    /// What stands for each class: the labels of `model.json`, else the model's own.
    let labels: [String]
    /// Everything in front of the first prediction, and behind the last.
    let jsonPrefix: [UInt8]
    /// Each label as JSON.
    let labelBytes: [[UInt8]]
    /// The outputs that are answered, in this order.
    let answered: [Int]
    /// `"out1":`, for each output.
    let memberBytes: [[UInt8]]
    /// The integer the model gives for each class, when its classes are integers other than 0, 1, ….
    private let classValues: [Int64]?

    /// `labels` are those of `model.json`, `classLabels` what the model itself calls its classes
    /// (integers as text); either may be empty. `labels` win, when they are as many. `outputs` are the
    /// names of those that are answered; empty: all.
    public init(
        model: String, version: String, signature: Signature, labels: [String] = [],
        classLabels: [String] = [], outputs: [String] = []
    ) {
        self.signature = signature
        self.labels = labels.isEmpty ? classLabels : labels
        let chosen = outputs.compactMap { name in
            signature.outputs.firstIndex { $0.name == name }
        }
        answered = chosen.isEmpty ? Array(signature.outputs.indices) : chosen
        form = Self.form(
            Self.form(signature, classCount: self.labels.count), answering: answered)
        let values = classLabels.compactMap { Int64($0) }
        let isKnown = !values.isEmpty && values.count == self.labels.count
        classValues = isKnown && values.count == classLabels.count ? values : nil
        jsonPrefix = Self.bytes { buffer in
            buffer.append("{\"model\":")
            buffer.appendJSON(string: model)
            buffer.append(",\"version\":")
            buffer.appendJSON(string: version)
            buffer.append(",\"predictions\":[")
        }
        // The model's own integers stay numbers; names given in model.json are text.
        let isInteger =
            labels.isEmpty && classValues != nil && Self.labelType(form, signature) == .int64
        labelBytes = self.labels.map { label in
            Self.bytes { if isInteger { $0.append(label) } else { $0.appendJSON(string: label) } }
        }
        memberBytes = signature.outputs.map { output in
            Self.bytes {
                $0.appendJSON(string: output.name)
                $0.append(UInt8(ascii: ":"))
            }
        }
    }

    /// The output that formats with one array use when none is chosen: the scores of a classifier,
    /// the only output, else nil.
    public var defaultOutput: Int? {
        switch form {
        case .output(let index), .classes(_, let index): index
        case .members: nil
        }
    }

    /// The index of the output with this name.
    public func output(named name: String) -> Int? {
        signature.outputs.firstIndex { $0.name == name }
    }

    /// Appends the whole answer. `output` chooses one output, given alone; without it NumPy files
    /// take `defaultOutput`, or the first output when there is none (ask before, if that is wrong).
    public func encode(
        results: borrowing TensorBatch, format: PayloadFormat, output: Int? = nil,
        into buffer: inout ByteBuffer
    ) {
        let form = output.map { Form.output($0) } ?? form
        switch format {
        case .json: encodeJSON(results, form, into: &buffer)
        case .csv: encodeCSV(results, form, into: &buffer)
        case .npy: encodeNPY(results, output: output ?? defaultOutput ?? 0, into: &buffer)
        }
    }

    /// The index among the labels of an integer that the model gave as label.
    @inline(__always)
    func labelIndex(of value: Int64) -> Int? {
        if let classValues { return classValues.firstIndex(of: value) }
        return value >= 0 && value < labels.count ? Int(value) : nil
    }

    private static func form(_ signature: Signature, classCount: Int) -> Form {
        func isScores(_ index: Int) -> Bool {
            let spec = signature.outputs[index]
            switch spec.dataType {
            case .float32, .float64, .float16, .bfloat16:
                return signature.rowShape(of: spec).count == 1
            case .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64, .bool, .string:
                return false
            }
        }
        func isLabel(_ index: Int) -> Bool {
            let spec = signature.outputs[index]
            let isSingle = signature.rowShape(of: spec).allSatisfy { $0 == 1 }
            return isSingle && (spec.dataType == .int64 || spec.dataType == .string)
        }
        guard signature.batchDimension != .none else {
            return signature.outputs.count == 1 ? .output(0) : .members
        }
        switch signature.outputs.count {
        case 1:
            let width = signature.rowShape(of: signature.outputs[0]).first
            let isClasses = isScores(0) && classCount > 1 && width == classCount
            return isClasses ? .classes(label: nil, scores: 0) : .output(0)
        case 2:
            if isLabel(0), isScores(1) { return .classes(label: 0, scores: 1) }
            if isLabel(1), isScores(0) { return .classes(label: 1, scores: 0) }
            return .members
        default: return .members
        }
    }

    /// A form that shows no other outputs than those that are answered.
    private static func form(_ form: Form, answering answered: [Int]) -> Form {
        switch form {
        case .classes(nil, let scores) where answered == [scores]: form
        case .classes(let label?, let scores) where Set(answered) == [label, scores]: form
        case .output, .classes, .members:
            answered.count == 1 ? .output(answered[0]) : .members
        }
    }

    private static func labelType(_ form: Form, _ signature: Signature) -> DataType? {
        switch form {
        case .classes(let label?, _): signature.outputs[label].dataType
        case .classes(nil, _), .output, .members: nil
        }
    }

    private static func bytes(_ body: (inout ByteBuffer) -> Void) -> [UInt8] {
        var buffer = ByteBuffer()
        body(&buffer)
        let span = buffer.span
        var result: [UInt8] = []
        for index in span.indices { result.append(span[index]) }
        return result
    }
}

extension TensorBatch {
    /// Which of a row's scores is the highest; the first of equals, and no NaN unless all are.
    func highest(_ output: Int, row: Int) -> Int {
        switch columns[output].spec.dataType {
        case .float32: highest(output, row: row, of: Float.self) { $0 }
        case .float64: highest(output, row: row, of: Double.self) { $0 }
        case .float16: highest(output, row: row, of: Float16.self) { Float($0) }
        case .bfloat16: highest(output, row: row, of: BrainFloat.self) { $0.float }
        case .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64, .bool, .string:
            preconditionFailure("scores are floats")
        }
    }

    @inline(__always)
    private func highest<T: BitwiseCopyable, Score: BinaryFloatingPoint>(
        _ output: Int, row: Int, of type: T.Type, _ score: (T) -> Score
    ) -> Int {
        let values = rowElements(output, row: row, as: type)
        var best = 0
        for index in 1..<max(values.count, 1) {
            let isHigher = score(values[index]) > score(values[best])
            if isHigher || (score(values[best]).isNaN && !score(values[index]).isNaN) {
                best = index
            }
        }
        return best
    }

    /// The values of one row of a column.
    @_lifetime(borrow self)
    func rowElements<T: BitwiseCopyable>(_ index: Int, row: Int, as type: T.Type) -> Span<T> {
        precondition(row >= 0 && row < rowCount, "a row is inside its window")
        let column = columns[index]
        return column.memory.span(
            as: type, byteOffset: (rowStart + row) * column.bytesPerRow,
            count: column.elementsPerRow, owner: self)
    }
}
