import Primitives

/// A model file that is JSON or UBJSON, as a tree. Arrays of numbers, which are nearly all of a
/// model, are flat.
enum ModelDocument: Sendable, Equatable {
    case null
    case boolean(Bool)
    case number(Double)
    case text(String)
    /// An array of numbers only; an empty array is one.
    case numbers([Double])
    case array([ModelDocument])
    case object([String: ModelDocument])

    /// With its article, for messages.
    var phrase: String {
        switch self {
        case .null: "null"
        case .boolean: "a boolean"
        case .number: "a number"
        case .text: "a string"
        case .numbers, .array: "an array"
        case .object: "an object"
        }
    }

    /// Reads a JSON text (RFC 8259). Keys that appear twice are refused.
    /// - Cost: 8 bytes a number.
    init(json bytes: Span<UInt8>, limits: Limits) throws(JSONError) {
        var reader = JSONReader(bytes, depthMax: limits.modelDepthMax)
        self = try Self.value(&reader)
        try reader.expectEnd()
    }

    private static func value(_ reader: inout JSONReader) throws(JSONError) -> ModelDocument {
        switch try reader.peek() {
        case .null:
            try reader.readNull()
            return .null
        case .boolean: return .boolean(try reader.readBool())
        case .number: return .number(try reader.readDouble())
        case .string: return .text(try reader.readString())
        case .array: return try elements(&reader)
        case .object:
            var members: [String: ModelDocument] = [:]
            try reader.enterObject()
            while try reader.nextKey() {
                let (key, offset) = (reader.keyString(), reader.keyOffset)
                let value = try value(&reader)
                guard members.updateValue(value, forKey: key) == nil else {
                    throw JSONError(.duplicateKey, offset: offset)
                }
            }
            return .object(members)
        }
    }

    private static func elements(_ reader: inout JSONReader) throws(JSONError) -> ModelDocument {
        var numbers: [Double] = []
        var others: [ModelDocument] = []
        try reader.enterArray()
        while try reader.nextElement() {
            if others.isEmpty, try reader.peek() == .number {
                numbers.append(try reader.readDouble())
                continue
            }
            if others.isEmpty {
                others = numbers.map { .number($0) }
                numbers = []
            }
            others.append(try value(&reader))
        }
        return others.isEmpty ? .numbers(numbers) : .array(others)
    }
}
