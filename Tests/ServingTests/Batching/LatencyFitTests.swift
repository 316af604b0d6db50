import Serving
import Testing

@Test func aModelIsDearUntilItIsMeasured() {
    #expect(LatencyFit().nanoseconds(rows: 1) >= 1e9)
}

@Test func theFitGoesThroughBothPoints() {
    let fit = LatencyFit()
    fit.calibrate(rows1: 1, nanoseconds1: 1_000, rows2: 11, nanoseconds2: 6_000)
    #expect(abs(fit.nanoseconds(rows: 1) - 1_000) < 1)
    #expect(abs(fit.nanoseconds(rows: 11) - 6_000) < 1)
    #expect(abs(fit.nanoseconds(rows: 6) - 3_500) < 1)
}

@Test func theFitFollowsASlowerMachine() {
    let fit = LatencyFit()
    fit.calibrate(rows1: 1, nanoseconds1: 1_000, rows2: 11, nanoseconds2: 6_000)
    for _ in 0..<200 { fit.observe(rows: 11, nanoseconds: 18_000) }
    #expect(abs(fit.nanoseconds(rows: 11) - 18_000) < 500)
    // One outlier moves it little.
    fit.observe(rows: 11, nanoseconds: 180_000_000)
    #expect(fit.nanoseconds(rows: 11) < 30_000)
}

@Test func aModelThatCouldNotBeWarmedUpIsMeasuredByItsFirstBatch() {
    let fit = LatencyFit()
    fit.observe(rows: 4, nanoseconds: 8_000)
    #expect(abs(fit.nanoseconds(rows: 4) - 8_000) < 10)
    #expect(fit.nanoseconds(rows: 1) < 8_000)
}
