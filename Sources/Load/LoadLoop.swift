import HTTP
import IO
import Primitives
import Synchronization

/// One thread of the generator: its share of arrivals or clients, its connections, its counts.
///
/// Nothing is shared but counters for the progress line. A turn issues what is due, waits for the
/// sockets, and takes answers; an answer of a closed loop issues that client's next request at once.
final class LoadLoop {
    /// What a thread has to say at the end.
    struct Result: Sendable {
        var tally: LoadTally
        /// The measured time.
        var nanoseconds: UInt64
        /// Processor time of the thread, and the time it was spent in.
        var processorNanoseconds: UInt64
        var elapsedNanoseconds: UInt64
        var failure: SystemError?
    }

    /// What comes later.
    enum Later {
        case retry(Exchange)
        case client
    }

    static let alarmToken = UInt64.max
    /// How long a turn waits at most, so that a signal is noticed.
    static let waitMilliseconds: UInt64 = 50
    /// After a signal to stop: how long answers are waited for.
    static let stopNanoseconds: UInt64 = 1_000_000_000

    let configuration: LoadConfiguration
    let thread: Int
    let shared: LoadShared
    let block: CounterBlock
    let address: SocketAddress
    let poller: Poller
    let alarm: Alarm
    let allocator: HTTP2Allocator
    let requests1: [[UInt8]]
    let requests2: [HTTP2ClientRequest]

    var connections: [LoadConnection] = []
    /// Connections with room, as of when they were added; entries may be out of date.
    var pool = RingQueue<Int>()
    var down: [Int] = []
    var retired: [Int] = []
    var dirty: [Int] = []
    /// Connections that are coming about.
    var connectingCount = 0
    /// Requests that wait for a connection.
    var queue = RingQueue<Exchange>()
    var later = DelayedQueue<Later>()
    /// Requests to place, and clients to go on, once the event at hand is dealt with: handling them
    /// where they arise would recurse.
    var again: [Exchange] = []
    var readyClients: [UInt64] = []

    /// Counts of the warm-up and of the measured time.
    var tallies = [LoadTally(), LoadTally()]
    /// Requests that have not come to their end.
    var outstanding = 0
    var nextRequest: Int
    var schedule: ArrivalSchedule?
    var nextArrival = UInt64.max
    /// Requests of a closed loop with a number of them that are still to be issued.
    var budget = Int.max

    var start: UInt64 = 0
    var measureStart: UInt64 = 0
    var end = UInt64.max
    /// When waiting for the last answers ends.
    var drainEnd = UInt64.max
    var isIssuing = true
    var lastEnd: UInt64 = 0
    var nextSweep: UInt64 = 0
    let timeoutNanoseconds: UInt64

    init(
        _ configuration: LoadConfiguration, address: SocketAddress, thread: Int,
        shared: LoadShared
    ) throws(SystemError) {
        self.configuration = configuration
        self.address = address
        self.thread = thread
        self.shared = shared
        block = shared.blocks[thread]
        poller = try Poller()
        alarm = try Alarm()
        allocator = HTTP2Allocator(limits: configuration.limits)
        let target = configuration.target
        let isHTTP2 = configuration.speaksHTTP2
        requests1 = isHTTP2 ? [] : configuration.requests.map { $0.http1(target) }
        requests2 = isHTTP2 ? configuration.requests.map { $0.http2(target) } : []
        timeoutNanoseconds = UInt64(configuration.timeoutMilliseconds) * 1_000_000
        // Threads begin at different bodies.
        nextRequest =
            thread * configuration.requests.count / configuration.threads
            % configuration.requests.count
        try poller.add(alarm.descriptor, token: Self.alarmToken, .read)
        let count = Self.share(configuration.connections, thread, configuration.threads)
        for index in 0..<max(count, 1) {
            connections.append(LoadConnection(index: index, limits: configuration.limits))
        }
    }

    /// A thread's part of a number.
    static func share(_ count: Int, _ thread: Int, _ threads: Int) -> Int {
        count / threads + (thread < count % threads ? 1 : 0)
    }

    // MARK: The run

    func run() -> Result {
        for connection in connections { connect(connection, for: nil) }
        awaitConnections()
        shared.readyCount.add(1, ordering: .releasing)
        awaitStart()
        let processorStart = ProcessorClock.threadNanoseconds
        begin()
        while !isFinished { turn() }
        abandon()
        for connection in connections { count(bytesOf: connection) }
        let now = MonotonicClock.nanoseconds
        return Result(
            tally: tallies[1], nanoseconds: measuredNanoseconds,
            processorNanoseconds: ProcessorClock.threadNanoseconds - processorStart,
            elapsedNanoseconds: max(now - start, 1))
    }

