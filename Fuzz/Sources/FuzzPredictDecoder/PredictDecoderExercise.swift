import HTTPServer
import Models
import Primitives

/// Decodes any bytes as a request body, and checks that what was accepted survives being answered
/// and decoded again. Traps when it does not. Run by the fuzzer, and by HTTPServerTests on the corpus.
///
/// The first byte chooses the format and the model, the rest is the body.
enum PredictDecoderExercise {
    static func run(_ bytes: Span<UInt8>) {
        guard bytes.count > 0 else { return }
        let choice = Int(bytes[0])
        let format = PayloadFormat.allCases[choice % 3]
        let signature = signatures[choice / 3 % signatures.count]
        guard let first = decode(bytes.extracting(1...), format, signature) else { return }
        for answerFormat in PayloadFormat.allCases {
            if answerFormat != .json, signature.inputs.count > 1 { continue }
            check(first, answerFormat, signature)
        }
    }

    private struct Rows {
        let columns: [TensorColumn]
        let count: Int
    }

    private static func decode(
        _ body: Span<UInt8>, _ format: PayloadFormat, _ signature: Signature
    ) -> Rows? {
        let decoder = PredictDecoder()
        var limits = Limits()
        limits.requestRowsMax = 1_000
        do throws(DecodeRefusal) {
            let shapes = try decoder.rowShapes(
                of: body, format: format, signature: signature)
            let columns = zip(signature.inputs, shapes).map {
                TensorColumn(spec: $0, rowShape: $1, rowCapacity: 1)
            }
            // Behind a row of another request.
            let count = try decoder.decode(
                body, format: format, signature: signature, columns: columns, firstRow: 1,
                limits: limits)
            precondition(count > 0 && count <= limits.requestRowsMax, "rows are counted")
            return Rows(columns: columns, count: count)
        } catch {
            precondition(!error.message.isEmpty && error.message.utf8.count < 2_000, "bounded")
            return nil
        }
    }

    /// Answers with the input as output, and reads the answer as a request.
    private static func check(_ rows: Rows, _ format: PayloadFormat, _ signature: Signature) {
        let presentation = Presentation(
            model: "m", version: "1",
            signature: Signature(
                inputs: signature.inputs, outputs: signature.inputs,
                batchDimension: signature.batchDimension))
        var buffer = ByteBuffer()
        let batch = TensorBatch(columns: rows.columns, rowStart: 1, rowCount: rows.count)
        presentation.encode(results: batch, format: format, into: &buffer)
        var start = 0
        var end = buffer.count
        if format == .json {
            precondition((try? JSONValue(parsing: buffer.span)) != nil, "an answer is JSON")
            // What stands behind `"predictions":`.
            start = "{\"model\":\"m\",\"version\":\"1\",\"predictions\":".utf8.count
            end -= 1
            if signature.batchDimension == .none {
                start += 1
                end -= 1
            }
            // NumPy files may hold NaN, which answers give as null.
            if hasNonFinite(rows) { return }
        }
        if cannotSay(format, rows) { return }
        let body = buffer.span.extracting(start..<end)
        guard let again = decode(body, format, signature) else {
            preconditionFailure("an answer can be sent back")
        }
        precondition(again.count == rows.count, "the same rows")
        for (old, new) in zip(rows.columns, again.columns) { compare(old, new, rows.count) }
    }

    /// CSV has no text for rows of nothing, no shapes, no NaN; and a header in front of several
    /// strings a row looks like one more row. NumPy takes zeros at the end of a string for padding,
    /// and has no bfloat16: it goes out as float32, where a NaN may come back as another.
    private static func cannotSay(_ format: PayloadFormat, _ rows: Rows) -> Bool {
        let column = rows.columns[0]
        let elements = column.elementsPerRow
        switch format {
        case .json: return false
        case .csv:
            let isDynamic = column.spec.shape.dropFirst().contains { $0 < 0 }
            return elements == 0 || isDynamic && column.rowShape.count > 1
                || column.spec.dataType == .string && elements > 1 || hasNonFinite(rows)
        case .npy:
            return column.strings.contains { $0.unicodeScalars.last == "\0" }
                || column.spec.dataType == .bfloat16 && hasNonFinite(rows)
        }
    }

    private static func compare(_ old: TensorColumn, _ new: TensorColumn, _ rows: Int) {
        precondition(old.rowShape == new.rowShape, "the same shape")
        let elements = old.elementsPerRow
        if old.spec.dataType == .string {
            for index in elements..<elements * (rows + 1) {
                precondition(old.strings[index] == new.strings[index], "the same strings")
            }
            return
        }
        let size = old.spec.dataType.byteCount
        let (oldMemory, newMemory) = (old.memory, new.memory)
        let oldBytes = oldMemory.span(as: UInt8.self)
        let newBytes = newMemory.span(as: UInt8.self)
        for index in elements * size..<elements * size * (rows + 1) {
            precondition(oldBytes[index] == newBytes[index], "the same bits")
        }
    }

    private static func hasNonFinite(_ rows: Rows) -> Bool {
        for column in rows.columns {
            let start = column.elementsPerRow
            let count = column.elementsPerRow * rows.count
            switch column.spec.dataType {
            case .float32:
                let values = column.elements(from: start, count: count, as: Float.self)
                for index in values.indices where !values[index].isFinite { return true }
            case .float64:
                let values = column.elements(from: start, count: count, as: Double.self)
                for index in values.indices where !values[index].isFinite { return true }
            case .float16:
                let values = column.elements(from: start, count: count, as: Float16.self)
                for index in values.indices where !values[index].isFinite { return true }
            case .bfloat16:
                let values = column.elements(from: start, count: count, as: UInt16.self)
                for index in values.indices where values[index] & 0x7F80 == 0x7F80 { return true }
            case .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64, .bool, .string:
                continue
            }
        }
        return false
    }

    private static func one(
        _ type: DataType, _ shape: [Int], batch: BatchDimension? = nil
    ) -> Signature {
        let spec = TensorSpec("X", type, shape)
        return Signature(inputs: [spec], outputs: [spec], batchDimension: batch)
    }

    static let signatures: [Signature] =
        [one(.float32, [-1, 4]), one(.float32, [-1, 2, -1]), one(.string, [-1, 2])]
        + DataType.allCases.map { one($0, [-1]) }
        + [
            one(.float64, [2, 2], batch: BatchDimension.none), one(.int64, [-1, -1]),
            one(.float32, [-1, 2, 0]),
            Signature(
                inputs: [
                    TensorSpec("age", .int64, [-1]), TensorSpec("city", .string, [-1, 1]),
                    TensorSpec("scores", .float64, [-1, 2]),
                ], outputs: []),
        ]
}
