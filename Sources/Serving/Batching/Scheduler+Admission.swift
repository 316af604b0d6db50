import Primitives

extension Scheduler {
    /// How much longer a prediction may turn out, so that what is admitted is in time.
    private static let caution = 1.15
    /// What requests that were not refused before may fill of a queue; the rest is kept for those who come
    /// back as they were told.
    private static let freshShare = 0.75
    /// What they may fill of their time, without and with clients who were told to come back. Those come
    /// between runs, in numbers: half of a run's rows must find room behind the fresh ones.
    private static let freshTimeShare = 0.75
    private static let freshTimeShareWhenBooked = 0.5
    /// The share of the rate that is promised to those who come back. With all of it, a queue that is never
    /// empty would be as often too long as not.
    private static let bookedShare = 0.6
    /// What requests of low priority may fill, so that a flood of them leaves room for the others.
    private static let lowShare = 0.5

    /// Whether a request may wait.
    ///
    /// `isReturning`: it was refused before and comes back at the time it was given. `isTentative`: it
    /// will be asked again before it waits.
    public mutating func admission(
        _ request: WaitingRequest, model index: Int, now: UInt64, isReturning: Bool = false,
        isTentative: Bool = false
    ) -> Admission {
        guard let model = models[index] else { return .admitted }
        let line = model.terms.latency.line(bucket: request.bucket)
        let rate = rowsPerNanosecond(model, line, now: now)
        let isLowFull =
            request.priority == .low
            && Double(model.queue[.low].count) >= Double(model.terms.queueItemsMax) * Self.lowShare
        if isFull(model, request, share: isReturning ? 1 : Self.freshShare)
            || (isLowFull && !isReturning)
        {
            return .queueFull(retryAfter: retryAfter(index, request, rate: rate, now: now))
        }
        guard line.isMeasured else { return .admitted }
        let chunk = model.terms.chunkRows
        let left = Double(request.deadline - min(request.deadline, now))
        let alone = line.nanoseconds(rows: request.rows, chunk: chunk)
        if alone > left { return tooShort(index, model, alone, now: now, isTentative) }
        if model.queue.isEmpty, model.queue.runningCount == 0 { return .admitted }
        let ahead = model.queue.rowsAhead(of: request.deadline, request.priority)
        let together = line.nanoseconds(
            rows: min(line.rowsThatPay(chunk: chunk), ahead + request.rows))
        let wait = Double(ahead) / rate + (busyCount < workerCount ? 0 : together / 2)
        let run = max(alone, together)
        let share =
            model.retries.expectsClients(now: now)
            ? Self.freshTimeShareWhenBooked : Self.freshTimeShare
        let isLate =
            isReturning
            ? wait + run > left : wait * Self.caution + run > max(left * share, alone)
        guard isLate, ahead > 0 || busyCount >= workerCount else { return .admitted }
        return .tooLate(
            wait: Self.whole(wait), run: Self.whole(run),
            retryAfter: retryAfter(index, request, rate: rate, now: now))
    }

    /// After so many refusals and so much time without a run, one is let through: an estimate that is
    /// too high would otherwise never be corrected.
    private static let probeRefusals = 16
    private static let probeNanoseconds: UInt64 = 1_000_000_000

    private mutating func tooShort(
        _ index: Int, _ model: Model, _ run: Double, now: UInt64, _ isTentative: Bool
    ) -> Admission {
        let isDue =
            model.refusals >= Self.probeRefusals
            && now - min(now, model.lastRun) >= Self.probeNanoseconds
        if !isTentative || !isDue { models[index]?.refusals = isDue ? 0 : model.refusals + 1 }
        return isDue ? .probe : .tooShort(run: Self.whole(run))
    }

    private func isFull(_ model: Model, _ request: WaitingRequest, share: Double) -> Bool {
        func exceeds(_ value: Int, _ max: Int) -> Bool {
            // A small bound is no smaller for those who come for the first time.
            Double(value) > (max < 16 ? Double(max) : Double(max) * share)
        }
        // An idle queue takes even a request that is larger than its bound.
        if !model.queue.isEmpty,
            exceeds(model.queue.items + request.items, model.terms.queueItemsMax)
                || exceeds(model.queue.bytes + request.bytes, model.terms.queueBytesMax)
        {
            return true
        }
        return itemsTotal > 0
            && (exceeds(itemsTotal + request.items, limits.queueItemsTotalMax)
                || exceeds(bytesTotal + request.bytes, limits.queueBytesTotalMax))
    }

    /// Rows a nanosecond that a model's backlog is worked off: measured, else what the workers would do
    /// at full runs, shared with the models that also wait.
    private func rowsPerNanosecond(
        _ model: Model, _ line: LatencyLine, now: UInt64
    ) -> Double {
        if let measured = model.queue.drain.rowsPerNanosecond(now: now) { return measured }
        let chunk = model.terms.chunkRows
        let run = max(line.nanoseconds(rows: chunk), 1)
        var weights = model.queue.isEmpty ? model.terms.weight : 0
        for index in active { weights += models[index]?.terms.weight ?? 0 }
        let share = model.terms.weight / max(weights, model.terms.weight)
        return Double(chunk) * Double(workerCount) * share / run
    }

    private mutating func retryAfter(
        _ index: Int, _ request: WaitingRequest, rate: Double, now: UInt64
    ) -> UInt64 {
        guard let rows = models[index]?.queue.rows else { return 0 }
        return models[index]?.retries.book(
            now: now, backlog: Double(rows) / rate,
            service: Double(request.rows) / rate / Self.bookedShare,
            most: UInt64(limits.retrySecondsMax) * 1_000_000_000) ?? 0
    }

    private static func whole(_ nanoseconds: Double) -> UInt64 {
        UInt64(min(max(nanoseconds, 0), 1e18))
    }
}
