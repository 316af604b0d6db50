import Models
import Primitives
import Telemetry

/// What happens under the pool's lock.
extension ComputePool.State {
    /// Puts a batch in line; its deadline, or nil when it may not wait (its outcome says why).
    mutating func admit(_ batch: OpenBatch, now: UInt64) -> UInt64? {
        let version = batch.version
        scheduler.registerIfNeeded(version)
        guard var request = batch.waiting(unit: freeUnits.last ?? units.count) else {
            preconditionFailure("a batch that is submitted holds requests")
        }
        let admission = scheduler.admission(
            request, model: version.index, now: now, isReturning: batch.tickets[0].isReturning)
        switch admission {
        case .admitted: break
        case .probe: request.isProbe = true
        case .queueFull, .tooLate, .tooShort:
            batch.outcome = .refused(admission)
            return nil
        }
        if freeUnits.popLast() != nil {
            units[request.unit] = ComputePool.Unit(batch: batch)
        } else {
            units.append(ComputePool.Unit(batch: batch))
        }
        scheduler.insert(request, model: version.index, now: now)
        version.metrics.queueGrew(
            items: request.items, rows: request.rows, bytes: request.bytes)
        return request.deadline
    }

    /// A worker to wake, if one sleeps: a regular one, else the express one.
    mutating func wake(_ regularCount: Int) -> Int? {
        if let index = sleeping.lastIndex(where: { $0 < regularCount }) {
            return sleeping.remove(at: index)
        }
        guard scheduler.hasExpressWork else { return nil }
        return sleeping.popLast()
    }

    /// What the scheduler gave up: single requests go home as they are; of several that came together,
    /// those that have time left stand in line again.
    mutating func settleDropped(now: UInt64, into gone: inout [OpenBatch]) {
        for request in dropped {
            guard let batch = units[request.unit]?.batch else { continue }
            batch.version.metrics.queueShrank(
                items: request.items, rows: request.rows, bytes: request.bytes)
            for index in batch.tickets.indices
            where batch.tickets[index].fate == .live
                && (batch.tickets.count == 1
                    || batch.tickets[index].deadlineNanoseconds
                        <= max(now, request.deadline))
            {
                batch.tickets[index].fate = .expired
            }
            if let rest = batch.waiting(unit: request.unit) {
                scheduler.insert(rest, model: batch.version.index, now: now)
                batch.version.metrics.queueGrew(
                    items: rest.items, rows: rest.rows, bytes: rest.bytes)
            } else {
                release(request.unit)
                gone.append(batch)
            }
        }
        dropped.removeAll(keepingCapacity: true)
    }

    mutating func release(_ unit: Int) {
        units[unit] = nil
        freeUnits.append(unit)
    }

    /// Marks the requests of a client in a waiting batch. Returns how many; a batch without any left
    /// goes behind `gone`.
    mutating func cancel(
        _ unit: Int, _ batch: OpenBatch, connection: UInt64, sequence: UInt32?, thread: Int,
        gone: inout [OpenBatch]
    ) -> Int {
        func isMeant(_ ticket: Ticket) -> Bool {
            ticket.connection == connection && ticket.fate == .live
                && (sequence == nil || ticket.sequence == sequence)
        }
        guard batch.tickets.contains(where: isMeant) else { return 0 }
        let version = batch.version
        guard let old = scheduler.remove(unit: unit, model: version.index) else { return 0 }
        version.metrics.queueShrank(
            items: old.items, rows: old.rows, bytes: old.bytes)
        var count = 0
        for index in batch.tickets.indices where isMeant(batch.tickets[index]) {
            batch.tickets[index].fate = .cancelled
            version.metrics.recordRejection(thread: thread, .clientLeft)
            count += 1
        }
        if let rest = batch.waiting(unit: unit) {
            scheduler.insert(rest, model: version.index, now: rest.arrival)
            version.metrics.queueGrew(
                items: rest.items, rows: rest.rows, bytes: rest.bytes)
        } else {
            release(unit)
            gone.append(batch)
        }
        return count
    }
}
