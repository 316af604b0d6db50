import HTTP
import Models
import Primitives

/// Reads the rows of one CSV body into columns: one line a row.
///
/// Without a header, a line holds the elements of the inputs in signature order, row-major. A first
/// line of nothing but words is a header. Where every input is one element a row, the header's
/// names are those of the inputs, in any order; for an input of several elements they are only
/// counted, since the signature has no names for them.
struct CSVRows {
    let signature: Signature
    let columns: [TensorColumn]
    let firstRow: Int
    let limits: Limits
    let scratch: DecoderScratch
    /// Whether columns that the model does not have are passed over.
    let ignoresUnknown: Bool

    /// The number of rows of the whole body.
    func decode(_ body: Span<UInt8>) throws(DecodeRefusal) -> Int {
        planInOrder()
        guard !scratch.csvColumns.isEmpty else {
            throw DecodeRefusal(
                .unsupportedFormat, "the model's rows are empty, CSV cannot carry them")
        }
        var text = CSVText(body)
        if let names = try header(body) {
            for _ in 0..<names.count { _ = try text.nextField() }
            try plan(names)
        }
        var rows = 0
        while !text.isAtEnd {
            guard rows < limits.requestRowsMax else {
                throw DecodeRefusal(
                    .tooManyRows,
                    "the body has more than \(limits.requestRowsMax) rows, the most a request may have"
                )
            }
            guard rows == 0 || signature.batchDimension != .none else {
                throw DecodeRefusal(
                    .invalidShape,
                    "line \(text.line) is one too many: the model takes whole tensors, one a request"
                )
            }
            for column in columns { column.reserve(rows: firstRow + rows + 1) }
            if features != nil { columns[0].fillMissing(row: firstRow + rows) }
            try readLine(&text, row: firstRow + rows)
            rows += 1
        }
        guard rows > 0 else { throw DecodeRefusal(.invalidShape, "the body has no rows") }
        return rows
    }

    private func readLine(_ text: inout CSVText, row: Int) throws(DecodeRefusal) {
        let line = text.line
        let width = scratch.csvColumns.count
        for index in 0..<width {
            let field = try text.nextField()
            if text.isAtLineEnd, index < width - 1 {
                throw Self.wrongWidth(line, index + 1, width)
            }
            let (input, element) = scratch.csvColumns[index]
            // A column that is passed over.
            if input < 0 { continue }
            let column = columns[input]
            let target = row * column.elementsPerRow + element
            try read(field, of: text, into: column, at: target, line: line, index: index)
        }
        guard !text.isAtLineEnd else { return }
        var found = width
        while !text.isAtLineEnd {
            _ = try text.nextField()
            found += 1
        }
        throw Self.wrongWidth(line, found, width)
    }

    private static func wrongWidth(_ line: Int, _ found: Int, _ width: Int) -> DecodeRefusal {
        let noun = found == 1 ? "column" : "columns"
        return DecodeRefusal(
            .invalidShape, "line \(line) has \(found) \(noun), the model takes \(width)")
    }

    private func read(
        _ field: CSVText.Field, of text: borrowing CSVText, into column: TensorColumn,
        at target: Int, line: Int, index: Int
    ) throws(DecodeRefusal) {
        if column.spec.dataType == .string {
            guard let value = text.string(field) else {
                throw DecodeRefusal(.invalidCSV, "line \(line), column \(index + 1) is no UTF-8")
            }
            column.strings[target] = value
            return
        }
        if let features, try readFeature(field, of: text, features, at: target, line: line) {
            return
        }
        do throws(JSONFault) {
            try Self.readNumber(text.bytes, field.range, into: column, at: target)
        } catch {
            let spec = column.spec
            let place = "line \(line), column \(index + 1)"
            switch error.kind {
            case .outOfRange:
                throw DecodeRefusal(
                    .outOfRange,
                    "\(place) is out of the range of \(spec.dataType.name), which input '\(spec.name)' takes"
                )
            case .fraction:
                throw DecodeRefusal(
                    .invalidType,
                    "\(place) has a fraction, input '\(spec.name)' takes \(spec.dataType.name)")
            case .text, .type, .count, .missingInput, .unknownInput, .repeatedInput, .notAnObject,
                .tooManyRows, .noRows, .rows, .tooManyInstances, .notRows, .notABody, .noRoot,
                .twoRoots, .unknownCategory:
                throw DecodeRefusal(
                    .invalidType,
                    "\(place) is \(text.excerpt(field)), input '\(spec.name)' takes \(spec.dataType.name)"
                )
            }
        }
    }

