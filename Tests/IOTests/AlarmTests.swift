import IO
import Primitives
import Testing

@Test func anAlarmRingsAtItsTimeAndOnce() throws {
    let alarm = try Alarm()
    let poller = try Poller()
    try poller.add(alarm.descriptor, token: 1, .read)
    let quiet = poller.wait(timeoutMilliseconds: 20)
    #expect(quiet == 0)
    let due = MonotonicClock.nanoseconds + 20_000_000
    alarm.set(nanoseconds: due)
    let rung = poller.wait(timeoutMilliseconds: 10_000)
    let now = MonotonicClock.nanoseconds
    #expect(rung == 1 && now >= due)
    alarm.acknowledge()
    let after = poller.wait(timeoutMilliseconds: 20)
    #expect(after == 0)
    // A time that has passed rings at once, and the same time can be set again.
    alarm.set(nanoseconds: due)
    let again = poller.wait(timeoutMilliseconds: 10_000)
    #expect(again == 1)
}
