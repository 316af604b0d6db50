import Glibc
import IO
import Primitives
import Testing

@Test func readinessIsReportedWithItsToken() throws {
    let poller = try Poller()
    let wakeup = try Wakeup(.polled)
    try poller.add(wakeup.descriptor, token: 0xABCD_0000_0001, .read)
    #expect(poller.wait(timeoutMilliseconds: 0) == 0)
    wakeup.raise()
    #expect(poller.wait(timeoutMilliseconds: 1000) == 1)
    let event = poller.event(0)
    #expect(event.token == 0xABCD_0000_0001)
    #expect(event.isReadable && !event.isWritable && !event.isBroken)
    wakeup.take()
    #expect(poller.wait(timeoutMilliseconds: 0) == 0)
    poller.change(wakeup.descriptor, token: 5, .write)
    #expect(poller.wait(timeoutMilliseconds: 1000) == 1)
    #expect(poller.event(0).token == 5 && poller.event(0).isWritable)
    poller.remove(wakeup.descriptor)
    #expect(poller.wait(timeoutMilliseconds: 0) == 0)
}
