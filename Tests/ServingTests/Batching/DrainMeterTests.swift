import Serving
import Testing

@Test func theRateIsThatOfABacklog() throws {
    var meter = DrainMeter()
    #expect(meter.rowsPerNanosecond(now: 0) == nil)
    var now: UInt64 = 1_000_000
    for _ in 0..<50 {
        now += 10_000_000
        meter.finished(rows: 20, now: now, isBacklogged: true)
    }
    // 20 rows in 10 ms are 2 a microsecond·1000.
    let rate = try #require(meter.rowsPerNanosecond(now: now))
    #expect(abs(rate * 1e6 - 2) < 0.1)
    #expect(meter.rowsPerNanosecond(now: now + 60_000_000_000) == nil)
}

@Test func aServerThatIsHalfIdleMeasuresNothing() {
    var meter = DrainMeter()
    for step in 1...100 as ClosedRange<UInt64> {
        meter.finished(rows: 1, now: step * 100_000_000, isBacklogged: false)
    }
    #expect(meter.rowsPerNanosecond(now: 10_000_000_000) == nil)
}
