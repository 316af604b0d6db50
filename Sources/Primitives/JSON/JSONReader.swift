/// A pull parser for JSON (RFC 8259, strict) over bytes that stay where they are.
///
/// The caller asks for what it expects and gets it or a `JSONError`:
///
///     var reader = JSONReader(body)
///     try reader.enterArray()
///     while try reader.nextElement() { sum += try reader.readDouble() }
///     try reader.expectEnd()
///
/// Every value that is announced (by `nextElement` or `nextKey`) must be read, entered or skipped
/// before the next is asked for. After an error the reader is not used again. Copying a reader
/// costs nothing and is the way to look ahead.
///
/// Nothing here allocates but `readString` and `keyString`. Nesting is bounded by `depthMax`.
@safe public struct JSONReader: ~Escapable {
    @usableFromInline let base: UnsafePointer<UInt8>
    @usableFromInline let end: UnsafePointer<UInt8>
    @usableFromInline var next: UnsafePointer<UInt8>
    @usableFromInline var depth = 0
    @usableFromInline let depthMax: Int
    /// True behind a value inside a container: a comma or the closing bracket must follow.
    @usableFromInline var isBehindValue = false
    @usableFromInline var keyStart: UnsafePointer<UInt8>
    @usableFromInline var keyEnd: UnsafePointer<UInt8>
    @usableFromInline var keyHasEscapes = false

    /// Reads `bytes` from the first one on. `depthMax` is capped at 1,000, which the stack bears.
    @inlinable @_lifetime(copy bytes)
    public init(_ bytes: Span<UInt8>, depthMax: Int = Limits.standard.jsonDepthMax) {
        let (start, count) = bytes.withUnsafeBufferPointer { ($0.baseAddress, $0.count) }
        // An empty span may have no address; any other does, and it is never read past `end`.
        base = start ?? UnsafePointer(bitPattern: 1).unsafelyUnwrapped
        end = base + count
        next = base
        keyStart = base
        keyEnd = base
        self.depthMax = min(depthMax, 1_000)
    }

    /// The index of the next byte to read. Behind white space after any `peek`.
    @inlinable public var offset: Int { next - base }

    @inlinable func failure(_ kind: JSONError.Kind) -> JSONError {
        JSONError(kind, offset: next - base)
    }

    /// An error of this kind, or that the text ended here when it did.
    @inlinable func missing(_ kind: JSONError.Kind) -> JSONError {
        JSONError(next == end ? .endOfText : kind, offset: next - base)
    }

    @inlinable @inline(__always) mutating func skipSpace() {
        while next < end, next.pointee <= 0x20 {
            switch next.pointee {
            case 0x20, 0x0A, 0x0D, 0x09: next += 1
            default: return
            }
        }
    }

