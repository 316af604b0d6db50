import Primitives
import Serving
import Testing

private let millisecond: UInt64 = 1_000_000

/// 2 ms a row, hardly cheaper in batches: 1,000 rows a second on two workers.
private func twoMillisecondModel(weight: Double = 1) -> Simulation.Model {
    simulated(baseMicroseconds: 200, perRowMicroseconds: 1_800, chunk: 16, weight: weight)
}

@Test func aLoneRequestNeverWaits() {
    var simulation = Simulation(workerCount: 2, models: [twoMillisecondModel()])
    simulation.noise = 0
    simulation.run((0..<50).map { .init(arrival: UInt64($0) * 20 * millisecond + 1) })
    #expect(simulation.unsettled == 0)
    #expect(simulation.latencies().count == 50)
    #expect(simulation.latencies().allSatisfy { $0 == 2 * millisecond })
}

@Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
func noWorkerIdlesWhileAnythingWaitsAndNothingIsLost(seed: UInt64) {
    var random = SeededRandom(seed)
    let models = (0..<3).map { _ in
        simulated(
            baseMicroseconds: Double.random(in: 10...2_000, using: &random),
            perRowMicroseconds: Double.random(in: 50...3_000, using: &random),
            chunk: Int.random(in: 1...64, using: &random),
            weight: Double.random(in: 0.5...4, using: &random))
    }
    var arrivals: [Simulation.Request] = []
    for index in 0..<3 {
        for _ in 0..<4 {
            let request = Simulation.Request(
                arrival: 0, model: index, rows: Int.random(in: 1...100, using: &random),
                timeout: UInt64.random(in: 1...2_000, using: &random) * millisecond,
                priority: Bool.random(using: &random) ? .high : .low)
            arrivals += poisson(
                rate: Double.random(in: 5...300, using: &random), seconds: 2,
                seed: random.next(), like: request)
        }
        // A burst at one moment.
        for _ in 0..<200 { arrivals.append(.init(arrival: 500 * millisecond, model: index)) }
    }
    var simulation = Simulation(
        workerCount: Int.random(in: 1...4, using: &random), models: models, seed: seed)
    simulation.run(arrivals)
    #expect(simulation.requests.count == arrivals.count)
    #expect(simulation.unsettled == 0)
    #expect(simulation.idledInVain == 0)
    #expect(simulation.ranExpired == 0)
    #expect(simulation.latencies().count > 100)
    #expect(simulation.scheduler.itemsTotal == 0)
    #expect(simulation.scheduler.bytesTotal == 0)
    #expect(simulation.scheduler.busyCount == 0)
}

@Test func goodputStaysAtItsPeakUnderOverload() {
    var good: [Double: Double] = [:]
    for load in [0.5, 0.8, 1, 1.5, 2, 4] {
        var simulation = Simulation(workerCount: 2, models: [twoMillisecondModel()], seed: 3)
        simulation.run(
            poisson(
                rate: load * 1_000, seconds: 10, seed: 9,
                like: .init(arrival: 0, timeout: 100 * millisecond)))
        good[load] = Double(simulation.inTime) / 10
        #expect(simulation.unsettled == 0)
        let p99 = simulation.latencies().percentile(0.99)
        #expect(p99 <= 100e6, "p99 \(p99 / 1e6) ms at \(load)")
        if load <= 0.5 { #expect(simulation.inTime == simulation.requests.count) }
    }
    let peak = good.values.max() ?? 0
    #expect(peak > 900)
    #expect(good[4, default: 0] >= 0.95 * peak, "\(good)")
}

@Test(arguments: [16, 64])
func clientsThatComeBackAsToldAreServed(chunk: Int) {
    let model = simulated(baseMicroseconds: 200, perRowMicroseconds: 1_800, chunk: chunk)
    var simulation = Simulation(workerCount: 2, models: [model], seed: 5)
    simulation.obeysRetryAfter = true
    // Four times what it can serve, for five seconds, and it does not stop for those who return.
    simulation.run(
        poisson(
            rate: 4_000, seconds: 5, seed: 2, like: .init(arrival: 0, timeout: 100 * millisecond)))
    let returned = simulation.count { request, _ in request.isReturning }
    let served = simulation.count { request, outcome in
        guard request.isReturning, case .done(let end) = outcome else { return false }
        return end <= request.arrival + request.timeout
    }
    #expect(returned > 5_000)
    #expect(Double(served) >= 0.95 * Double(returned), "\(served) of \(returned)")
}

@Test func aFloodedModelHardlyDelaysAnother() {
    let quiet = poisson(
        rate: 100, seconds: 20, seed: 4, like: .init(arrival: 0, model: 1, timeout: 10_000_000_000))
    let models = [
        simulated(baseMicroseconds: 500, perRowMicroseconds: 2_000, chunk: 64),
        simulated(baseMicroseconds: 500, perRowMicroseconds: 4_500, chunk: 16),
    ]
    var alone = Simulation(workerCount: 2, models: models, seed: 6)
    alone.run(quiet)
    var together = Simulation(workerCount: 2, models: models, seed: 6)
    together.run(
        quiet
            + poisson(
                rate: 4_000, seconds: 20, seed: 8,
                like: .init(arrival: 0, model: 0, timeout: 500 * millisecond)))
    let before = alone.latencies { $0.model == 1 }
    let after = together.latencies { $0.model == 1 }
    #expect(after.count == before.count)
    #expect(
        after.percentile(0.99) <= 1.5 * before.percentile(0.99),
        "\(before.percentile(0.99) / 1e6) ms alone, \(after.percentile(0.99) / 1e6) ms beside")
}

