import Primitives

/// Which requests run next, and which may wait: all models, all workers. A value without clock, lock or
/// thread; time is an argument, so that a simulation can drive it (`ComputePool` does with a real one).
///
/// **Between models** it is weighted fair queueing by measured compute time: each model has a virtual
/// time that grows by what its runs took, divided by its weight, and a free worker serves the model
/// whose virtual time is least. A model that was idle starts at the present: it saved nothing up.
///
/// **Workers.** The regular ones take whatever is next. The *express* ones take a run only when every
/// regular worker is busy and the next model has none of them: so a flood of long runs on all workers
/// delays another model by the operating system's switch between threads, not by the rest of a run.
public struct Scheduler: Sendable {
    struct Model: Sendable {
        var terms: ModelTerms
        var queue: ModelQueue
        /// Compute time taken, in nanoseconds, divided by the weight.
        var virtualTime = 0.0
        /// When it last had anything to do.
        var lastActive: UInt64 = 0
        /// Requests refused because a run is too long, since the last run.
        var refusals = 0
        var lastRun: UInt64 = 0
        /// The turn in which it was last asked for work.
        var askedTurn: UInt64 = 0
        var retries: RetryBook
        /// Of its last run, in its latency table.
        var bucket = 0

        /// Whether it had anything to do within the last second.
        func isAround(now: UInt64) -> Bool {
            !queue.isEmpty || queue.runningCount > 0
                || (lastActive > 0 && now - min(now, lastActive) < 1_000_000_000)
        }
    }

    /// What a worker is told.
    public enum Turn: Sendable, Equatable {
        /// The run was filled in. `hasMore` says whether another worker would find work, too.
        case run(hasMore: Bool)
        /// Nothing to do, unless something comes, before this time (or at all).
        case sleep(until: UInt64?)
    }

    let limits: Limits
    let workerCount: Int
    /// By index; nil for those that are not known yet or gone.
    var models: [Model?] = []
    /// Models whose queues are not empty.
    public private(set) var active: [Int] = []
    /// Regular workers that run something.
    public private(set) var busyCount = 0
    /// The virtual time at which the last run began.
    private var virtualNow = 0.0
    /// Numbers the calls of `next`.
    private var turn: UInt64 = 0
    public private(set) var itemsTotal = 0
    public private(set) var bytesTotal = 0

    public init(workerCount: Int, limits: Limits = .standard) {
        self.workerCount = workerCount
        self.limits = limits
    }

    /// Makes a model known under an index, once.
    public mutating func register(_ index: Int, _ terms: ModelTerms) {
        while models.count <= index { models.append(nil) }
        guard models[index] == nil else { return }
        let seed = UInt64(truncatingIfNeeded: index) &+ 1
        models[index] = Model(
            terms: terms, queue: ModelQueue(priorityShare: limits.priorityShare),
            retries: RetryBook(seed: seed))
    }

    func latency(of index: Int) -> LatencyTable? { models[index]?.terms.latency }

    public func isRegistered(_ index: Int) -> Bool { index < models.count && models[index] != nil }

    /// Forgets a model that is served no more. False while requests of it wait or run.
    public mutating func forget(_ index: Int) -> Bool {
        guard index < models.count, let model = models[index] else { return true }
        guard model.queue.isEmpty, model.queue.runningCount == 0 else { return false }
        models[index] = nil
        return true
    }

    public func queueItems(_ index: Int) -> Int { models[index]?.queue.items ?? 0 }

    // MARK: Work

    /// Puts a request in line; whether it may was asked before (`admission`).
    public mutating func insert(_ request: WaitingRequest, model index: Int, now: UInt64) {
        if models[index]?.queue.isEmpty ?? true {
            if models[index]?.queue.runningCount == 0 {
                let present = max(models[index]?.virtualTime ?? 0, virtualNow)
                models[index]?.virtualTime = present
            }
            active.append(index)
        }
        models[index]?.queue.insert(request)
        models[index]?.lastActive = now
        itemsTotal += request.items
        bytesTotal += request.bytes
    }

    /// What a free worker does next. Requests that were given up on the way are put behind `dropped`.
    public mutating func next(
        now: UInt64, isExpress: Bool, into run: inout ScheduledRun,
        dropped: inout [WaitingRequest]
    ) -> Turn {
        run.reset()
        var wakeAt: UInt64?
        // Each model is asked at most once a turn, the one that is furthest behind first.
        turn += 1
        while let index = mostBehind(isExpress: isExpress) {
            models[index]?.askedTurn = turn
            switch decide(index, now: now, &dropped) {
            case .idle: active.removeAll { $0 == index }
            case .wait(let until): wakeAt = min(wakeAt ?? until, until)
            case .run(let priority, let rowsMax):
                begin(index, priority, rowsMax, now: now, isExpress: isExpress, &run)
                return .run(hasMore: !active.isEmpty)
            case .drop: preconditionFailure("decide drops until something else is to be done")
            }
        }
        return .sleep(until: wakeAt)
    }

    /// Whether the express worker would find a run.
    public var hasExpressWork: Bool { mostBehind(isExpress: true, asksAgain: true) != nil }

