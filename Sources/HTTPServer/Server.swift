import HTTP
import IO
import Models
import Primitives
import Serving
import TLS
import Telemetry

/// The whole server: loops, compute pool and registry, from bind to drain.
///
/// `init` binds and answers health at once; the loader's thread then makes it ready; `beginDrain` stops
/// it without losing a request that was accepted.
public final class Server {
    public let registry: Registry
    public let metrics: ServerMetrics
    /// Where it listens, with the real ports, in the configuration's order.
    public private(set) var listeners: [ListenerConfiguration] = []

    private let configuration: ServerConfiguration
    private let shared: SharedState
    private let accessStore: AccessStore
    private let log: Log
    private let pool: ComputePool
    private let mailboxes: [Mailbox<LoopMessage>]
    /// By loop; handed over when it starts.
    private var bound: [[ServerLoop.OwnListener]] = []
    private var loopThreads: [Thread] = []
    private var workerThreads: [Thread] = []
    private let shadow: ShadowQueue
    private let logQueue: LogQueue
    private let accessLog: AccessLog
    private var logThread: Thread?
    private let loaderQueue: LoaderQueue
    private let management: ManagementAccess
    /// The loader, the writer of uploads and the shadow traffic.
    private var sideThreads: [Thread] = []
    private var loaderThread: Thread?
    private let spareTime: SpareTime
    private var spareThread: Thread?

    /// What the server is to serve, and from where.
    public struct Models {
        public let source: (any ModelSource)?
        public let formats: [ModelFormat]
        public let compiled: [CompiledModel]
        /// What `POST /predict` without a name means.
        public let defaultName: String?

        public init(
            source: (any ModelSource)?, formats: [ModelFormat], compiled: [CompiledModel],
            defaultName: String?
        ) {
            self.source = source
            self.formats = formats
            self.compiled = compiled
            self.defaultName = defaultName
        }
    }

    /// Binds every listener, answers, and begins to load. Throws when an address cannot be used.
    public init(
        _ configuration: ServerConfiguration, access: ServerAccess, models: Models, log: Log
    ) throws(SystemError) {
        let accessStore = access.store
        self.configuration = configuration
        self.accessStore = accessStore
        shared = SharedState(limits: configuration.limits)
        self.log = log
        metrics = ServerMetrics(
            routes: Route.allCases.map(\.label), statuses: HTTPStatus.all,
            loopCount: configuration.loopCount, workerCount: configuration.workerCount + 1,
            version: configuration.version)
        metrics.set(.memoryBytesMax, configuration.group.memoryBytesMax ?? 0)
        registry = Registry(defaultName: models.defaultName)
        pool = try ComputePool(
            workerCount: configuration.workerCount, firstThread: configuration.loopCount,
            limits: configuration.limits)
        var mailboxes: [Mailbox<LoopMessage>] = []
        for _ in 0..<configuration.loopCount { mailboxes.append(try Mailbox()) }
        self.mailboxes = mailboxes
        let limits = configuration.limits
        shadow = try ShadowQueue(limits: limits)
        let metrics = metrics
        let queue = try LogQueue(
            limits: limits, write: { StandardStreams.error($0) },
            dropped: { metrics.count(.logDrops) })
        logQueue = queue
        accessLog = AccessLog(
            isOn: configuration.logsAccess, share: configuration.accessShare,
            log: Log(format: log.format, level: log.level, label: "martlet.access") {
                queue.add($0)
            })
        loaderQueue = try LoaderQueue(limits: limits)
        spareTime = try SpareTime()
        var writer: UploadWriter?
        if let source = models.source, configuration.control != .none {
            writer = try UploadWriter(source: source, loader: loaderQueue, limits: limits, log: log)
        }
        management = ManagementAccess(
            control: configuration.control, loader: loaderQueue, writer: writer,
            uploadFileName: models.formats.first?.fileName)
        try bind()
        try startLoops()
        try startSideThreads(models)
    }