    /// The kind of the next value, without reading it.
    @inlinable public mutating func peek() throws(JSONError) -> JSONKind {
        skipSpace()
        guard next < end else { throw failure(.endOfText) }
        switch next.pointee {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): return .number
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .boolean
        case UInt8(ascii: "n"): return .null
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"):
            throw failure(.unknownLiteral)
        default: throw failure(.expectedValue)
        }
    }

    // MARK: Containers

    /// Reads `[`. Then call `nextElement` until it says false.
    @inlinable public mutating func enterArray() throws(JSONError) {
        skipSpace()
        guard next < end, next.pointee == UInt8(ascii: "[") else { throw missing(.expectedArray) }
        guard depth < depthMax else { throw failure(.tooDeep) }
        depth += 1
        next += 1
        isBehindValue = false
    }

    /// Goes to the next element, or reads the `]` and returns false.
    @inlinable public mutating func nextElement() throws(JSONError) -> Bool {
        skipSpace()
        guard next < end else { throw failure(.endOfText) }
        if isBehindValue {
            if next.pointee == UInt8(ascii: ",") {
                next += 1
                isBehindValue = false
                return true
            }
            guard next.pointee == UInt8(ascii: "]") else {
                throw failure(.expectedCommaOrBracket)
            }
        } else if next.pointee != UInt8(ascii: "]") {
            return true
        }
        next += 1
        depth -= 1
        isBehindValue = true
        return false
    }

    /// Reads `{`. Then call `nextKey` until it says false.
    @inlinable public mutating func enterObject() throws(JSONError) {
        skipSpace()
        guard next < end, next.pointee == UInt8(ascii: "{") else { throw missing(.expectedObject) }
        guard depth < depthMax else { throw failure(.tooDeep) }
        depth += 1
        next += 1
        isBehindValue = false
    }

    /// Reads the next key and its colon, or reads the `}` and returns false.
    public mutating func nextKey() throws(JSONError) -> Bool {
        skipSpace()
        guard next < end else { throw failure(.endOfText) }
        if next.pointee == UInt8(ascii: "}") {
            next += 1
            depth -= 1
            isBehindValue = true
            return false
        }
        if isBehindValue {
            guard next.pointee == UInt8(ascii: ",") else { throw failure(.expectedCommaOrBrace) }
            next += 1
            skipSpace()
            guard next < end, next.pointee == UInt8(ascii: "\"") else {
                throw missing(.expectedKey)
            }
        } else if next.pointee != UInt8(ascii: "\"") {
            throw failure(.expectedKeyOrBrace)
        }
        (keyStart, keyEnd, keyHasEscapes) = try scanString()
        skipSpace()
        guard next < end, next.pointee == UInt8(ascii: ":") else { throw missing(.expectedColon) }
        next += 1
        isBehindValue = false
        return true
    }

    /// Whether the key read last is this one.
    public func isKey(_ name: StaticString) -> Bool {
        name.withUTF8Buffer { isKey(bytes: $0) }
    }

    /// Whether the key read last is this one, in UTF-8.
    public func isKey(_ name: Span<UInt8>) -> Bool {
        name.withUnsafeBufferPointer { isKey(bytes: $0) }
    }

    private func isKey(bytes name: UnsafeBufferPointer<UInt8>) -> Bool {
        if keyHasEscapes {
            return keyString().utf8.elementsEqual(name)
        }
        guard keyEnd - keyStart == name.count else { return false }
        for index in 0..<name.count where keyStart[index] != name[index] { return false }
        return true
    }

    /// Whether the key read last is this one. Does not allocate.
    public func isKey(_ name: String) -> Bool {
        if keyHasEscapes { return keyString() == name }
        var name = name
        let (start, stop) = (keyStart, keyEnd)
        return name.withUTF8 { name in
            guard stop - start == name.count else { return false }
            for index in 0..<name.count where start[index] != name[index] { return false }
            return true
        }
    }

    /// The index of the opening quote of the key read last.
    public var keyOffset: Int { keyStart - 1 - base }

    /// The key read last, as a String.
    public func keyString() -> String {
        text(from: keyStart, to: keyEnd, hasEscapes: keyHasEscapes)
    }

    // MARK: Words, and what is not wanted

    /// Reads `true` or `false`.
    public mutating func readBool() throws(JSONError) -> Bool {
        skipSpace()
        if readWord("true") { return true }
        if readWord("false") { return false }
        throw missing(.expectedBoolean)
    }

    /// Reads `null`.
    public mutating func readNull() throws(JSONError) {
        skipSpace()
        guard readWord("null") else { throw missing(.expectedNull) }
    }

    private mutating func readWord(_ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard end - next >= count else { return false }
        for index in 0..<count where next[index] != word.utf8Start[index] { return false }
        next += count
        isBehindValue = true
        return true
    }

    /// Reads any value and forgets it. Checks it as strictly as reading does.
    public mutating func skipValue() throws(JSONError) {
        switch try peek() {
        case .number: _ = try scanNumber()
        case .string: _ = try scanString()
        case .boolean: _ = try readBool()
        case .null: try readNull()
        case .array:
            try enterArray()
            while try nextElement() { try skipValue() }
        case .object:
            try enterObject()
            while try nextKey() { try skipValue() }
        }
        isBehindValue = true
    }

    /// Checks that nothing but white space is left.
    public mutating func expectEnd() throws(JSONError) {
        skipSpace()
        guard next == end else { throw failure(.trailingText) }
    }
}

/// The kinds of JSON values.
public enum JSONKind: UInt8, Sendable, Equatable {
    case null, boolean, number, string, array, object

    /// With its article, for messages: `a string`, `null`, …
    public var phrase: String {
        switch self {
        case .null: "null"
        case .boolean: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}
