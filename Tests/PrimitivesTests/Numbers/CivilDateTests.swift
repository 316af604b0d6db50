import Primitives
import Testing

private func timestamp(_ milliseconds: Int) -> String {
    var buffer = ByteBuffer()
    buffer.append(timestamp: milliseconds)
    return buffer.text
}

@Test func timestampsAreRFC3339WithMilliseconds() {
    #expect(timestamp(0) == "1970-01-01T00:00:00.000Z")
    #expect(timestamp(1_000_000_000_000) == "2001-09-09T01:46:40.000Z")
    #expect(timestamp(951_868_799_999) == "2000-02-29T23:59:59.999Z")
    #expect(timestamp(1_795_530_000_007) == "2026-11-24T14:20:00.007Z")
    #expect(timestamp(-1) == "1969-12-31T23:59:59.999Z")
}

@Test func everyDayFollowsTheLast() {
    var last = CivilDate(daysSince1970: -400_000)
    for day in -399_999..<400_000 {
        let date = CivilDate(daysSince1970: day)
        let isNextDay = date.month == last.month && date.day == last.day + 1
        let isNextMonth = date.month == last.month + 1 && date.day == 1 && last.day >= 28
        let isNextYear = date.year == last.year + 1 && date.month == 1 && last.day == 31
        let isGood = isNextDay || isNextMonth || (isNextYear && last.month == 12 && date.day == 1)
        if !isGood { Issue.record("\(last) is followed by \(date)") }
        last = date
    }
}
