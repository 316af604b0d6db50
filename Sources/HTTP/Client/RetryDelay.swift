import Primitives

/// When a refused request may be sent again, as the answer says: `Retry-After` (RFC 9110 section
/// 10.2.3: seconds or a date), or this server's `X-Retry-After-Ms`, which is finer and wins.
public enum RetryDelay: Sendable, Equatable {
    case milliseconds(Int)
    /// Seconds since 1970.
    case date(Int)

    /// How long to wait, from a time in seconds since 1970 on; a date that has passed is 0.
    public func milliseconds(now secondsSince1970: Int) -> Int {
        switch self {
        case .milliseconds(let count): count
        case .date(let seconds): max(0, seconds - secondsSince1970) * 1000
        }
    }

    /// Delays beyond this are cut to it: a year.
    private static let millisecondsMax = 366 * 86_400 * 1000

    /// The value of `X-Retry-After-Ms`; nil when it is no whole number.
    static func parse(milliseconds bytes: Span<UInt8>, _ range: Range<Int>) -> RetryDelay? {
        decimal(bytes, range).map { .milliseconds(min($0, millisecondsMax)) }
    }

    /// The value of `Retry-After`; nil when it is neither seconds nor an IMF-fixdate. The obsolete
    /// forms of dates (RFC 9110 section 5.6.7) are not taken: no server sends them.
    static func parse(retryAfter bytes: Span<UInt8>, _ range: Range<Int>) -> RetryDelay? {
        if let seconds = decimal(bytes, range) {
            return .milliseconds(min(seconds, millisecondsMax / 1000) * 1000)
        }
        return date(bytes, range)
    }

    private static func decimal(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int? {
        guard !range.isEmpty else { return nil }
        var value = 0
        for index in range {
            let digit = bytes[index] &- 0x30
            guard digit < 10 else { return nil }
            value = min(value * 10 + Int(digit), 1 << 50)
        }
        return value
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`
    private static func date(_ bytes: Span<UInt8>, _ range: Range<Int>) -> RetryDelay? {
        guard range.count == 29 else { return nil }
        let start = range.lowerBound
        func number(_ offset: Int, _ count: Int) -> Int? {
            decimal(bytes, start + offset..<start + offset + count)
        }
        let names: [StaticString] = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        let month = names.firstIndex { Ascii.equals(bytes, start + 8..<start + 11, $0) }
        guard Ascii.equals(bytes, start + 25..<start + 29, " GMT"), let month,
            let day = number(5, 2), let year = number(12, 4), let hour = number(17, 2),
            let minute = number(20, 2), let second = number(23, 2),
            (1...31).contains(day), year >= 1970, hour < 24, minute < 60, second <= 60
        else { return nil }
        let days = daysSince1970(year: year, month: month + 1, day: day)
        return .date(days * 86_400 + hour * 3600 + minute * 60 + second)
    }

    /// The inverse of `HTTPDate.civil` (Hinnant, "chrono-compatible low-level date algorithms").
    private static func daysSince1970(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}
