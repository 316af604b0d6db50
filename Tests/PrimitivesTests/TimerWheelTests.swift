import Primitives
import Testing

@Test func everyTimerExpiresOnceAndNotEarly() {
    var wheel = TimerWheel(nowMilliseconds: 1_000, tickMilliseconds: 10, bucketCount: 16)
    var due: [UInt64: UInt64] = [:]
    var scheduledAt: [UInt64: UInt64] = [:]
    var now: UInt64 = 1_000
    var token: UInt64 = 0
    var expired: [TimerWheel.Expiry] = []
    for _ in 0..<3000 {
        for _ in 0..<Int.random(in: 0...3) {
            token += 1
            // Near, beyond one round of the wheel, and in the past.
            let at = now + UInt64.random(in: 0...1500) - min(now, UInt64.random(in: 0...200))
            wheel.schedule(token, due: at)
            due[token] = at
            scheduledAt[token] = now
        }
        now += UInt64.random(in: 0...60)
        expired.removeAll()
        wheel.advance(toMilliseconds: now, into: &expired)
        for expiry in expired {
            #expect(due.removeValue(forKey: expiry.token) == expiry.due)
            #expect(expiry.due <= now)
        }
        for (token, at) in due where max(at, scheduledAt[token] ?? 0) + 20 <= now {
            Issue.record("timer \(token) of \(at) is late at \(now)")
        }
    }
    now += 10_000
    expired.removeAll()
    wheel.advance(toMilliseconds: now, into: &expired)
    #expect(expired.count == due.count)
    #expect(wheel.count == 0)
}