@Test func computeTimeIsSharedByWeight() {
    let models = [twoMillisecondModel(weight: 3), twoMillisecondModel(weight: 1)]
    var simulation = Simulation(workerCount: 2, models: models, seed: 7)
    var arrivals: [Simulation.Request] = []
    for model in 0...1 {
        arrivals += poisson(
            rate: 3_000, seconds: 10, seed: UInt64(model + 10),
            like: .init(arrival: 0, model: model, timeout: 200 * millisecond))
    }
    simulation.run(arrivals)
    let ratio = simulation.computed[0] / simulation.computed[1]
    #expect(ratio > 2.5 && ratio < 3.5, "\(ratio)")
}

@Test func highPriorityGoesFirstWhileItStaysBelowItsShare() {
    let model = twoMillisecondModel()
    let urgent = poisson(
        rate: 500, seconds: 10, seed: 3,
        like: .init(arrival: 0, timeout: 1_000 * millisecond, priority: .high))
    let flood = poisson(
        rate: 4_000, seconds: 10, seed: 5,
        like: .init(arrival: 0, timeout: 1_000 * millisecond, priority: .low))
    var simulation = Simulation(workerCount: 2, models: [model], seed: 2)
    simulation.run(urgent + flood)
    let high = simulation.latencies { $0.priority == .high }
    #expect(high.count == urgent.count)
    // Two runs of low rows that have begun, and its own.
    #expect(high.percentile(0.99) < 100e6, "\(high.percentile(0.99) / 1e6) ms")
    #expect(simulation.latencies { $0.priority == .low }.count > 3_000)
}

@Test func lowPriorityGetsItsShareOfAFlood() {
    let model = twoMillisecondModel()
    var arrivals: [Simulation.Request] = []
    for priority in RequestPriority.allCases {
        arrivals += poisson(
            rate: 3_000, seconds: 10, seed: UInt64(priority.rawValue) + 3,
            like: .init(arrival: 0, timeout: 1_000 * millisecond, priority: priority))
    }
    var simulation = Simulation(workerCount: 2, models: [model], seed: 2)
    simulation.run(arrivals)
    let high = Double(simulation.latencies { $0.priority == .high }.count)
    let low = Double(simulation.latencies { $0.priority == .low }.count)
    let share = low / (high + low)
    #expect(share > 0.15 && share < 0.3, "\(share)")
}

