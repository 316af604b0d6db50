import Primitives
import Serving

/// Random numbers that are the same in every run (splitmix64).
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    /// The time to the next of Poisson arrivals, in nanoseconds.
    mutating func gap(perSecond rate: Double) -> UInt64 {
        UInt64(-logarithm(Double.random(in: 1e-12..<1, using: &self)) / rate * 1e9)
    }

    private func logarithm(_ x: Double) -> Double {
        // ln x = ln m + e·ln 2, the first by its series around 1.
        let exponent = Double(x.exponent)
        let t = (x.significand - 1) / (x.significand + 1)
        var sum = 0.0
        var power = t
        for k in stride(from: 1.0, through: 41.0, by: 2.0) {
            sum += power / k
            power *= t * t
        }
        return 2 * sum + exponent * 0.693_147_180_559_945_3
    }
}

/// The scheduler with virtual time: arrivals, workers that take as long as the model's true cost says, and
/// everything that happened to each request.
struct Simulation {
    struct Model {
        /// What a run truly takes: nanoseconds, and per row.
        var base: Double
        var perRow: Double
        var terms: ModelTerms
    }

    struct Request {
        var arrival: UInt64
        var model = 0
        var rows = 1
        var timeout: UInt64 = 30_000_000_000
        var priority = RequestPriority.high
        var isReturning = false
    }

    enum Outcome: Equatable {
        case done(at: UInt64)
        case refused(Admission, at: UInt64)
        case expired(at: UInt64)
    }

    private struct Worker {
        let isExpress: Bool
        var run: ScheduledRun?
        var began: UInt64 = 0
        var ends: UInt64 = .max
    }

    var scheduler: Scheduler
    var models: [Model]
    /// Refused clients come back once, at the time they were told.
    var obeysRetryAfter = false
    /// Runs take up to this much more or less by chance.
    var noise = 0.1
    private(set) var requests: [Request] = []
    private(set) var outcomes: [Outcome?] = []
    /// Compute time a model took.
    private(set) var computed: [Double]
    /// Times at which a worker idled though something could run.
    private(set) var idledInVain = 0
    /// Requests that were computed past their deadline's start.
    private(set) var ranExpired = 0
    private var workers: [Worker]
    private var random: SeededRandom
    private var returning: [(at: UInt64, request: Request)] = []

    init(workerCount: Int, models: [Model], seed: UInt64 = 1, limits: Limits = .standard) {
        scheduler = Scheduler(workerCount: workerCount, limits: limits)
        self.models = models
        computed = models.map { _ in 0 }
        for (index, model) in models.enumerated() { scheduler.register(index, model.terms) }
        workers = (0..<workerCount).map { _ in Worker(isExpress: false) }
        workers.append(Worker(isExpress: true))
        random = SeededRandom(seed)
    }

    /// Runs until everything that came is settled.
    mutating func run(_ arrivals: [Request]) {
        let sorted = arrivals.sorted { $0.arrival < $1.arrival }
        var next = 0
        var wakeAt: UInt64 = .max
        while true {
            returning.sort { $0.at < $1.at }
            let arrival = next < sorted.count ? sorted[next].arrival : .max
            let back = returning.first?.at ?? .max
            let end = workers.map(\.ends).min() ?? .max
            let now = min(arrival, back, end, wakeAt)
            guard now < .max else { break }
            wakeAt = .max
            finish(now)
            while next < sorted.count, sorted[next].arrival <= now {
                admit(sorted[next], now)
                next += 1
            }
            while let first = returning.first, first.at <= now {
                returning.removeFirst()
                admit(first.request, now)
            }
            wakeAt = dispatch(now)
        }
    }

    private mutating func admit(_ request: Request, _ now: UInt64) {
        let unit = requests.count
        requests.append(request)
        outcomes.append(nil)
        var waiting = WaitingRequest(
            unit: unit, arrival: now, deadline: now + request.timeout, rows: request.rows,
            priority: request.priority)
        let admission = scheduler.admission(
            waiting, model: request.model, now: now, isReturning: request.isReturning)
        switch admission {
        case .admitted: scheduler.insert(waiting, model: request.model, now: now)
        case .probe:
            waiting.isProbe = true
            scheduler.insert(waiting, model: request.model, now: now)
        case .queueFull(let retryAfter), .tooLate(_, _, let retryAfter):
            outcomes[unit] = .refused(admission, at: now)
            if obeysRetryAfter, !request.isReturning {
                var again = request
                again.isReturning = true
                again.arrival = now + retryAfter
                returning.append((now + retryAfter, again))
            }
        case .tooShort: outcomes[unit] = .refused(admission, at: now)
        }
    }

