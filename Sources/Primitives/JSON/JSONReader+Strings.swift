extension JSONReader {
    /// Reads a string: unescaped, its surrogates paired, its UTF-8 checked.
    public mutating func readString() throws(JSONError) -> String {
        skipSpace()
        let (start, stop, hasEscapes) = try scanString()
        return text(from: start, to: stop, hasEscapes: hasEscapes)
    }

    /// Checks a string and finds its end: the bytes between the quotes, and whether any of them
    /// is an escape.
    mutating func scanString() throws(JSONError) -> (
        start: UnsafePointer<UInt8>, end: UnsafePointer<UInt8>, hasEscapes: Bool
    ) {
        guard next < end, next.pointee == UInt8(ascii: "\"") else {
            throw missing(.expectedString)
        }
        next += 1
        let start = next
        var hasEscapes = false
        while true {
            while end - next >= 8, Self.isPlain(next) { next += 8 }
            guard next < end else { throw failure(.endOfText) }
            switch next.pointee {
            case UInt8(ascii: "\""):
                let stop = next
                next += 1
                isBehindValue = true
                return (start, stop, hasEscapes)
            case UInt8(ascii: "\\"):
                hasEscapes = true
                try scanEscape()
            case 0x00..<0x20: throw failure(.controlCharacter)
            case 0x80...0xFF: try scanMultibyte()
            default: next += 1
            }
        }
    }

    /// Whether eight bytes are ASCII without quotes, backslashes and control characters.
    @inline(__always)
    private static func isPlain(_ start: UnsafePointer<UInt8>) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        let word = UnsafeRawPointer(start).loadUnaligned(as: UInt64.self)
        let quote = word ^ (ones &* 0x22)
        let backslash = word ^ (ones &* 0x5C)
        // For a byte below 0x80: x - n sets the top bit exactly when x < n, borrows aside, and a
        // borrow only comes from a byte that is refused anyway.
        let special = (word &- ones &* 0x20) | (quote &- ones) | (backslash &- ones) | word
        return special & tops == 0
    }

    /// Checks the escape at `next` and steps behind it (RFC 8259, section 7).
    private mutating func scanEscape() throws(JSONError) {
        guard end - next >= 2 else {
            next = end
            throw failure(.endOfText)
        }
        switch next[1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
            UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            next += 2
        case UInt8(ascii: "u"):
            let unit = try scanUnit(at: next)
            if unit & 0xFC00 == 0xDC00 { throw failure(.unpairedSurrogate) }
            if unit & 0xFC00 == 0xD800 {
                if next + 6 == end { throw JSONError(.endOfText, offset: end - base) }
                guard next[6] == UInt8(ascii: "\\") else { throw failure(.unpairedSurrogate) }
                if next + 7 == end { throw JSONError(.endOfText, offset: end - base) }
                guard next[7] == UInt8(ascii: "u") else { throw failure(.unpairedSurrogate) }
                guard try scanUnit(at: next + 6) & 0xFC00 == 0xDC00 else {
                    throw failure(.unpairedSurrogate)
                }
                next += 6
            }
            next += 6
        default: throw failure(.malformedEscape)
        }
    }

    /// The value of the `\uXXXX` at `start`, whose first two bytes are known to be there.
    private func scanUnit(at start: UnsafePointer<UInt8>) throws(JSONError) -> UInt16 {
        var unit: UInt16 = 0
        for index in 2..<6 {
            guard start + index < end else { throw JSONError(.endOfText, offset: end - base) }
            guard let digit = Self.hexDigit(start[index]) else { throw failure(.malformedEscape) }
            unit = unit << 4 | UInt16(digit)
        }
        return unit
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// Checks one character of two to four bytes (RFC 3629, section 4) and steps behind it.
    private mutating func scanMultibyte() throws(JSONError) {
        let lead = next.pointee
        let second: ClosedRange<UInt8>
        let length: Int
        switch lead {
        case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xE1...0xEC, 0xEE...0xEF: (length, second) = (3, 0x80...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: throw failure(.malformedUTF8)
        }
        for index in 1..<length {
            guard next + index < end else { throw JSONError(.endOfText, offset: end - base) }
            let range = index == 1 ? second : 0x80...0xBF
            guard range.contains(next[index]) else { throw failure(.malformedUTF8) }
        }
        next += length
    }

    /// The String for bytes that `scanString` has checked.
    func text(
        from start: UnsafePointer<UInt8>, to stop: UnsafePointer<UInt8>, hasEscapes: Bool
    ) -> String {
        let bytes = UnsafeBufferPointer(start: start, count: stop - start)
        guard hasEscapes else { return String(decoding: bytes, as: UTF8.self) }
        // Unescaping never lengthens: the shortest escape for n bytes of UTF-8 has more than n.
        return String(unsafeUninitializedCapacity: bytes.count) { target in
            Self.unescape(bytes, into: target)
        }
    }

    private static func unescape(
        _ source: UnsafeBufferPointer<UInt8>, into target: UnsafeMutableBufferPointer<UInt8>
    ) -> Int {
        var from = 0
        var to = 0
        while from < source.count {
            guard source[from] == UInt8(ascii: "\\") else {
                target[to] = source[from]
                from += 1
                to += 1
                continue
            }
            let escape = source[from + 1]
            from += 2
            switch escape {
            case UInt8(ascii: "b"): target[to] = 0x08
            case UInt8(ascii: "f"): target[to] = 0x0C
            case UInt8(ascii: "n"): target[to] = 0x0A
            case UInt8(ascii: "r"): target[to] = 0x0D
            case UInt8(ascii: "t"): target[to] = 0x09
            case UInt8(ascii: "u"):
                var scalar = unit(source, at: from)
                from += 4
                if scalar & 0xFC00 == 0xD800 {
                    scalar = 0x10000 + (scalar & 0x3FF) << 10 + unit(source, at: from + 2) & 0x3FF
                    from += 6
                }
                to += encode(scalar, into: target, at: to) - 1
            default: target[to] = escape
            }
            to += 1
        }
        return to
    }

    private static func unit(_ source: UnsafeBufferPointer<UInt8>, at index: Int) -> UInt32 {
        var unit: UInt32 = 0
        for position in index..<index + 4 {
            unit = unit << 4 | UInt32(hexDigit(source[position]) ?? 0)
        }
        return unit
    }

    private static func encode(
        _ scalar: UInt32, into target: UnsafeMutableBufferPointer<UInt8>, at index: Int
    ) -> Int {
        func continuation(_ shift: UInt32) -> UInt8 {
            UInt8(truncatingIfNeeded: 0x80 | (scalar >> shift) & 0x3F)
        }
        switch scalar {
        case 0..<0x80:
            target[index] = UInt8(truncatingIfNeeded: scalar)
            return 1
        case 0x80..<0x800:
            target[index] = UInt8(truncatingIfNeeded: 0xC0 | scalar >> 6)
            target[index + 1] = continuation(0)
            return 2
        case 0x800..<0x10000:
            target[index] = UInt8(truncatingIfNeeded: 0xE0 | scalar >> 12)
            target[index + 1] = continuation(6)
            target[index + 2] = continuation(0)
            return 3
        default:
            target[index] = UInt8(truncatingIfNeeded: 0xF0 | scalar >> 18)
            target[index + 1] = continuation(12)
            target[index + 2] = continuation(6)
            target[index + 3] = continuation(0)
            return 4
        }
    }
}