@Test func anEstimateThatIsFarTooHighIsCorrected() {
    let model = twoMillisecondModel()
    // It says a run takes 300 ms.
    model.terms.latency.calibrate(
        rows1: 1, nanoseconds1: 300e6, rows2: 17, nanoseconds2: 301e6)
    var simulation = Simulation(workerCount: 1, models: [model], seed: 2)
    simulation.run(
        poisson(
            rate: 50, seconds: 300, seed: 1, like: .init(arrival: 0, timeout: 100 * millisecond)))
    let late = simulation.requests.indices.filter {
        simulation.requests[$0].arrival > 200_000_000_000
    }
    let done = late.filter {
        if case .done = simulation.outcomes[$0] { true } else { false }
    }
    #expect(Double(done.count) > 0.99 * Double(late.count), "\(done.count) of \(late.count)")
}

@Test func aRequestThatCannotBeInTimeIsRefusedAtOnce() {
    var scheduler = Scheduler(workerCount: 1)
    scheduler.register(0, twoMillisecondModel().terms)
    // 2 ms of work in 1 ms, on an idle server.
    let short = WaitingRequest(unit: 0, arrival: 0, deadline: millisecond, rows: 1)
    guard case .tooShort(let run) = scheduler.admission(short, model: 0, now: 0) else {
        Issue.record("it was taken in")
        return
    }
    #expect(abs(Double(run) - 2e6) < 1e5)
    // Time for its run, but not for the hundred before it.
    for unit in 1...100 {
        scheduler.insert(
            WaitingRequest(unit: unit, arrival: 0, deadline: 1_000 * millisecond, rows: 1),
            model: 0,
            now: 0)
    }
    let late = WaitingRequest(unit: 101, arrival: 0, deadline: 50 * millisecond, rows: 1)
    let first = WaitingRequest(unit: 102, arrival: 0, deadline: 2_000 * millisecond, rows: 1)
    // The second is due before the others, so it need not wait for them.
    for request in [first, late] {
        let admission = scheduler.admission(request, model: 0, now: 0)
        #expect(admission == .admitted)
    }
    for unit in 200..<300 {
        scheduler.insert(
            WaitingRequest(unit: unit, arrival: 0, deadline: 40 * millisecond, rows: 1), model: 0,
            now: 0)
    }
    guard case .tooLate(let wait, _, let retryAfter) = scheduler.admission(late, model: 0, now: 0)
    else {
        Issue.record("it was taken in")
        return
    }
    #expect(wait > 100 * millisecond)
    #expect(retryAfter >= wait)
}

@Test func queuesAreBoundedEachAndTogether() {
    var limits = Limits()
    limits.queueItemsTotalMax = 12
    var scheduler = Scheduler(workerCount: 1, limits: limits)
    var terms = twoMillisecondModel().terms
    terms.queueItemsMax = 8
    terms.queueBytesMax = 1_000
    for model in 0...2 { scheduler.register(model, terms) }
    var taken = [0, 0, 0]
    for model in 0...2 {
        for unit in 0..<20 {
            let request = WaitingRequest(
                unit: model * 100 + unit, arrival: 0, deadline: .max, rows: 1)
            guard case .admitted = scheduler.admission(request, model: model, now: 0) else {
                continue
            }
            scheduler.insert(request, model: model, now: 0)
            taken[model] += 1
        }
    }
    #expect(taken == [8, 4, 0])
    for unit in 0..<8 {
        let removed = scheduler.remove(unit: unit, model: 0)
        #expect(removed?.unit == unit)
    }
    let large = WaitingRequest(unit: 500, arrival: 0, deadline: .max, rows: 1, bytes: 5_000)
    // An empty queue takes what is larger than its bound, a second one like it has to wait.
    let first = scheduler.admission(large, model: 0, now: 0)
    #expect(first == .admitted)
    scheduler.insert(large, model: 0, now: 0)
    guard case .queueFull = scheduler.admission(large, model: 0, now: 0) else {
        Issue.record("ten times the bytes are bounded")
        return
    }
}

@Test func expiredRequestsLeaveAllQueues() {
    var scheduler = Scheduler(workerCount: 1)
    for model in 0...1 { scheduler.register(model, twoMillisecondModel().terms) }
    for unit in 0..<10 {
        scheduler.insert(
            WaitingRequest(
                unit: unit, arrival: 0, deadline: UInt64(unit + 1) * millisecond, rows: 1),
            model: unit % 2, now: 0)
    }
    var dropped: [WaitingRequest] = []
    let next = scheduler.expire(now: 4 * millisecond, dropped: &dropped)
    #expect(next == 5 * millisecond)
    #expect(Set(dropped.map(\.unit)) == [0, 1, 2, 3])
    #expect(scheduler.itemsTotal == 6)
    dropped.removeAll()
    let none = scheduler.expire(now: 100 * millisecond, dropped: &dropped)
    #expect(none == nil)
    #expect(dropped.count == 6)
    #expect(scheduler.itemsTotal == 0)
    #expect(scheduler.active.isEmpty)
}