    private mutating func finish(_ now: UInt64) {
        for index in workers.indices where workers[index].ends <= now {
            guard let run = workers[index].run else { continue }
            let elapsed = workers[index].ends - workers[index].began
            models[run.model].terms.latency.observe(rows: run.rows, nanoseconds: elapsed)
            scheduler.finished(
                run, now: now, elapsed: elapsed, isExpress: workers[index].isExpress)
            if run.requests.count > 1 || run.requests[0].rows == run.rows {
                for request in run.requests { outcomes[request.unit] = .done(at: now) }
            }
            computed[run.model] += Double(elapsed)
            workers[index].run = nil
            workers[index].ends = .max
        }
    }

    /// Gives free workers what the scheduler has for them; when to look again.
    private mutating func dispatch(_ now: UInt64) -> UInt64 {
        var wakeAt: UInt64 = .max
        for index in workers.indices where workers[index].run == nil {
            var run = ScheduledRun()
            var dropped: [WaitingRequest] = []
            let turn = scheduler.next(
                now: now, isExpress: workers[index].isExpress, into: &run, dropped: &dropped)
            for request in dropped { outcomes[request.unit] = .expired(at: now) }
            switch turn {
            case .sleep(let until):
                if let until { wakeAt = min(wakeAt, until) }
                let isWaiting = models.indices.contains { scheduler.queueItems($0) > 0 }
                if isWaiting, until == nil, !workers[index].isExpress { idledInVain += 1 }
            case .run:
                for request in run.requests where request.deadline <= now { ranExpired += 1 }
                let model = models[run.model]
                let spread = 1 + noise * Double.random(in: -1...1, using: &random)
                var cost = (model.base + model.perRow * Double(run.rows)) * spread
                // The express worker shares a processor with the others.
                if workers[index].isExpress { cost *= 1.5 }
                workers[index].run = run
                workers[index].began = now
                workers[index].ends = now + UInt64(max(cost, 1))
            }
        }
        return wakeAt
    }

    // MARK: What happened

    /// Time from arrival to end of what was done, ascending, in nanoseconds.
    func latencies(where isMeant: (Request) -> Bool = { _ in true }) -> [UInt64] {
        var times: [UInt64] = []
        for (index, request) in requests.enumerated() where isMeant(request) {
            if case .done(let end) = outcomes[index] { times.append(end - request.arrival) }
        }
        return times.sorted()
    }

    func count(where isMeant: (Request, Outcome?) -> Bool) -> Int {
        zip(requests, outcomes).reduce(0) { $0 + (isMeant($1.0, $1.1) ? 1 : 0) }
    }

    var unsettled: Int { count { $1 == nil } }

    /// Requests done within their time.
    var inTime: Int {
        count { request, outcome in
            guard case .done(let end) = outcome else { return false }
            return end <= request.arrival + request.timeout
        }
    }
}

extension [UInt64] {
    /// Of sorted values.
    func percentile(_ p: Double) -> Double {
        isEmpty ? 0 : Double(self[Swift.min(count - 1, Int(Double(count) * p))])
    }
}

/// Poisson arrivals of one kind of request.
func poisson(
    rate: Double, seconds: Double, seed: UInt64, like request: Simulation.Request
) -> [Simulation.Request] {
    var random = SeededRandom(seed)
    var time: UInt64 = 1
    var result: [Simulation.Request] = []
    while Double(time) < seconds * 1e9 {
        var one = request
        one.arrival = time
        result.append(one)
        time += random.gap(perSecond: rate)
    }
    return result
}

/// A model whose fit knows its true cost.
func simulated(
    baseMicroseconds: Double, perRowMicroseconds: Double, chunk: Int = 64, weight: Double = 1,
    queueDelay: UInt64 = 0, queueItemsMax: Int = 1_024
) -> Simulation.Model {
    let latency = LatencyTable(hasStaticRows: true)
    let (base, perRow) = (baseMicroseconds * 1e3, perRowMicroseconds * 1e3)
    latency.calibrate(
        rows1: 1, nanoseconds1: base + perRow, rows2: chunk + 1,
        nanoseconds2: base + perRow * Double(chunk + 1))
    return Simulation.Model(
        base: base, perRow: perRow,
        terms: ModelTerms(
            chunkRows: chunk, latency: latency, weight: weight, queueDelay: queueDelay,
            queueItemsMax: queueItemsMax))
}
