import HTTP
import IO
import Models
import Primitives
import Serving
import Telemetry

/// The whole server: loops, compute pool and registry, from bind to drain.
///
/// `start` binds and answers health at once; `loadModels` makes it ready; `drain` stops it without
/// losing a request that was accepted.
public final class Server {
    public let registry: Registry
    public let metrics: ServerMetrics
    /// Where it listens, with the real port.
    public private(set) var address: ListenAddress

    private let configuration: ServerConfiguration
    private let shared = SharedState()
    private let pool: ComputePool
    private let mailboxes: [Mailbox<LoopMessage>]
    private var loopThreads: [Thread] = []
    private var workerThreads: [Thread] = []

    /// Binds every listener. Throws when the address cannot be used; nothing runs yet.
    public init(
        _ configuration: ServerConfiguration, defaultModel: String?, log: Log
    ) throws(SystemError) {
        self.configuration = configuration
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
        try Listener.probe(configuration.address)
        address = configuration.address
        try startLoops()
    }

    private func startLoops() throws(SystemError) {
        for number in 0..<configuration.workerCount {
            let pool = pool
            workerThreads.append(
                try Thread(name: "compute-\(number)") { pool.runWorker(number) })
        }
        for number in 0..<configuration.loopCount {
            // The first listener settles a port of 0; the others share its port.
            let listener = try Listener(address)
            address = listener.address
            let start = LoopStart(
                loop: try ServerLoop(
                    number: number, listener: listener, shared: shared, registry: registry,
                    metrics: metrics, mailbox: mailboxes[number], pool: pool,
                    configuration: configuration))
            loopThreads.append(try Thread(name: "loop-\(number)") { start.loop.run() })
        }
    }

    /// Loads everything that was found, on the calling thread. Returns how many versions are ready.
    public func loadModels(
        _ found: [FoundModel], compiled: [CompiledModel], formats: [ModelFormat]
    ) -> Int {
        registry.register(found, compiled)
        return registry.load(found, compiled, formats: formats, context: LoadContext())
    }

    /// Readiness turns 503, listeners close, what is in flight is answered, connections end; returns
    /// when all of that is done or `Limits.drainMilliseconds` are over.
    public func drain() {
        shared.setDraining()
        for mailbox in mailboxes { mailbox.send(.drain) }
        for thread in loopThreads { thread.join() }
        pool.stop()
        for thread in workerThreads { thread.join() }
    }
}

/// Carries a loop into its thread.
///
/// SAFETY: the loop is made on the main thread, handed over before its thread starts and touched by
/// that thread alone from then on.
private struct LoopStart: @unchecked Sendable {
    let loop: ServerLoop
}
