import Primitives

/// The date of an answer, as bytes made once a second (IMF-fixdate, RFC 9110 section 5.6.7).
public struct HTTPDate: Sendable {
    /// `Sun, 06 Nov 1994 08:49:37 GMT`
    public private(set) var bytes: [UInt8] = Array(repeating: 0x20, count: 29)
    private var seconds = -1

    public init() {}

    /// Makes the bytes anew when the second has changed.
    public mutating func update(secondsSince1970 now: Int) {
        guard now != seconds else { return }
        seconds = now
        let day = now / 86_400
        let second = now % 86_400
        let date = CivilDate(daysSince1970: day)
        let weekday = (day + 4) % 7
        put(Self.weekdays[weekday], at: 0)
        put(", ", at: 3)
        putTwo(date.day, at: 5)
        put(Self.months[date.month - 1], at: 8)
        putTwo(date.year / 100, at: 12)
        putTwo(date.year % 100, at: 14)
        putTwo(second / 3600, at: 17)
        put(":", at: 19)
        putTwo(second / 60 % 60, at: 20)
        put(":", at: 22)
        putTwo(second % 60, at: 23)
        put(" GMT", at: 25)
    }

    private static let weekdays: [StaticString] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months: [StaticString] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    private mutating func put(_ text: StaticString, at index: Int) {
        for offset in 0..<text.utf8CodeUnitCount { bytes[index + offset] = text.utf8Start[offset] }
    }

    private mutating func putTwo(_ value: Int, at index: Int) {
        bytes[index] = UInt8(0x30 + value / 10)
        bytes[index + 1] = UInt8(0x30 + value % 10)
    }
}
