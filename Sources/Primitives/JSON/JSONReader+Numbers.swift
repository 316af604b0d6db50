extension JSONReader {
    /// Reads a number as the nearest Double, ties to even. Overflow is refused; underflow is 0.
    public mutating func readDouble() throws(JSONError) -> Double {
        skipSpace()
        let number = try scanNumber()
        let value = number.double
        guard value.isFinite else { throw outOfRange(number) }
        return value
    }

    /// Reads a number as the nearest Float, rounded once. Overflow is refused; underflow is 0.
    public mutating func readFloat() throws(JSONError) -> Float {
        skipSpace()
        let number = try scanNumber()
        let value = number.float
        guard value.isFinite else { throw outOfRange(number) }
        return value
    }

    /// Reads an integer. `5.0` and `5e2` are integers too (JSON has one kind of number); a value
    /// with a fraction or outside of the type is refused, never rounded.
    public mutating func readInt64() throws(JSONError) -> Int64 {
        skipSpace()
        let number = try scanNumber()
        let magnitude = try integer(number)
        if number.isNegative {
            guard magnitude <= 1 << 63 else { throw outOfRange(number) }
            return Int64(truncatingIfNeeded: 0 &- magnitude)
        }
        guard let value = Int64(exactly: magnitude) else { throw outOfRange(number) }
        return value
    }

    /// Reads an integer that is not negative. See `readInt64`.
    public mutating func readUInt64() throws(JSONError) -> UInt64 {
        skipSpace()
        let number = try scanNumber()
        let magnitude = try integer(number)
        guard magnitude == 0 || !number.isNegative else { throw outOfRange(number) }
        return magnitude
    }

    private func outOfRange(_ number: ScannedDecimal) -> JSONError {
        JSONError(.numberOutOfRange, offset: number.start - base)
    }

    /// The magnitude of a number that must be an integer, exactly.
    private func integer(_ number: ScannedDecimal) throws(JSONError) -> UInt64 {
        if number.exponent == 0, !number.isTruncated { return number.significand }
        return try integerSlowly(number)
    }

    @inline(never)
    private func integerSlowly(_ number: ScannedDecimal) throws(JSONError) -> UInt64 {
        var value = number.significand
        var exponent = number.exponent
        if number.isTruncated {
            // 19 digits are in `value`; a 64-bit integer has at most 20. Take one more from the
            // text, and whatever follows must be zeros behind the point.
            guard let (digit, rest) = digitsBehind(number) else { throw outOfRange(number) }
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = scaled.addingReportingOverflow(UInt64(digit))
            if exponent > 0 {
                guard !overflow, !carry else { throw outOfRange(number) }
                value = sum
                exponent -= 1
            } else if digit != 0 {
                throw JSONError(.expectedInteger, offset: number.start - base)
            }
            guard rest == 0 || exponent > 0 else {
                throw JSONError(.expectedInteger, offset: number.start - base)
            }
        }
        if value == 0 { return 0 }
        while exponent < 0 {
            let (quotient, remainder) = value.quotientAndRemainder(dividingBy: 10)
            guard remainder == 0 else {
                throw JSONError(.expectedInteger, offset: number.start - base)
            }
            value = quotient
            exponent += 1
        }
        while exponent > 0 {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            guard !overflow else { throw outOfRange(number) }
            value = product
            exponent -= 1
        }
        return value
    }

    /// The 20th significant digit, and the largest of those after it.
    private func digitsBehind(_ number: ScannedDecimal) -> (digit: UInt8, rest: UInt8)? {
        var index = 0
        var result: (digit: UInt8, rest: UInt8)?
        var cursor = number.start
        while cursor < number.end, cursor.pointee | 0x20 != UInt8(ascii: "e") {
            let digit = cursor.pointee &- UInt8(ascii: "0")
            cursor += 1
            guard digit <= 9, index > 0 || digit != 0 else { continue }
            index += 1
            if index == 20 { result = (digit, 0) }
            if index > 20, let (twentieth, rest) = result { result = (twentieth, max(rest, digit)) }
        }
        return result
    }

    /// Scans a number by the grammar of RFC 8259, section 6.
    @inline(__always)
    mutating func scanNumber() throws(JSONError) -> ScannedDecimal {
        var number = ScannedDecimal(start: next, end: next)
        var cursor = next
        if cursor < end, cursor.pointee == UInt8(ascii: "-") {
            number.isNegative = true
            cursor += 1
        }
        let digits = cursor
        var value: UInt64 = 0
        while cursor < end {
            let digit = cursor.pointee &- UInt8(ascii: "0")
            if digit > 9 { break }
            value = value &* 10 &+ UInt64(digit)
            cursor += 1
        }
        var digitCount = cursor - digits
        guard digitCount > 0, digitCount == 1 || digits.pointee != UInt8(ascii: "0") else {
            throw malformed(at: cursor, digits: digits)
        }
        var exponent = 0
        if cursor < end, cursor.pointee == UInt8(ascii: ".") {
            cursor += 1
            let fraction = cursor
            while end - cursor >= 8, let eight = Self.eightDigits(cursor) {
                value = value &* 100_000_000 &+ eight
                cursor += 8
            }
            while cursor < end {
                let digit = cursor.pointee &- UInt8(ascii: "0")
                if digit > 9 { break }
                value = value &* 10 &+ UInt64(digit)
                cursor += 1
            }
            exponent = fraction - cursor
            guard exponent != 0 else { throw malformed(at: cursor, digits: cursor) }
            digitCount &-= exponent
        }
        number.significand = value
        number.exponent = exponent
        if cursor < end, cursor.pointee | 0x20 == UInt8(ascii: "e") {
            cursor = try scanExponent(cursor, &number)
        }
        number.end = cursor
        if digitCount > 19 { truncate(&number, digits: digits, fraction: -exponent) }
        next = cursor
        isBehindValue = true
        return number
    }

    /// Scans `e`, a sign and digits, and adds them to the exponent.
    @inline(never)
    private func scanExponent(
        _ start: UnsafePointer<UInt8>, _ number: inout ScannedDecimal
    ) throws(JSONError) -> UnsafePointer<UInt8> {
        var cursor = start + 1
        var isNegative = false
        if cursor < end, cursor.pointee == UInt8(ascii: "-") || cursor.pointee == UInt8(ascii: "+")
        {
            isNegative = cursor.pointee == UInt8(ascii: "-")
            cursor += 1
        }
        let digits = cursor
        var value = 0
        while cursor < end, cursor.pointee &- UInt8(ascii: "0") <= 9 {
            if value < 100_000_000 { value = value * 10 + Int(cursor.pointee &- UInt8(ascii: "0")) }
            cursor += 1
        }
        guard cursor > digits else { throw malformed(at: cursor, digits: cursor) }
        number.exponent += isNegative ? -value : value
        return cursor
    }

    /// Keeps the first 19 significant digits of a longer number. Leading zeros are none.
    @inline(never)
    private func truncate(
        _ number: inout ScannedDecimal, digits: UnsafePointer<UInt8>, fraction: Int
    ) {
        var cursor = digits
        var value: UInt64 = 0
        var count = 0
        var dropped = 0
        while cursor < number.end, cursor.pointee | 0x20 != UInt8(ascii: "e") {
            let digit = cursor.pointee &- UInt8(ascii: "0")
            cursor += 1
            guard digit <= 9, count > 0 || digit != 0 else { continue }
            if count < 19 {
                value = value &* 10 &+ UInt64(digit)
                count += 1
            } else {
                dropped += 1
            }
        }
        number.significand = value
        number.exponent += dropped
        number.isTruncated = dropped > 0
    }

    @inline(never)
    private func malformed(
        at cursor: UnsafePointer<UInt8>, digits: UnsafePointer<UInt8>
    ) -> JSONError {
        // A sign or a point with nothing behind it, or a zero in front of other digits.
        if cursor == end, cursor == digits { return JSONError(.endOfText, offset: cursor - base) }
        let isNumber = digits > next || cursor > next
        return JSONError(isNumber ? .malformedNumber : .expectedNumber, offset: next - base)
    }

    /// The value of eight ASCII digits, or nil when not all are digits. By Lemire's method: three
    /// multiplications combine pairs, then fours, then eight.
    @inline(__always)
    static func eightDigits(_ start: UnsafePointer<UInt8>) -> UInt64? {
        var word = UInt64(
            littleEndian: UnsafeRawPointer(start).loadUnaligned(as: UInt64.self))
        let high = word & 0xF0F0_F0F0_F0F0_F0F0
        let plusSix = (word &+ 0x0606_0606_0606_0606) & 0xF0F0_F0F0_F0F0_F0F0
        guard high | (plusSix >> 4) == 0x3333_3333_3333_3333 else { return nil }
        word &-= 0x3030_3030_3030_3030
        word = (word &* 10) &+ (word >> 8)
        let first = (word & 0x0000_00FF_0000_00FF) &* 0x000F_4240_0000_0064
        let second = ((word >> 16) & 0x0000_00FF_0000_00FF) &* 0x0000_2710_0000_0001
        return (first &+ second) >> 32
    }
}
