import Primitives

/// Field names and values to send, in one buffer that is reused: trailers, and the fields of a
/// trailers-only answer. Does not allocate after warm-up.
public struct HTTPFieldList: ~Copyable {
    /// What an answer may carry beside its own head.
    public static let countMax = 32

    private(set) var bytes = ByteBuffer()
    private(set) var fields: [HeaderField] = []

    public init() {}

    public var isEmpty: Bool { fields.isEmpty }
    public var count: Int { fields.count }

    public mutating func removeAll() {
        bytes.removeAll()
        fields.removeAll(keepingCapacity: true)
    }

    /// Adds a field. The name is in lower case (RFC 9113 section 8.2.1); bytes that no field value
    /// may have (RFC 9110 section 5.5) become question marks.
    public mutating func append(_ name: StaticString, _ value: Span<UInt8>) {
        let start = begin(name)
        for index in value.indices {
            let byte = value[index]
            bytes.append(Ascii.isFieldValue(byte) ? byte : UInt8(ascii: "?"))
        }
        end(start)
    }

    public mutating func append(_ name: StaticString, _ value: StaticString) {
        let start = begin(name)
        bytes.append(value)
        end(start)
    }

    public mutating func append(_ name: StaticString, decimal value: Int) {
        let start = begin(name)
        bytes.append(decimal: value)
        end(start)
    }

    mutating func append(contentsOf other: borrowing HTTPFieldList) {
        let offset = bytes.count
        bytes.append(contentsOf: other.bytes)
        for field in other.fields {
            fields.append(
                HeaderField(
                    name: field.name.lowerBound + offset..<field.name.upperBound + offset,
                    value: field.value.lowerBound + offset..<field.value.upperBound + offset))
        }
        precondition(fields.count <= Self.countMax, "an answer has at most 32 extra fields")
    }

    private mutating func begin(_ name: StaticString) -> Int {
        precondition(fields.count < Self.countMax, "an answer has at most 32 extra fields")
        let start = bytes.count
        bytes.append(name)
        fields.append(HeaderField(name: start..<bytes.count, value: 0..<0))
        return bytes.count
    }

    private mutating func end(_ start: Int) {
        let name = fields[fields.count - 1].name
        fields[fields.count - 1] = HeaderField(name: name, value: start..<bytes.count)
    }
}