    /// Reads a number as JSON writes it, or `true` and `false` in any case.
    private static func readNumber(
        _ bytes: Span<UInt8>, _ range: Range<Int>, into column: TensorColumn, at target: Int
    ) throws(JSONFault) {
        var reader = JSONReader(bytes.extracting(range))
        switch column.spec.dataType {
        case .float32: try Float.readElement(&reader, into: column, index: target)
        case .float64: try Double.readElement(&reader, into: column, index: target)
        case .float16: try Float16.readElement(&reader, into: column, index: target)
        case .bfloat16: try BrainFloat.readElement(&reader, into: column, index: target)
        case .int8: try Int8.readElement(&reader, into: column, index: target)
        case .int16: try Int16.readElement(&reader, into: column, index: target)
        case .int32: try Int32.readElement(&reader, into: column, index: target)
        case .int64: try Int64.readElement(&reader, into: column, index: target)
        case .uint8: try UInt8.readElement(&reader, into: column, index: target)
        case .uint16: try UInt16.readElement(&reader, into: column, index: target)
        case .uint32: try UInt32.readElement(&reader, into: column, index: target)
        case .uint64: try UInt64.readElement(&reader, into: column, index: target)
        case .bool:
            let word = Ascii.trimmed(bytes, range)
            let isTrue = Ascii.equalsIgnoringCase(bytes, word, "true")
            guard isTrue || Ascii.equalsIgnoringCase(bytes, word, "false") else {
                throw JSONFault(.text(.expectedBoolean), offset: 0)
            }
            var values = column.mutableElements(from: target, count: 1, as: BooleanByte.self)
            values[0] = BooleanByte(isTrue)
            return
        case .string: preconditionFailure("strings are read as they are")
        }
        try reader.goToEnd()
    }

    // MARK: Columns

    private func planInOrder() {
        scratch.csvColumns.removeAll(keepingCapacity: true)
        for (input, column) in columns.enumerated() {
            for element in 0..<column.elementsPerRow { scratch.csvColumns.append((input, element)) }
        }
    }

    /// Orders the columns by the header's names.
    private func plan(_ names: [String]) throws(DecodeRefusal) {
        if let features { return try plan(names, features) }
        guard columns.allSatisfy({ $0.elementsPerRow == 1 }), columns.count > 1 else {
            guard names.count == scratch.csvColumns.count else {
                throw Self.wrongWidth(1, names.count, scratch.csvColumns.count)
            }
            return
        }
        scratch.csvColumns.removeAll(keepingCapacity: true)
        scratch.forgetInputs(columns.count)
        for name in names {
            guard let input = columns.firstIndex(where: { $0.spec.name == name }) else {
                if ignoresUnknown {
                    scratch.csvColumns.append((-1, 0))
                    continue
                }
                throw DecodeRefusal(
                    .unknownInput,
                    "line 1 has '\(name.excerpt())', the model takes \(JSONFault.list(signature))")
            }
            guard scratch.lastSeen[input] == 0 else {
                throw DecodeRefusal(.invalidCSV, "line 1 has '\(name.excerpt())' twice")
            }
            scratch.lastSeen[input] = 1
            scratch.csvColumns.append((input, 0))
        }
        if let missing = scratch.lastSeen.firstIndex(of: 0) {
            throw DecodeRefusal(
                .missingInput,
                "line 1 has no '\(columns[missing].spec.name)', "
                    + "the model takes \(JSONFault.list(signature))")
        }
    }

    /// The names of the first line when it is a header: when none of its fields is a number, a
    /// boolean, nothing or the text of NaN or infinity; of a model that takes strings, when all are
    /// names of inputs.
    private func header(_ body: Span<UInt8>) throws(DecodeRefusal) -> [String]? {
        var text = CSVText(body)
        guard !text.isAtEnd else { return nil }
        let takesStrings = columns.contains { $0.spec.dataType == .string }
        var names: [String] = []
        repeat {
            let field = try text.nextField()
            guard Self.isWord(body, field.range) else { return nil }
            // Past what any model takes, it is no matter what they are.
            guard names.count <= max(scratch.csvColumns.count, limits.csvHeaderColumnsMin) else {
                continue
            }
            guard let name = text.string(field) else { return nil }
            if takesStrings, !columns.contains(where: { $0.spec.name == name }) { return nil }
            names.append(name)
        } while !text.isAtLineEnd
        return names
    }

    private static func isWord(_ body: Span<UInt8>, _ range: Range<Int>) -> Bool {
        var word = Ascii.trimmed(body, range)
        if let first = word.first,
            body[first] == UInt8(ascii: "-") || body[first] == UInt8(ascii: "+")
        {
            word = first + 1..<word.upperBound
        }
        guard let first = word.first else { return false }
        if body[first] &- UInt8(ascii: "0") <= 9 || body[first] == UInt8(ascii: ".") {
            return false
        }
        func isText(_ text: StaticString) -> Bool { Ascii.equalsIgnoringCase(body, word, text) }
        return !isText("nan") && !isText("inf") && !isText("infinity") && !isText("true")
            && !isText("false") && !isText("null") && !isText("none") && !isText("na")
    }

    /// The row shapes of dynamic inputs: only a single one of one dimension can be told from a line.
    static func rowShapes(
        of body: Span<UInt8>, signature: Signature
    ) throws(DecodeRefusal) -> [[Int]] {
        var shapes: [[Int]] = []
        for spec in signature.inputs {
            var shape = signature.rowShape(of: spec)
            if shape.contains(where: { $0 < 0 }) {
                guard shape.count == 1, signature.inputs.count == 1 else {
                    throw DecodeRefusal(
                        .unsupportedFormat,
                        "CSV has no shapes: input '\(spec.name)' takes rows of any shape \(shape)")
                }
                var text = CSVText(body)
                var count = 0
                repeat {
                    _ = try text.nextField()
                    count += 1
                } while !text.isAtLineEnd
                shape = [count]
            }
            shapes.append(shape)
        }
        return shapes
    }
}