    private func startSideThreads(_ models: Models) throws(SystemError) {
        let start = LoaderStart(
            loader: ModelLoader(
                ModelLoader.Environment(
                    registry: registry, metrics: metrics, pool: pool, limits: configuration.limits,
                    log: log, memory: memory(), context: configuration.loadContext,
                    spareTime: spareTime),
                queue: loaderQueue, formats: models.formats, source: models.source,
                compiled: models.compiled, control: configuration.control))
        let spareTime = spareTime
        spareThread = try Thread(name: "spare") { spareTime.run() }
        loaderThread = try Thread(name: "loader") { start.loader.run() }
        let shadow = shadow
        sideThreads.append(try Thread(name: "shadow") { shadow.run() })
        if let writer = management.writer {
            sideThreads.append(try Thread(name: "uploads") { writer.run() })
        }
    }

    /// What the loader may use: the container's limit, less what the process has already.
    private func memory() -> MemoryBudget {
        guard let bytesMax = configuration.group.memoryBytesMax else { return .unlimited }
        return MemoryBudget(bytesMax: bytesMax) { ResidentMemory.bytes }
    }

    /// Opens every loop's listeners, before anything runs.
    private func bind() throws(SystemError) {
        bound = Array(repeating: [], count: configuration.loopCount)
        for listener in configuration.listeners {
            switch listener.place {
            case .tcp(let wanted):
                let waits = configuration.sharesPort && !listener.isAdmin
                if !waits { try Listener.probe(wanted) }
                // The first listener settles a port of 0; the others share its port.
                var address = wanted
                for number in 0..<configuration.loopCount {
                    let socket = try Listener(address, listens: !waits)
                    address = socket.address
                    bound[number].append(
                        .init(listener: socket, configuration: listener, isWaiting: waits))
                }
                listeners.append(
                    ListenerConfiguration(
                        .tcp(address), isTLS: listener.isTLS, isAdmin: listener.isAdmin))
            case .inherited(let descriptor):
                let socket = try Listener(adopting: descriptor)
                for number in 0..<configuration.loopCount {
                    let shared = number == 0 ? socket : try Listener(sharing: socket)
                    bound[number].append(.init(listener: shared, configuration: listener))
                }
                listeners.append(
                    ListenerConfiguration(
                        .tcp(socket.address), isTLS: listener.isTLS, isAdmin: listener.isAdmin))
            case .unix(let path):
                let socket = try Listener(unixPath: path)
                for number in 0..<configuration.loopCount {
                    let shared = number == 0 ? socket : try Listener(sharing: socket)
                    bound[number].append(.init(listener: shared, configuration: listener))
                }
                listeners.append(listener)
            }
        }
    }

    private func startLoops() throws(SystemError) {
        let queue = logQueue
        logThread = try Thread(name: "log") { queue.run() }
        for number in 0..<pool.workerCount {
            let pool = pool
            let nice = number < pool.regularCount ? configuration.workerNice : 0
            workerThreads.append(
                try Thread(name: "compute-\(number)") {
                    if nice > 0 { Thread.giveWay(nice: nice) }
                    pool.runWorker(number)
                })
        }
        for number in 0..<configuration.loopCount {
            let start = LoopStart(
                loop: try ServerLoop(
                    number: number, listeners: bound[number], shared: shared, registry: registry,
                    metrics: metrics, mailbox: mailboxes[number], pool: pool,
                    accessStore: accessStore, management: management, shadow: shadow,
                    configuration: configuration, accessLog: accessLog))
            registry.addListener(mailboxes[number])
            let shared = shared
            shared.loopBegins()
            loopThreads.append(
                try Thread(name: "loop-\(number)") {
                    start.loop.run()
                    shared.loopEnds()
                })
        }
        bound.removeAll()
    }

    /// Takes connections at the addresses that are shared with another server (`sharesPort`). Call
    /// it once, when the models are there.
    public func startListening() {
        guard configuration.sharesPort else { return }
        for mailbox in mailboxes { mailbox.send(.listen) }
    }

