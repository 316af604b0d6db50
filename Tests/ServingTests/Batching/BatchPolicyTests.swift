import Serving
import Testing

private let line = LatencyLine(base: 1_000, perRow: 100)

private func queue(_ requests: [WaitingRequest]) -> ModelQueue {
    var queue = ModelQueue()
    for request in requests { queue.insert(request) }
    return queue
}

private func request(
    _ unit: Int, deadline: UInt64 = 1_000_000, rows: Int = 1, shape: Int = 0, arrival: UInt64 = 0,
    priority: RequestPriority = .high
) -> WaitingRequest {
    WaitingRequest(
        unit: unit, arrival: arrival, deadline: deadline, rows: rows, shape: shape,
        priority: priority)
}

private func decide(
    _ requests: [WaitingRequest], now: UInt64 = 0, chunk: Int = 8, delay: UInt64 = 0,
    slice: Double? = nil
) -> BatchPolicy.Decision {
    BatchPolicy.decide(
        now: now, queue: queue(requests),
        terms: .init(chunkRows: chunk, queueDelay: delay, slice: slice)
    ) { _ in line }
}

@Test func anEmptyQueueIsIdle() {
    #expect(decide([]) == .idle)
}

@Test func whatWaitsRunsAtOnceUpToTheBatchSize() {
    #expect(decide([request(0)]) == .run(.high, rowsMax: 1))
    #expect(decide((0..<20).map { request($0) }) == .run(.high, rowsMax: 8))
    #expect(decide([request(0, rows: 5), request(1, rows: 5)]) == .run(.high, rowsMax: 5))
}

@Test func aRunGrowsOnlyAsFarAsItSavesCompute() {
    func rows(_ line: LatencyLine, waiting: Int, ofFirst first: Int = 1) -> BatchPolicy.Decision {
        let far: UInt64 = 10_000_000_000
        let requests =
            [request(0, deadline: far, rows: first)]
            + (1..<waiting).map { request($0, deadline: far) }
        return BatchPolicy.decide(now: 0, queue: queue(requests), terms: .init(chunkRows: 64)) {
            _ in
            line
        }
    }
    // 2 ms a row, alone or not: runs of 10 ms.
    let flat = LatencyLine(base: 0, perRow: 2e6)
    #expect(rows(flat, waiting: 100) == .run(.high, rowsMax: 5))
    // A request is not cut for it.
    #expect(rows(flat, waiting: 100, ofFirst: 40) == .run(.high, rowsMax: 40))
    // What a run costs once is worth sharing: at 50 · 1.6 ms / 2 ms rows it is a fiftieth.
    #expect(rows(LatencyLine(base: 1.6e6, perRow: 2e6), waiting: 100) == .run(.high, rowsMax: 40))
    #expect(rows(LatencyLine(base: 1e7, perRow: 2e6), waiting: 100) == .run(.high, rowsMax: 64))
    // Quick rows fill a batch.
    #expect(rows(LatencyLine(base: 0, perRow: 1e5), waiting: 100) == .run(.high, rowsMax: 64))
    let unknown = LatencyLine(base: 1e9, perRow: 2e6, isMeasured: false)
    #expect(rows(unknown, waiting: 100) == .run(.high, rowsMax: 64))
}

@Test func theSizeMeetsTheEarliestDeadline() {
    // 1,000 + 100·n by 1,450 allows four rows.
    var requests = (1..<8).map { request($0) }
    requests.append(request(0, deadline: 1_450))
    #expect(decide(requests) == .run(.high, rowsMax: 4))
    // The earliest may be in the other line.
    requests.append(request(9, deadline: 1_250, priority: .low))
    #expect(decide(requests) == .run(.high, rowsMax: 2))
}

@Test func whatExpiredOrCannotBeInTimeIsDropped() {
    #expect(decide([request(0, deadline: 10)], now: 10) == .drop(.high))
    #expect(decide([request(0, deadline: 1_050)]) == .drop(.high))
    #expect(decide([request(0, deadline: 1_150)]) == .run(.high, rowsMax: 1))
    #expect(decide([request(0, deadline: 5, priority: .low)], now: 10) == .drop(.low))
    var probe = request(0, deadline: 1_050)
    probe.isProbe = true
    #expect(decide([probe]) == .run(.high, rowsMax: 1))
}

@Test func nothingIsRefusedByAnEstimateThatWasNeverMeasured() {
    let decision = BatchPolicy.decide(
        now: 0, queue: queue([request(0, deadline: 50), request(1, deadline: 60)]),
        terms: .init(chunkRows: 8)
    ) { _ in LatencyLine(base: 1e9, perRow: 0, isMeasured: false) }
    #expect(decision == .run(.high, rowsMax: 2))
}

@Test func aSliceBoundsARunWhileOthersWantTheWorkers() {
    let requests = (0..<8).map { request($0) }
    #expect(decide(requests, slice: 1_300) == .run(.high, rowsMax: 3))
    // One request always runs.
    #expect(decide(requests, slice: 10) == .run(.high, rowsMax: 1))
    #expect(decide([request(0, rows: 100)], chunk: 8, slice: 4_000) == .run(.high, rowsMax: 16))
}

@Test func aRunThatIsNotFullWaitsOnlyWithAQueueDelay() {
    let one = request(0, arrival: 100)
    #expect(decide([one], now: 150, delay: 0) == .run(.high, rowsMax: 1))
    #expect(decide([one], now: 150, delay: 500) == .wait(until: 600))
    #expect(decide([one], now: 600, delay: 500) == .run(.high, rowsMax: 1))
    #expect(decide((0..<8).map { request($0) }, delay: 500) == .run(.high, rowsMax: 8))
    // It begins in time for its deadline: 2,000 - 1,100.
    #expect(decide([request(0, deadline: 2_000)], delay: 5_000) == .wait(until: 900))
    #expect(
        decide([request(0, deadline: 2_000)], now: 900, delay: 5_000) == .run(.high, rowsMax: 1))
}

@Test func differentShapesShareNoRun() {
    let requests = [
        request(0, shape: 1), request(1, shape: 2), request(2, shape: 1), request(3, shape: 2),
    ]
    #expect(decide(requests) == .run(.high, rowsMax: 2))
    var queue = queue(requests)
    var taken: [WaitingRequest] = []
    let rows = queue.take(.high, rowsMax: 2, into: &taken)
    #expect(rows == 2)
    #expect(taken.map(\.unit) == [0, 2])
    #expect(queue.count == 2)
}