@Test func theExpressWorkerServesOnlyModelsThatFindAllWorkersTaken() {
    var scheduler = Scheduler(workerCount: 1)
    for model in 0...1 { scheduler.register(model, twoMillisecondModel().terms) }
    var run = ScheduledRun()
    var express = ScheduledRun()
    var dropped: [WaitingRequest] = []
    func insert(_ unit: Int, _ model: Int) {
        scheduler.insert(
            WaitingRequest(unit: unit, arrival: 0, deadline: .max, rows: 1), model: model, now: 0)
    }
    insert(0, 0)
    #expect(!scheduler.hasExpressWork)
    let early = scheduler.next(now: 0, isExpress: true, into: &express, dropped: &dropped)
    #expect(early == .sleep(until: nil))
    let regular = scheduler.next(now: 0, isExpress: false, into: &run, dropped: &dropped)
    #expect(regular == .run(hasMore: false))
    insert(1, 0)
    // The same model has a worker already.
    #expect(!scheduler.hasExpressWork)
    insert(2, 1)
    #expect(scheduler.hasExpressWork)
    let turn = scheduler.next(now: 0, isExpress: true, into: &express, dropped: &dropped)
    #expect(turn == .run(hasMore: true))
    #expect(express.model == 1)
    scheduler.finished(express, now: 1, elapsed: 1, isExpress: true)
    scheduler.finished(run, now: 1, elapsed: 1, isExpress: false)
    #expect(scheduler.busyCount == 0)
}

@Test func aLongRequestRunsInPiecesThatLetOthersPass() {
    let model = twoMillisecondModel()
    var scheduler = Scheduler(workerCount: 1)
    scheduler.register(0, model.terms)
    scheduler.register(1, twoMillisecondModel().terms)
    var run = ScheduledRun()
    var dropped: [WaitingRequest] = []
    scheduler.insert(
        WaitingRequest(unit: 0, arrival: 0, deadline: .max, rows: 1_000), model: 0, now: 0)
    var pieces: [Int] = []
    var served: [Int] = []
    var now: UInt64 = 0
    while case .run = scheduler.next(now: now, isExpress: false, into: &run, dropped: &dropped) {
        if run.model == 0 { pieces.append(run.rows) } else { served.append(pieces.count) }
        now += UInt64(run.expected)
        scheduler.finished(run, now: now, elapsed: UInt64(run.expected), isExpress: false)
        if pieces.count == 3, served.isEmpty {
            scheduler.insert(
                WaitingRequest(unit: 1, arrival: now, deadline: .max, rows: 1), model: 1, now: now)
        }
    }
    #expect(pieces.reduce(0, +) == 1_000)
    // Whole chunks, but for the last.
    #expect(pieces.dropLast().allSatisfy { $0 == 16 })
    #expect(served.first == 3)
}

@Test func aModelIsForgottenOnceNothingOfItIsLeft() {
    var scheduler = Scheduler(workerCount: 1)
    scheduler.register(0, twoMillisecondModel().terms)
    scheduler.insert(WaitingRequest(unit: 0, arrival: 0, deadline: .max, rows: 1), model: 0, now: 0)
    let whileWaiting = scheduler.forget(0)
    #expect(!whileWaiting)
    var run = ScheduledRun()
    var dropped: [WaitingRequest] = []
    _ = scheduler.next(now: 0, isExpress: false, into: &run, dropped: &dropped)
    let whileRunning = scheduler.forget(0)
    #expect(!whileRunning)
    scheduler.finished(run, now: 1, elapsed: 1, isExpress: false)
    let afterwards = scheduler.forget(0)
    #expect(afterwards)
    #expect(!scheduler.isRegistered(0))
}
