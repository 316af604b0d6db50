/// A day of the Gregorian calendar.
public struct CivilDate: Sendable, Equatable {
    public let year: Int
    /// 1 to 12.
    public let month: Int
    /// 1 to 31.
    public let day: Int

    /// The day that is so many days after 1970-01-01, or before it (Hinnant, "chrono-compatible
    /// low-level date algorithms").
    public init(daysSince1970 days: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthShifted = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthShifted + 2) / 5 + 1
        month = monthShifted < 10 ? monthShifted + 3 : monthShifted - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }
}

/// Times as text for machines that read lines: RFC 3339, UTC, with milliseconds.
extension ByteBuffer {
    /// Appends `2026-11-24T14:20:00.123Z`. `milliseconds` since 1970, in the years 0 to 9999.
    public mutating func append(timestamp milliseconds: Int) {
        let (day, rest) = Self.divided(milliseconds, by: 86_400_000)
        let date = CivilDate(daysSince1970: day)
        append(digits: date.year, 4)
        append("-")
        append(digits: date.month, 2)
        append("-")
        append(digits: date.day, 2)
        append("T")
        append(digits: rest / 3_600_000, 2)
        append(":")
        append(digits: rest / 60_000 % 60, 2)
        append(":")
        append(digits: rest / 1000 % 60, 2)
        append(".")
        append(digits: rest % 1000, 3)
        append("Z")
    }

    private static func divided(_ value: Int, by divisor: Int) -> (quotient: Int, rest: Int) {
        let rest = (value % divisor + divisor) % divisor
        return ((value - rest) / divisor, rest)
    }

    private mutating func append(digits value: Int, _ count: Int) {
        var scale = 1
        for _ in 1..<count { scale *= 10 }
        while scale > 0 {
            append(UInt8(0x30 + value / scale % 10))
            scale /= 10
        }
    }
}