    /// The model with the least virtual time among those not asked in this turn.
    private func mostBehind(isExpress: Bool, asksAgain: Bool = false) -> Int? {
        if isExpress, busyCount < workerCount { return nil }
        var best: Int?
        var least = Double.infinity
        for index in active {
            guard let virtualTime = models[index]?.virtualTime,
                asksAgain || models[index]?.askedTurn != turn
            else { continue }
            if virtualTime < least {
                least = virtualTime
                best = index
            }
        }
        if isExpress, let best, models[best]?.queue.runningCount != 0 { return nil }
        return best
    }

    private mutating func decide(
        _ index: Int, now: UInt64, _ dropped: inout [WaitingRequest]
    ) -> BatchPolicy.Decision {
        let slice = slice(index, now: now)
        while true {
            let decision = decision(index, now: now, slice: slice)
            guard case .drop(let priority) = decision else { return decision }
            guard let request = models[index]?.queue.removeFirst(priority) else { return .idle }
            itemsTotal -= request.items
            bytesTotal -= request.bytes
            dropped.append(request)
        }
    }

    private func decision(_ index: Int, now: UInt64, slice: Double?) -> BatchPolicy.Decision {
        guard let model = models[index] else { return .idle }
        let terms = BatchPolicy.Terms(
            chunkRows: model.terms.chunkRows, queueDelay: model.terms.queueDelay, slice: slice)
        return BatchPolicy.decide(now: now, queue: model.queue, terms: terms) {
            model.terms.latency.line(bucket: $0)
        }
    }

    /// The longest run of a model, in nanoseconds: that of one row of the quickest other model that had
    /// anything to do within the last second, within bounds. Nil when there is none.
    private func slice(_ index: Int, now: UInt64) -> Double? {
        var least: Double?
        for other in models.indices where other != index {
            guard let model = models[other], model.isAround(now: now) else { continue }
            let run = model.terms.latency.line(bucket: model.bucket).nanoseconds(rows: 1)
            least = min(least ?? run, run)
        }
        guard let least else { return nil }
        let most = Double(limits.sliceMilliseconds) * 1e6
        return min(max(least, most / 5), most)
    }

    private mutating func begin(
        _ index: Int, _ priority: RequestPriority, _ rowsMax: Int, now: UInt64, isExpress: Bool,
        _ run: inout ScheduledRun
    ) {
        guard models[index] != nil else { return }
        run.model = index
        run.rows = models[index]?.queue.take(priority, rowsMax: rowsMax, into: &run.requests) ?? 0
        for request in run.requests {
            itemsTotal -= request.items
            bytesTotal -= request.bytes
        }
        let terms = models[index]?.terms
        let line = terms?.latency.line(bucket: run.requests[0].bucket)
        run.expected =
            line?.nanoseconds(rows: run.rows, chunk: terms?.chunkRows ?? 1) ?? 0
        run.expectedEnd = now &+ UInt64(min(max(run.expected, 0), 1e15))
        virtualNow = max(virtualNow, models[index]?.virtualTime ?? 0)
        models[index]?.virtualTime += run.expected / (terms?.weight ?? 1)
        models[index]?.queue.runningCount += 1
        models[index]?.lastActive = now
        models[index]?.bucket = run.requests[0].bucket
        if !isExpress { busyCount += 1 }
        if models[index]?.queue.isEmpty ?? true { active.removeAll { $0 == index } }
    }

    /// A run ended after this time of computing. The rest of a long request stands in line again.
    public mutating func finished(
        _ run: ScheduledRun, now: UInt64, elapsed: UInt64, isExpress: Bool, resumes: Bool = true
    ) {
        let index = run.model
        if !isExpress { busyCount -= 1 }
        guard let terms = models[index]?.terms else { return }
        models[index]?.queue.runningCount -= 1
        models[index]?.lastActive = now
        models[index]?.lastRun = now
        models[index]?.refusals = 0
        models[index]?.virtualTime += (Double(elapsed) - run.expected) / terms.weight
        if resumes, let rest = run.rest { insert(rest, model: index, now: now) }
        let isBacklogged = !(models[index]?.queue.isEmpty ?? true)
        models[index]?.queue.drain.finished(rows: run.rows, now: now, isBacklogged: isBacklogged)
    }

    // MARK: Leaving the line

    /// Takes a unit out of a model's queue, as if it had never come.
    public mutating func remove(unit: Int, model index: Int) -> WaitingRequest? {
        guard let request = models[index]?.queue.remove(unit: unit) else { return nil }
        left(request, index)
        return request
    }

    /// Takes out what expired, of all models. The earliest deadline that is left, or nil.
    public mutating func expire(now: UInt64, dropped: inout [WaitingRequest]) -> UInt64? {
        var earliest: UInt64?
        for index in active.reversed() {
            for priority in RequestPriority.allCases {
                while let first = models[index]?.queue[priority].first {
                    guard first.deadline <= now else {
                        earliest = min(earliest ?? first.deadline, first.deadline)
                        break
                    }
                    guard let request = models[index]?.queue.removeFirst(priority) else { break }
                    left(request, index)
                    dropped.append(request)
                }
            }
        }
        return earliest
    }

    private mutating func left(_ request: WaitingRequest, _ index: Int) {
        itemsTotal -= request.items
        bytesTotal -= request.bytes
        if models[index]?.queue.isEmpty ?? true {
            models[index]?.queue.drain.drained()
            active.removeAll { $0 == index }
        }
    }
}
