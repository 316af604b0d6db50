import IO
import Primitives
import Synchronization

/// What a run has come to so far, since the last look.
public struct LoadProgress: Sendable {
    /// Since the load began.
    public let seconds: Double
    public let succeededPerSecond: Double
    public let failed: UInt64
    public let inFlight: UInt64
    /// Nanoseconds, within 3 %; nil without an answer.
    public let median: UInt64?
    public let p99: UInt64?
}

/// What a run came to.
public struct LoadResult: Sendable {
    public var configuration: LoadConfiguration
    public var tally: LoadTally
    /// The measured time.
    public var seconds: Double
    public var processorSeconds: Double
    /// The largest share of a core that a thread used.
    public var processorShareMax: Double
    /// Ended by a signal.
    public var isInterrupted: Bool

    public init(
        configuration: LoadConfiguration, tally: LoadTally, seconds: Double,
        processorSeconds: Double, processorShareMax: Double, isInterrupted: Bool
    ) {
        self.configuration = configuration
        self.tally = tally
        self.seconds = seconds
        self.processorSeconds = processorSeconds
        self.processorShareMax = processorShareMax
        self.isInterrupted = isInterrupted
    }
}

/// Runs a load on threads of its own, and watches them from the calling one.
public struct LoadRun {
    private let configuration: LoadConfiguration

    public init(_ configuration: LoadConfiguration) {
        precondition(
            configuration.threads > 0 && configuration.connections >= configuration.threads,
            "every thread has a connection")
        if case .open = configuration.pace, case .requests = configuration.length {
            preconditionFailure("an open loop ends by time")
        }
        self.configuration = configuration
    }

    /// Blocks until the run is over. `signals` end it early; `report` is called each second.
    /// Throws when a thread or its descriptors cannot be had, or the host's name means nothing.
    public func run(
        signals: Signals? = nil, report: ((LoadProgress) -> Void)? = nil
    ) throws(SystemError) -> LoadResult {
        let target = configuration.target
        let address =
            if let path = target.unixPath {
                try SocketAddress(unixPath: path)
            } else {
                try SocketAddress(host: target.host, port: target.port)
            }
        let shared = LoadShared(threads: configuration.threads)
        var threads: [Thread] = []
        var failure: SystemError?
        for index in 0..<configuration.threads {
            do throws(SystemError) {
                threads.append(try start(index, address, shared))
            } catch {
                failure = error
                break
            }
        }
        if failure != nil { shared.isStopped.store(true, ordering: .relaxed) }
        let isInterrupted = watch(shared, count: threads.count, signals, report)
        for thread in threads { thread.join() }
        if let failure { throw failure }
        return try collect(shared.takeResults(), isInterrupted)
    }

    private func start(
        _ index: Int, _ address: SocketAddress, _ shared: LoadShared
    ) throws(SystemError) -> Thread {
        let configuration = configuration
        return try Thread(name: "load-\(index)") {
            do throws(SystemError) {
                let loop = try LoadLoop(
                    configuration, address: address, thread: index, shared: shared)
                shared.finish(loop.run())
            } catch {
                var result = LoadLoop.Result(
                    tally: LoadTally(), nanoseconds: 0, processorNanoseconds: 0,
                    elapsedNanoseconds: 1)
                result.failure = error
                shared.isStopped.store(true, ordering: .relaxed)
                shared.readyCount.add(1, ordering: .releasing)
                shared.finish(result)
            }
        }
    }

    /// Starts the load when all threads are ready, and waits for its end. Whether a signal ended it.
    private func watch(
        _ shared: LoadShared, count: Int, _ signals: Signals?,
        _ report: ((LoadProgress) -> Void)?
    ) -> Bool {
        var isInterrupted = false
        var view = LoadView(shared)
        var nextReport = UInt64.max
        while shared.doneCount.load(ordering: .acquiring) < count {
            let start = shared.start.load(ordering: .relaxed)
            if start == 0, shared.readyCount.load(ordering: .acquiring) >= count {
                let begin = MonotonicClock.nanoseconds + 2_000_000
                shared.start.store(begin, ordering: .releasing)
                view.begin(begin)
                nextReport = begin + 1_000_000_000
            }
            if let signals {
                if signals.wait(timeoutMilliseconds: 5) != nil {
                    isInterrupted = true
                    shared.isStopped.store(true, ordering: .relaxed)
                }
            } else {
                Thread.sleep(milliseconds: 5)
            }
            let now = MonotonicClock.nanoseconds
            if now >= nextReport {
                report?(view.look(now))
                nextReport += 1_000_000_000
            }
        }
        return isInterrupted
    }

    private func collect(
        _ results: [LoadLoop.Result], _ isInterrupted: Bool
    ) throws(SystemError) -> LoadResult {
        var tally = LoadTally()
        var nanoseconds: UInt64 = 0
        var processor: UInt64 = 0
        var share = 0.0
        for result in results {
            if let failure = result.failure { throw failure }
            tally.add(result.tally)
            nanoseconds = max(nanoseconds, result.nanoseconds)
            processor += result.processorNanoseconds
            share = max(
                share, Double(result.processorNanoseconds) / Double(result.elapsedNanoseconds))
        }
        return LoadResult(
            configuration: configuration, tally: tally, seconds: Double(nanoseconds) / 1e9,
            processorSeconds: Double(processor) / 1e9, processorShareMax: share,
            isInterrupted: isInterrupted)
    }
}

/// The counters of all threads, and what they were at the last look.
private struct LoadView {
    private let shared: LoadShared
    private var last: [UInt64]
    private var start: UInt64 = 0
    private var lastTime: UInt64 = 0

    init(_ shared: LoadShared) {
        self.shared = shared
        last = Self.sums(shared)
    }

    mutating func begin(_ time: UInt64) {
        start = time
        lastTime = time
    }

    private static func sums(_ shared: LoadShared) -> [UInt64] {
        var sums = [UInt64](
            repeating: 0, count: LoadShared.Cell.first.rawValue + LoadShared.scale.count)
        for block in shared.blocks {
            for index in sums.indices { sums[index] += block.load(index) }
        }
        return sums
    }

    mutating func look(_ now: UInt64) -> LoadProgress {
        let sums = Self.sums(shared)
        let first = LoadShared.Cell.first.rawValue
        let counts = (first..<sums.count).map { sums[$0] - last[$0] }
        func nanoseconds(_ share: Double) -> UInt64? {
            LoadShared.scale.quantile(share, of: counts).map { LoadShared.scale.midpoint(of: $0) }
        }
        let done =
            sums[LoadShared.Cell.succeeded.rawValue]
            - last[LoadShared.Cell.succeeded.rawValue]
        let seconds = Double(max(now - lastTime, 1)) / 1e9
        defer {
            last = sums
            lastTime = now
        }
        return LoadProgress(
            seconds: Double(now - start) / 1e9, succeededPerSecond: Double(done) / seconds,
            failed: sums[LoadShared.Cell.failed.rawValue],
            inFlight: sums[LoadShared.Cell.inFlight.rawValue], median: nanoseconds(0.5),
            p99: nanoseconds(0.99))
    }
}