    /// Looks at certificates and the access file again, when they changed or in any case (SIGHUP). What
    /// is no good is reported and the old one stays. Cheap enough for once a second.
    public func reloadFiles(always: Bool) {
        if let certificates = configuration.certificates, always || certificates.isChanged() {
            do throws(TLSError) {
                try certificates.reload()
                metrics.count(.certificateReloads)
                log.info("certificates: read again; new connections get the new ones")
            } catch {
                metrics.count(.certificateReloadFailures)
                log.error("certificates: the old ones stay: \(error.description)")
            }
        }
        switch accessStore.reload(always: always) {
        case .unchanged: break
        case .replaced(let tokens, let clients, let warning):
            metrics.count(.accessReloads)
            log.info("access file: read again, \(tokens) tokens and \(clients) clients")
            if let warning { log.info("access file: \(warning)") }
        case .kept(let error):
            metrics.count(.accessReloadFailures)
            log.error("access file: the old one stays: \(error.description)")
        }
    }

    /// What is due from time to time: a new ticket key, and memory that large requests left in the
    /// heap goes back to the system. Cheap enough for once a second.
    public func keepHouse() {
        let seconds = Int(MonotonicClock.nanoseconds / 1_000_000_000)
        if configuration.certificates?.rotateKeys(now: seconds) == true {
            log.info("certificates: session tickets are sealed with a new key")
        }
        if shared.takeFreedMuch() { Heap.trim() }
    }

    /// Whether everything that was there at the start is loaded or has failed.
    public var isSettled: Bool { registry.snapshot.isComplete }

    /// Versions that answer.
    public var readyCount: Int {
        registry.snapshot.models.reduce(0) { count, model in
            count + model.versions.count { $0.state.ready != nil }
        }
    }

    /// Looks how busy the server is; once a second.
    public func sampleUtilization() {
        metrics.sampleUtilization(
            processors: configuration.group.processors ?? Double(Thread.processorCount),
            connectionsMax: configuration.limits.connectionsMax)
    }

    /// Looks at the models folder again, as SIGHUP asks.
    public func rescanModels() { _ = loaderQueue.add(ManagementRequest(.rescan)) }

    /// Readiness turns 503 at once; after `Limits.drainDelayMilliseconds` listeners close, what is in
    /// flight is answered and connections end, `Limits.drainMilliseconds` later at the latest.
    public func beginDrain() {
        shared.setDraining()
        for mailbox in mailboxes { mailbox.send(.drain) }
    }

    /// Whether every loop has ended.
    public var isDrained: Bool { !shared.hasRunningLoops }

    /// Waits for the loops, then for the workers.
    public func finishDrain() {
        for thread in loopThreads { thread.join() }
        pool.stop()
        for thread in workerThreads { thread.join() }
        shadow.stop()
        management.writer?.stop()
        for thread in sideThreads { thread.join() }
        stopLoader()
        logQueue.stop()
        logThread?.join()
        for listener in listeners {
            if case .unix(let path) = listener.place { FileSystem.remove(path) }
        }
    }
}

extension Server {
    /// Waits for the loader, but not for a large model that nobody will ask: the end of the process ends
    /// that, too.
    private func stopLoader() {
        loaderQueue.stop()
        let end = MonotonicClock.nanoseconds &+ 2_000_000_000
        while !loaderQueue.hasEnded, MonotonicClock.nanoseconds < end {
            Thread.sleep(milliseconds: 1)
        }
        guard loaderQueue.hasEnded else { return }
        loaderThread?.join()
        spareTime.stop()
        spareThread?.join()
    }
}

/// Carries the loader into its thread.
///
/// SAFETY: the loader is made on the main thread, handed over before its thread starts and touched by
/// that thread alone from then on.
private struct LoaderStart: @unchecked Sendable {
    let loader: ModelLoader
}

/// Carries a loop into its thread.
///
/// SAFETY: the loop is made on the main thread, handed over before its thread starts and touched by
/// that thread alone from then on.
private struct LoopStart: @unchecked Sendable {
    let loop: ServerLoop
}