    private func awaitConnections() {
        let limit =
            MonotonicClock.nanoseconds
            + UInt64(configuration.limits.loadConnectMilliseconds) * 1_000_000
        while connectingCount > 0, !isStopped, MonotonicClock.nanoseconds < limit {
            takeEvents(waitMilliseconds: Self.waitMilliseconds)
        }
    }

    private func awaitStart() {
        while true {
            start = shared.start.load(ordering: .acquiring)
            if isStopped && start == 0 { start = MonotonicClock.nanoseconds }
            let now = MonotonicClock.nanoseconds
            guard start == 0 || start > now else { return }
            takeEvents(waitMilliseconds: start == 0 ? 1 : min((start - now) / 1_000_000, 50))
        }
    }

    private func begin() {
        let warmUp = UInt64(configuration.warmUpSeconds * 1e9)
        measureStart = start + warmUp
        nextSweep = start
        let threads = configuration.threads
        switch configuration.length {
        case .seconds(let seconds): end = measureStart + UInt64(seconds * 1e9)
        case .requests(let count): budget = Self.share(count, thread, threads)
        }
        switch configuration.pace {
        case .open(let rate, let arrivals):
            let schedule = ArrivalSchedule(
                arrivals, rate: rate, thread: thread, threads: threads, seed: configuration.seed)
            self.schedule = schedule
            nextArrival = start + (self.schedule?.next() ?? 0)
        case .closed(let clients):
            for _ in 0..<Self.share(clients, thread, threads) { readyClients.append(start) }
        }
    }

    /// Whether nothing more will be issued and everything issued has ended, or had its time.
    private var isFinished: Bool {
        let now = MonotonicClock.nanoseconds
        if isIssuing, isStopped || now >= end || budget == 0 { stopIssuing(now) }
        guard !isIssuing else { return false }
        return outstanding == 0 || now >= drainEnd
    }

    var isStopped: Bool { shared.isStopped.load(ordering: .relaxed) }

    private func stopIssuing(_ now: UInt64) {
        // What was due before the end is still issued, however late this thread is.
        issueArrivals(min(now, end &- 1))
        isIssuing = false
        readyClients.removeAll()
        let wait =
            timeoutNanoseconds > 0
            ? timeoutNanoseconds + timeoutNanoseconds / 4
            : UInt64(configuration.limits.loadDrainMilliseconds) * 1_000_000
        if isStopped {
            end = min(end, now)
            drainEnd = now + min(wait, Self.stopNanoseconds)
        } else {
            drainEnd = (end == .max ? now : end) + wait
        }
    }

    private var measuredNanoseconds: UInt64 {
        let last = end == .max ? max(lastEnd, measureStart) : end
        return last > measureStart ? last - measureStart : 0
    }

    private func turn() {
        let now = MonotonicClock.nanoseconds
        issueArrivals(now)
        while let due = later.pop(now: now) { take(due, now) }
        settle()
        if now >= nextSweep { sweep(now) }
        flushDirty()
        if outstanding == 0, !isIssuing || budget == 0 { return }
        takeEvents(waitMilliseconds: pause())
    }

    /// How long to wait, with the alarm set for what is due earlier than a whole millisecond.
    private func pause() -> UInt64 {
        let due = min(isIssuing ? min(nextArrival, end) : .max, later.nextDue ?? .max)
        let now = MonotonicClock.nanoseconds
        if due <= now { return 0 }
        if due < now + Self.waitMilliseconds * 1_000_000 {
            alarm.set(nanoseconds: due)
        }
        let sweepIn = nextSweep > now ? (nextSweep - now) / 1_000_000 + 1 : 0
        return min(Self.waitMilliseconds, sweepIn)
    }

    private func take(_ item: Later, _ now: UInt64) {
        switch item {
        case .retry(let exchange): again.append(exchange)
        case .client: readyClients.append(now)
        }
    }

    func takeEvents(waitMilliseconds: UInt64) {
        let count = poller.wait(timeoutMilliseconds: Int32(waitMilliseconds))
        for index in 0..<count {
            let event = poller.event(index)
            if event.token == Self.alarmToken {
                alarm.acknowledge()
                continue
            }
            let connection = connections[Int(event.token & 0xFFFF_FFFF)]
            guard connection.generation == UInt32(event.token >> 32) else { continue }
            handle(connection, event)
            settle()
        }
        flushDirty()
    }
}
