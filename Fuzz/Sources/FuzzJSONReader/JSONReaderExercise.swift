import Primitives

/// Reads any bytes as JSON in every way there is, and checks that the ways agree. Traps when they do
/// not. Run by the fuzzer, and by PrimitivesTests on the corpus.
enum JSONReaderExercise {
    static func run(_ bytes: Span<UInt8>) {
        let skipped = skip(bytes)
        let parsed = parse(bytes)
        switch parsed {
        case .success(let value):
            precondition(skipped == nil, "what parses can be skipped")
            precondition(print(value) == print(reparse(value)), "what was written reads back")
        case .failure(let error):
            precondition(error.offset >= 0 && error.offset <= bytes.count, "errors have a place")
            precondition(!error.message.isEmpty, "errors have a sentence")
            switch error.kind {
            case .duplicateKey, .numberOutOfRange: break
            default: precondition(skipped == error, "skipping is as strict as parsing")
            }
        }
        readNumbers(bytes)
    }

    private static func parse(_ bytes: Span<UInt8>) -> Result<JSONValue, JSONError> {
        do throws(JSONError) {
            return .success(try JSONValue(parsing: bytes))
        } catch {
            return .failure(error)
        }
    }

    private static func skip(_ bytes: Span<UInt8>) -> JSONError? {
        var reader = JSONReader(bytes)
        do throws(JSONError) {
            try reader.skipValue()
            try reader.expectEnd()
            return nil
        } catch {
            return error
        }
    }

    private static func print(_ value: JSONValue) -> String {
        var buffer = ByteBuffer()
        buffer.append(json: value)
        let span = buffer.span
        return String(decoding: span.indices.map { span[$0] }, as: UTF8.self)
    }

    private static func reparse(_ value: JSONValue) -> JSONValue {
        var buffer = ByteBuffer()
        buffer.append(json: value)
        guard case .success(let value) = parse(buffer.span) else {
            preconditionFailure("what was written is JSON")
        }
        return value
    }

    /// The same digits read as each kind of number; doubles as the standard library reads them.
    private static func readNumbers(_ bytes: Span<UInt8>) {
        var reader = JSONReader(bytes)
        guard let value = try? reader.readDouble() else { return }
        let end = reader.offset
        var text = ""
        for index in 0..<end where bytes[index] > 0x20 {
            text.unicodeScalars.append(Unicode.Scalar(bytes[index]))
        }
        precondition(Double(text)?.bitPattern == value.bitPattern, "numbers are read exactly")
        var floats = JSONReader(bytes)
        if let float = try? floats.readFloat() {
            precondition(Float(text)?.bitPattern == float.bitPattern, "floats are rounded once")
        }
        var integers = JSONReader(bytes)
        if let integer = try? integers.readInt64() {
            precondition(Double(integer) == value, "integers are the same number")
        }
        var unsigned = JSONReader(bytes)
        if let integer = try? unsigned.readUInt64() {
            precondition(Double(integer) == value, "integers are the same number")
        }
    }
}
