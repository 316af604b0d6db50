import Serving
import Testing

private func fill(_ queue: inout ModelQueue, _ priority: RequestPriority, _ units: Range<Int>) {
    for unit in units {
        queue.insert(
            WaitingRequest(
                unit: unit, arrival: 0, deadline: .max, rows: 1, bytes: 10, shape: unit % 1,
                priority: priority))
    }
}

@Test func theLowLineIsServedAfterAtMostShareAndOneRunsOfTheHigh() {
    var queue = ModelQueue(priorityShare: 4)
    fill(&queue, .high, 0..<10_000)
    fill(&queue, .low, 10_000..<11_000)
    var order: [RequestPriority] = []
    var taken: [WaitingRequest] = []
    for _ in 0..<200 {
        guard let next = queue.nextPriority(chunkRows: 8) else { break }
        order.append(next)
        taken.removeAll()
        // One row of the chosen line only, so that lines are not mixed.
        for _ in 0..<8 { _ = queue.take(next, rowsMax: 1, into: &taken) }
    }
    var streak = 0
    var longest = 0
    for priority in order {
        streak = priority == .high ? streak + 1 : 0
        longest = max(longest, streak)
    }
    #expect(longest <= 5)
    let low = order.filter { $0 == .low }.count
    #expect(low >= 35 && low <= 45, "\(low) of 200")
}

@Test func aLineThatWasEmptyHasSavedNothingUp() {
    var queue = ModelQueue(priorityShare: 4)
    fill(&queue, .low, 0..<1_000)
    var taken: [WaitingRequest] = []
    for _ in 0..<500 { _ = queue.take(.low, rowsMax: 1, into: &taken) }
    fill(&queue, .high, 2_000..<3_000)
    var high = 0
    for _ in 0..<100 {
        guard let next = queue.nextPriority(chunkRows: 1) else { break }
        if next == .high { high += 1 }
        _ = queue.take(next, rowsMax: 1, into: &taken)
    }
    #expect(high >= 78 && high <= 86, "\(high)")
}

@Test func aRunIsFilledFromBothLines() {
    var queue = ModelQueue()
    fill(&queue, .high, 0..<3)
    fill(&queue, .low, 10..<20)
    var taken: [WaitingRequest] = []
    let rows = queue.take(.high, rowsMax: 6, into: &taken)
    #expect(rows == 6)
    #expect(taken.map(\.unit) == [0, 1, 2, 10, 11, 12])
    #expect(queue.items == 7)
    #expect(queue.bytes == 70)
    #expect(queue.rows == 7)
}

@Test func whoIsAheadDependsOnPriority() {
    var queue = ModelQueue(priorityShare: 4)
    fill(&queue, .high, 0..<100)
    fill(&queue, .low, 100..<200)
    #expect(queue.rowsAhead(of: .max, .high) == 125)
    #expect(queue.rowsAhead(of: .max, .low) == 200)
    #expect(queue.rowsAhead(of: 5, .high) == 0)
}
