import Primitives
import Synchronization
import Telemetry
import Testing

@Test func whatWaitsIsWrittenInOrderBeforeTheQueueEnds() throws {
    let written = Mutex("")
    let drops = Atomic<Int>(0)
    let queue = try LogQueue(limits: .standard) { text in
        written.withLock { $0 += text }
    } dropped: {
        drops.wrappingAdd(1, ordering: .relaxed)
    }
    for number in 0..<100 { queue.add("line \(number)\n") }
    queue.stop()
    queue.run()
    let text = written.withLock { $0 }
    #expect(text == (0..<100).map { "line \($0)\n" }.joined())
    #expect(drops.load(ordering: .relaxed) == 0)
}

@Test func linesThatNobodyReadsAreDroppedAndCounted() throws {
    var limits = Limits.standard
    limits.logBufferedBytesMax = 20
    let written = Mutex("")
    let drops = Atomic<Int>(0)
    let queue = try LogQueue(limits: limits) { text in
        written.withLock { $0 += text }
    } dropped: {
        drops.wrappingAdd(1, ordering: .relaxed)
    }
    for _ in 0..<10 { queue.add("12345678\n") }
    queue.stop()
    queue.run()
    #expect(written.withLock { $0 } == "12345678\n12345678\n")
    #expect(drops.load(ordering: .relaxed) == 8)
}
