import HTTP
import IO
import Models
import Primitives
import Serving
import TLS
import Telemetry

/// The whole server: loops, compute pool and registry, from bind to drain.
///
/// `start` binds and answers health at once; `loadModels` makes it ready; `drain` stops it without
/// losing a request that was accepted.
public final class Server {
    public let registry: Registry
    public let metrics: ServerMetrics
    /// Where it listens, with the real ports, in the configuration's order.
    public private(set) var listeners: [ListenerConfiguration] = []

    private let configuration: ServerConfiguration
    private let shared = SharedState()
    private let accessStore: AccessStore
    private let log: Log
    private let pool: ComputePool
    private let mailboxes: [Mailbox<LoopMessage>]
    /// By loop; handed over when it starts.
    private var bound: [[ServerLoop.OwnListener]] = []
    private var loopThreads: [Thread] = []
    private var workerThreads: [Thread] = []

    /// Binds every listener. Throws when the address cannot be used; nothing runs yet.
    public init(
        _ configuration: ServerConfiguration, access: ServerAccess, defaultModel: String?, log: Log
    ) throws(SystemError) {
        let accessStore = access.store
        self.configuration = configuration
        self.accessStore = accessStore
        self.log = log
        metrics = ServerMetrics(
            routes: Route.allCases.map(\.label), statuses: HTTPStatus.all,
            loopCount: configuration.loopCount, workerCount: configuration.workerCount)
        registry = Registry(
            metrics: metrics, limits: configuration.limits, defaultName: defaultModel, log: log)
        pool = try ComputePool(
            workerCount: configuration.workerCount, firstThread: configuration.loopCount)
        var mailboxes: [Mailbox<LoopMessage>] = []
        for _ in 0..<configuration.loopCount { mailboxes.append(try Mailbox()) }
        self.mailboxes = mailboxes
        try bind()
        try startLoops()
    }

    /// Opens every loop's listeners, before anything runs.
    private func bind() throws(SystemError) {
        bound = Array(repeating: [], count: configuration.loopCount)
        for listener in configuration.listeners {
            switch listener.place {
            case .tcp(let wanted):
                try Listener.probe(wanted)
                // The first listener settles a port of 0; the others share its port.
                var address = wanted
                for number in 0..<configuration.loopCount {
                    let socket = try Listener(address)
                    address = socket.address
                    bound[number].append(.init(listener: socket, configuration: listener))
                }
                listeners.append(
                    ListenerConfiguration(
                        .tcp(address), isTLS: listener.isTLS, isAdmin: listener.isAdmin))
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
        for number in 0..<configuration.workerCount {
            let pool = pool
            workerThreads.append(
                try Thread(name: "compute-\(number)") { pool.runWorker(number) })
        }
        for number in 0..<configuration.loopCount {
            let start = LoopStart(
                loop: try ServerLoop(
                    number: number, listeners: bound[number], shared: shared, registry: registry,
                    metrics: metrics, mailbox: mailboxes[number], pool: pool,
                    accessStore: accessStore, configuration: configuration))
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

    /// Looks at certificates and the access file again, when they changed or in any case (SIGHUP). What
    /// is no good is reported and the old one stays. Cheap enough for once a second.
    public func reloadFiles(always: Bool) {
        if let certificates = configuration.certificates, always || certificates.isChanged() {
            do throws(TLSError) {
                try certificates.reload()
                log.info("certificates: read again; new connections get the new ones")
            } catch {
                log.error("certificates: the old ones stay: \(error.description)")
            }
        }
        switch accessStore.reload(always: always) {
        case .unchanged: break
        case .replaced(let tokens, let clients, let warning):
            log.info("access file: read again, \(tokens) tokens and \(clients) clients")
            if let warning { log.info("access file: \(warning)") }
        case .kept(let error): log.error("access file: the old one stays: \(error.description)")
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

    /// Looks how busy the server is; once a second.
    public func sampleUtilization() {
        metrics.sampleUtilization(
            processors: ControlGroup.current.processors ?? Double(Thread.processorCount),
            connectionsMax: configuration.limits.connectionsMax)
    }

    /// Loads everything that was found, on the calling thread. Returns how many versions are ready.
    public func loadModels(
        _ found: [FoundModel], compiled: [CompiledModel], formats: [ModelFormat]
    ) -> Int {
        registry.register(found, compiled)
        return registry.load(found, compiled, formats: formats, context: LoadContext())
    }

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
        for listener in listeners {
            if case .unix(let path) = listener.place { FileSystem.remove(path) }
        }
    }
}

/// Carries a loop into its thread.
///
/// SAFETY: the loop is made on the main thread, handed over before its thread starts and touched by
/// that thread alone from then on.
private struct LoopStart: @unchecked Sendable {
    let loop: ServerLoop
}
