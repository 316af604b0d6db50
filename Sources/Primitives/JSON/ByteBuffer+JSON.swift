extension ByteBuffer {
    /// Appends text as a JSON string: in quotes, with `"`, `\` and control characters escaped
    /// (RFC 8259, section 7). Allocates nothing once the buffer is large enough.
    public mutating func appendJSON(string: String) {
        var string = string
        string.withUTF8 { appendJSON(utf8: $0) }
    }

    /// Appends UTF-8 as a JSON string. The bytes must be well-formed UTF-8.
    public mutating func appendJSON(string: Span<UInt8>) {
        string.withUnsafeBufferPointer { appendJSON(utf8: $0) }
    }

    private mutating func appendJSON(utf8 bytes: UnsafeBufferPointer<UInt8>) {
        append(UInt8(ascii: "\""))
        var plainStart = 0
        for index in 0..<bytes.count {
            let byte = bytes[index]
            // DEL is legal, but terminals act on it.
            guard byte < 0x20 || byte == 0x22 || byte == 0x5C || byte == 0x7F else { continue }
            append(UnsafeBufferPointer(rebasing: bytes[plainStart..<index]))
            appendEscape(of: byte)
            plainStart = index + 1
        }
        append(UnsafeBufferPointer(rebasing: bytes[plainStart...]))
        append(UInt8(ascii: "\""))
    }

    private mutating func appendEscape(of byte: UInt8) {
        switch byte {
        case 0x22: append("\\\"")
        case 0x5C: append("\\\\")
        case 0x08: append("\\b")
        case 0x0C: append("\\f")
        case 0x0A: append("\\n")
        case 0x0D: append("\\r")
        case 0x09: append("\\t")
        default:
            append("\\u00")
            append(Self.hexDigit(byte >> 4))
            append(Self.hexDigit(byte & 15))
        }
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") - 10 + value
    }

    /// Appends a tree as compact JSON text.
    public mutating func append(json value: JSONValue) {
        switch value {
        case .null: append("null")
        case .boolean(let value): append(value ? "true" : "false")
        case .integer(let value): append(decimal: Int(value))
        case .number(let value): append(shortest: value)
        case .string(let value): appendJSON(string: value)
        case .array(let elements):
            append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { append(UInt8(ascii: ",")) }
                append(json: element)
            }
            append(UInt8(ascii: "]"))
        case .object(let members):
            append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { append(UInt8(ascii: ",")) }
                appendJSON(string: member.key)
                append(UInt8(ascii: ":"))
                append(json: member.value)
            }
            append(UInt8(ascii: "}"))
        }
    }
}
