/// A JSON value as a tree, for configuration and metadata. The request path uses `JSONReader`.
public enum JSONValue: Sendable, Equatable {
    case null
    case boolean(Bool)
    /// A number written without point and exponent that fits.
    case integer(Int64)
    /// Any other number.
    case number(Double)
    case string(String)
    case array([JSONValue])
    /// In the order of the text; no key appears twice.
    case object([JSONMember])

    /// Parses a whole text. Refuses what `JSONReader` refuses, and keys that appear twice.
    public init(parsing text: Span<UInt8>, limits: Limits = .standard) throws(JSONError) {
        var reader = JSONReader(text, depthMax: limits.jsonDepthMax)
        self = try reader.readValue()
        try reader.expectEnd()
    }

    /// Parses a whole text.
    public init(parsing text: String, limits: Limits = .standard) throws(JSONError) {
        let bytes = Array(text.utf8)
        try self.init(parsing: bytes.span, limits: limits)
    }

    /// The value of a key; nil when this is no object or has no such key.
    public subscript(key: String) -> JSONValue? {
        members?.first { $0.key == key }?.value
    }

    public var members: [JSONMember]? {
        if case .object(let members) = self { members } else { nil }
    }

    public var elements: [JSONValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    public var text: String? {
        if case .string(let value) = self { value } else { nil }
    }

    public var boolean: Bool? {
        if case .boolean(let value) = self { value } else { nil }
    }

    /// The integer, also when it was written as `5.0`.
    public var integer: Int64? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int64(exactly: value)
        case .null, .boolean, .string, .array, .object: nil
        }
    }

    public var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        case .null, .boolean, .string, .array, .object: nil
        }
    }

    public var kind: JSONKind {
        switch self {
        case .null: .null
        case .boolean: .boolean
        case .integer, .number: .number
        case .string: .string
        case .array: .array
        case .object: .object
        }
    }
}

/// A key of an object and its value.
public struct JSONMember: Sendable, Equatable {
    public let key: String
    public let value: JSONValue

    public init(_ key: String, _ value: JSONValue) {
        self.key = key
        self.value = value
    }
}

extension JSONReader {
    /// Reads any value as a tree. Refuses keys that appear twice in one object.
    public mutating func readValue() throws(JSONError) -> JSONValue {
        switch try peek() {
        case .null:
            try readNull()
            return .null
        case .boolean: return .boolean(try readBool())
        case .number:
            if let integer = try readPlainInteger() { return .integer(integer) }
            return .number(try readDouble())
        case .string: return .string(try readString())
        case .array:
            var elements: [JSONValue] = []
            try enterArray()
            while try nextElement() { elements.append(try readValue()) }
            return .array(elements)
        case .object: return .object(try readMembers())
        }
    }

    private mutating func readMembers() throws(JSONError) -> [JSONMember] {
        var members: [JSONMember] = []
        var keys: Set<String> = []
        try enterObject()
        while try nextKey() {
            let key = keyString()
            let place = keyStart - 1 - base
            guard keys.insert(key).inserted else { throw JSONError(.duplicateKey, offset: place) }
            members.append(JSONMember(key, try readValue()))
        }
        return members
    }

    /// Reads a number that is written as an integer and fits, or leaves it alone.
    private mutating func readPlainInteger() throws(JSONError) -> Int64? {
        let before = self
        let number = try scanNumber()
        let isPlain = !UnsafeBufferPointer(start: number.start, count: number.end - number.start)
            .contains { $0 == UInt8(ascii: ".") || $0 | 0x20 == UInt8(ascii: "e") }
        let isNegativeZero = number.isNegative && number.significand == 0
        if isPlain, !number.isTruncated, !isNegativeZero, number.significand < 1 << 63 {
            let magnitude = Int64(number.significand)
            return number.isNegative ? -magnitude : magnitude
        }
        self = before
        return nil
    }
}
