import IO
import Synchronization
import Testing

@Test func aThreadRunsItsBodyOnceAndIsJoined() throws {
    let runs = Runs()
    let thread = try Thread(name: "a name longer than fifteen bytes") { runs.add() }
    thread.join()
    thread.join()
    #expect(runs.count == 1)
    #expect(Thread.processorCount >= 1)
}

private final class Runs: Sendable {
    private let value = Mutex(0)
    func add() { value.withLock { $0 += 1 } }
    var count: Int { value.withLock { $0 } }
}
