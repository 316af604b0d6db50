import Primitives

/// Reads Universal Binary JSON, draft 12 (https://ubjson.org), as XGBoost writes it: numbers are
/// big-endian, arrays and objects may announce a type (`$`) and a count (`#`).
///
/// Nesting is bounded, and every count is checked against the bytes that are left before memory is
/// made for it.
struct UBJSONReader {
    /// What is wrong, and at which byte.
    struct Failure: Error, Equatable {
        let offset: Int
        let reason: String
    }

    private let bytes: [UInt8]
    private let depthMax: Int
    private var next = 0
    private var depth = 0

    private init(_ bytes: [UInt8], depthMax: Int) {
        self.bytes = bytes
        self.depthMax = depthMax
    }

    /// Reads one value that fills all bytes.
    /// - Cost: 8 bytes a number.
    static func read(_ bytes: [UInt8], limits: Limits) throws(Failure) -> ModelDocument {
        var reader = UBJSONReader(bytes, depthMax: limits.modelDepthMax)
        let value = try reader.value(try reader.marker())
        guard reader.next == bytes.count else { throw reader.failure("bytes behind the value") }
        return value
    }

    private func failure(_ reason: String) -> Failure { Failure(offset: next, reason: reason) }

    // MARK: Values

    /// The next marker; no-ops are skipped.
    private mutating func marker() throws(Failure) -> UInt8 {
        while next < bytes.count {
            let byte = bytes[next]
            next += 1
            if byte != UInt8(ascii: "N") { return byte }
        }
        throw failure("the file ends inside a value")
    }

    private mutating func value(_ marker: UInt8) throws(Failure) -> ModelDocument {
        switch marker {
        case UInt8(ascii: "Z"): return .null
        case UInt8(ascii: "T"): return .boolean(true)
        case UInt8(ascii: "F"): return .boolean(false)
        case UInt8(ascii: "C"):
            guard let byte = try take(1).first, byte < 0x80 else {
                throw failure("a character is no ASCII")
            }
            return .text(String(UnicodeScalar(byte)))
        case UInt8(ascii: "S"): return .text(try string())
        case UInt8(ascii: "H"):
            let text = try string()
            guard let number = Double(text), number.isFinite else {
                throw failure("'\(text.prefix(40))' is no number")
            }
            return .number(number)
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "{"): return try object()
        default:
            guard let width = Self.width(of: marker) else {
                throw failure("the marker \(marker) is none of UBJSON")
            }
            return .number(Self.number(marker, try take(width)))
        }
    }

    /// Bytes of a number of this type; nil for what is no number.
    private static func width(of marker: UInt8) -> Int? {
        switch marker {
        case UInt8(ascii: "i"), UInt8(ascii: "U"): 1
        case UInt8(ascii: "I"): 2
        case UInt8(ascii: "l"), UInt8(ascii: "d"): 4
        case UInt8(ascii: "L"), UInt8(ascii: "D"): 8
        default: nil
        }
    }

    private static func number(_ marker: UInt8, _ bytes: ArraySlice<UInt8>) -> Double {
        var bits: UInt64 = 0
        for byte in bytes { bits = bits << 8 | UInt64(byte) }
        return switch marker {
        case UInt8(ascii: "i"): Double(Int8(truncatingIfNeeded: bits))
        case UInt8(ascii: "U"): Double(bits)
        case UInt8(ascii: "I"): Double(Int16(truncatingIfNeeded: bits))
        case UInt8(ascii: "l"): Double(Int32(truncatingIfNeeded: bits))
        case UInt8(ascii: "L"): Double(Int64(bitPattern: bits))
        case UInt8(ascii: "d"): Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
        default: Double(bitPattern: bits)
        }
    }

    private mutating func take(_ count: Int) throws(Failure) -> ArraySlice<UInt8> {
        guard count <= bytes.count - next else { throw failure("the file ends inside a value") }
        next += count
        return bytes[next - count..<next]
    }

    /// A length: an integer that is not negative and not more than the bytes that are left.
    private mutating func length(_ role: String) throws(Failure) -> Int {
        let type = try marker()
        switch type {
        case UInt8(ascii: "i"), UInt8(ascii: "U"), UInt8(ascii: "I"), UInt8(ascii: "l"),
            UInt8(ascii: "L"):
            break
        default: throw failure("the length of \(role) is no integer")
        }
        let start = next
        let value = Self.number(type, try take(Self.width(of: type) ?? 0))
        guard value >= 0, value <= Double(bytes.count - next) else {
            throw Failure(
                offset: start, reason: "\(role) of length \(value) does not fit the file")
        }
        return Int(value)
    }

    private mutating func string() throws(Failure) -> String {
        let count = try length("a string")
        let start = next
        next += count
        guard let text = String(validating: bytes[start..<next], as: UTF8.self) else {
            throw Failure(offset: start, reason: "a string is no UTF-8")
        }
        return text
    }

    // MARK: Containers

    private mutating func enter() throws(Failure) {
        guard depth < depthMax else { throw failure("nested deeper than \(depthMax)") }
        depth += 1
    }

    /// What a container announces: `$ type # count`, `# count` or nothing.
    private mutating func header() throws(Failure) -> (type: UInt8?, count: Int?) {
        var type: UInt8?
        if next < bytes.count, bytes[next] == UInt8(ascii: "$") {
            next += 1
            type = try marker()
            guard next < bytes.count, bytes[next] == UInt8(ascii: "#") else {
                throw failure("a type without a count")
            }
        }
        guard next < bytes.count, bytes[next] == UInt8(ascii: "#") else { return (type, nil) }
        next += 1
        return (type, try length("a container"))
    }

    private mutating func array() throws(Failure) -> ModelDocument {
        try enter()
        defer { depth -= 1 }
        let (type, count) = try header()
        if let type, let count, let width = Self.width(of: type) {
            guard count <= (bytes.count - next) / width else {
                throw failure("an array of \(count) numbers does not fit the file")
            }
            var numbers: [Double] = []
            numbers.reserveCapacity(count)
            for _ in 0..<count {
                numbers.append(Self.number(type, bytes[next..<next + width]))
                next += width
            }
            return .numbers(numbers)
        }
        var elements: [ModelDocument] = []
        while count == nil || elements.count < count ?? 0 {
            var marker = type ?? 0
            if type == nil { marker = try self.marker() }
            if count == nil, marker == UInt8(ascii: "]") { break }
            elements.append(try value(marker))
        }
        return Self.flat(elements)
    }

    /// Numbers alone become a flat array.
    private static func flat(_ elements: [ModelDocument]) -> ModelDocument {
        var numbers: [Double] = []
        for element in elements {
            guard case .number(let number) = element else { return .array(elements) }
            numbers.append(number)
        }
        return .numbers(numbers)
    }

    private mutating func object() throws(Failure) -> ModelDocument {
        try enter()
        defer { depth -= 1 }
        let (type, count) = try header()
        var members: [String: ModelDocument] = [:]
        while count == nil || members.count < count ?? 0 {
            while next < bytes.count, bytes[next] == UInt8(ascii: "N") { next += 1 }
            if count == nil, next < bytes.count, bytes[next] == UInt8(ascii: "}") {
                next += 1
                break
            }
            let start = next
            let key = try string()
            var marker = type ?? 0
            if type == nil { marker = try self.marker() }
            let value = try value(marker)
            guard members.updateValue(value, forKey: key) == nil else {
                throw Failure(offset: start, reason: "the key '\(key.prefix(40))' appears twice")
            }
        }
        return .object(members)
    }
}
