import Models
import Primitives
import Synchronization
import Telemetry

extension ComputePool {
    /// What a worker keeps from run to run.
    private struct Worker {
        let number: Int
        let thread: Int
        let isExpress: Bool
        var run = ScheduledRun()
        var batches: [OpenBatch] = []
        /// Batches that go home without having been computed.
        var gone: [OpenBatch] = []
        var messages: [LoopMessage] = []
        var joined = JoinedBatch()
    }

    private enum Turn {
        case run(wake: Int?)
        case sleep(until: UInt64?)
        case stop
    }

    /// A worker's life: returns after `stop`, when nothing waits any more. `number` counts from 0 to
    /// `workerCount - 1`; the last is the express worker.
    public func runWorker(_ number: Int) {
        precondition(number >= 0 && number < workerCount, "a worker of this pool")
        var worker = Worker(
            number: number, thread: firstThread + number, isExpress: number >= regularCount)
        while true {
            let turn = takeTurn(&worker)
            for batch in worker.gone { batch.home.send(.completed(batch)) }
            worker.gone.removeAll(keepingCapacity: true)
            switch turn {
            case .run(let wake):
                if let wake { wakeups[wake].raise() }
                compute(&worker)
            case .sleep(let until):
                // Also without work: `wakeAll`.
                worker.joined.forgetRetired()
                sleep(worker, until: until)
            case .stop: return
            }
        }
    }

    private func takeTurn(_ worker: inout Worker) -> Turn {
        let now = MonotonicClock.nanoseconds
        return state.withLock { state in
            let next = state.scheduler.next(
                now: now, isExpress: worker.isExpress, into: &worker.run, dropped: &state.dropped)
            if !state.dropped.isEmpty { state.settleDropped(now: now, into: &worker.gone) }
            switch next {
            case .run(let hasMore):
                for request in worker.run.requests {
                    guard let batch = state.units[request.unit]?.batch else {
                        preconditionFailure("a unit in line is known")
                    }
                    state.units[request.unit]?.hasBegun = true
                    batch.version.metrics.queueShrank(
                        items: request.items, rows: request.rows, bytes: request.bytes)
                    worker.batches.append(batch)
                }
                return .run(
                    wake: hasMore ? state.wake(regularCount) : nil)
            case .sleep(let until):
                if state.isStopped, worker.isExpress || state.scheduler.itemsTotal == 0 {
                    return .stop
                }
                state.sleeping.append(worker.number)
                return .sleep(until: until)
            }
        }
    }

    private func sleep(_ worker: Worker, until: UInt64?) {
        if let until {
            let now = MonotonicClock.nanoseconds
            wakeups[worker.number].take(timeoutNanoseconds: until > now ? until - now : 0)
        } else {
            wakeups[worker.number].take()
        }
        // Whoever woke it took it off the list; a timer does not.
        state.withLock { state in state.sleeping.removeAll { $0 == worker.number } }
    }

    private func compute(_ worker: inout Worker) {
        let begin = MonotonicClock.nanoseconds
        let isPart = worker.run.rest != nil || worker.batches[0].rowsDone > 0
        var isDone = true
        if isPart {
            isDone = BatchRunner.runPart(
                worker.batches[0], rowCount: worker.run.rows, thread: worker.thread)
        } else {
            worker.joined.run(worker.batches, thread: worker.thread)
        }
        let end = MonotonicClock.nanoseconds
        state.withLock { state in
            state.scheduler.finished(
                worker.run, now: end, elapsed: end &- begin, isExpress: worker.isExpress,
                resumes: !isDone)
            if isDone {
                for request in worker.run.requests { state.release(request.unit) }
            } else if let batch = worker.batches.first, let rest = worker.run.rest {
                batch.version.metrics.queueGrew(
                    items: rest.items, rows: rest.rows, bytes: rest.bytes)
            }
        }
        if isDone { sendHome(&worker) }
        worker.batches.removeAll(keepingCapacity: true)
    }

    /// Gives the batches back to their loops, each loop's in one message.
    private func sendHome(_ worker: inout Worker) {
        while let first = worker.batches.first {
            for batch in worker.batches where batch.home === first.home {
                worker.messages.append(.completed(batch))
            }
            first.home.send(worker.messages)
            worker.messages.removeAll(keepingCapacity: true)
            worker.batches.removeAll { $0.home === first.home }
        }
    }
}
