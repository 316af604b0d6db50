import ArgumentParser
import HTTP
import HTTPServer
import IO
import Models
import Primitives
import Serving
import TLS
import Telemetry

/// `martlet serve`
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Answer POST /predict for the models in a folder.",
        discussion: """
            DIR holds models/<name>/<version>/model.onnx and, beside the versions, an optional
            model.json (description, labels, sample, batching.max_batch_size, limits). It may also be
            one model's folder or one .onnx file.

            Stops on SIGTERM or SIGINT: readiness turns 503, accepting goes on for --drain-delay, then
            listeners close, requests in flight are answered and the process ends with status 0. A
            second signal ends it at once.
            """)

    @Argument(help: "The models folder, one model's folder, or a model file. [MARTLET_MODELS]")
    var models: String?

    @Option(help: "The address to listen on; 0.0.0.0 or :: for all. [MARTLET_HOST]")
    var host = Environment.text("MARTLET_HOST") ?? "127.0.0.1"

    @Option(
        parsing: .unconditional,
        help: "The port to listen on; 0 takes a free one. [MARTLET_PORT]")
    var port = Environment.integer("MARTLET_PORT", default: 8080)

    @Option(
        help: """
            A certificate chain (PEM) to serve HTTPS with, on --port or on --tls-port. It is read again \
            when it changes and on SIGHUP. [MARTLET_TLS_CERT]
            """)
    var tlsCert: String?

    @Option(help: "The certificate's key (PEM). [MARTLET_TLS_KEY]")
    var tlsKey: String?

    @Option(
        parsing: .unconditional,
        help: "Serve HTTPS here and plain HTTP on --port. [MARTLET_TLS_PORT]")
    var tlsPort: Int?

    @Option(
        help: "Authorities (PEM) that client certificates must come from. [MARTLET_TLS_CLIENT_CA]")
    var tlsClientCa: String?

    @Option(help: "required or optional, with --tls-client-ca. [MARTLET_TLS_CLIENT_AUTH]")
    var tlsClientAuth = Environment.text("MARTLET_TLS_CLIENT_AUTH") ?? "required"

    @Option(
        help: """
            A JSON file of bearer tokens and client certificates with their scopes: predict, metrics, \
            admin. Health is open to all. Read again when it changes and on SIGHUP. [MARTLET_TOKENS]
            """)
    var tokens: String?

    @Option(
        help: """
            An origin whose pages may use the answers (CORS), or *; once for each. \
            [MARTLET_CORS_ORIGIN, separated by spaces]
            """)
    var corsOrigin: [String] = []

    @Option(help: "Also listen on this Unix-domain socket. [MARTLET_UNIX]")
    var unix: String?

    @Option(
        help: """
            HOST:PORT of a second listener for health, metrics and management only. \
            [MARTLET_ADMIN_LISTEN]
            """)
    var adminListen: String?

    @Option(parsing: .unconditional, help: "Event loops; 0 means one a core. [MARTLET_THREADS]")
    var threads = Environment.integer("MARTLET_THREADS", default: 0)

    @Option(
        parsing: .unconditional,
        help: "Compute workers for dear models; 0 means one a core. [MARTLET_WORKERS]")
    var workers = Environment.integer("MARTLET_WORKERS", default: 0)

    @Option(help: "The model that POST /predict means without a name. [MARTLET_DEFAULT_MODEL]")
    var defaultModel: String?

    @Option(
        parsing: .unconditional,
        help: """
            Batches expected to take at most this long run on the event loop; dearer ones go to the \
            compute workers. [MARTLET_INLINE_MICROSECONDS]
            """)
    var inlineMicroseconds = Environment.integer("MARTLET_INLINE_MICROSECONDS", default: 200)

    @Option(
        parsing: .unconditional,
        help: """
            Seconds between the signal to stop and the closing of the listeners: readiness is 503 and \
            requests are answered, while load balancers take this server out. [MARTLET_DRAIN_DELAY]
            """)
    var drainDelay = Environment.integer(
        "MARTLET_DRAIN_DELAY", default: Limits.standard.drainDelayMilliseconds / 1000)

    @Option(
        parsing: .unconditional,
        help: "Seconds to finish what is in flight after that. [MARTLET_DRAIN_TIMEOUT]")
    var drainTimeout = Environment.integer(
        "MARTLET_DRAIN_TIMEOUT", default: Limits.standard.drainMilliseconds / 1000)

    @OptionGroup(title: "Limits")
    var limitOptions: LimitOptions

    mutating func validate() throws {
        try Self.check(port, 0...65_535, "--port")
        try Self.check(threads, 0...256, "--threads")
        try Self.check(workers, 0...256, "--workers")
        try Self.check(inlineMicroseconds, 0...1_000_000, "--inline-microseconds")
        if let tlsPort { try Self.check(tlsPort, 0...65_535, "--tls-port") }
        try Self.check(drainDelay, 0...3600, "--drain-delay")
        try Self.check(drainTimeout, 0...3600, "--drain-timeout")
    }

    static func check(_ value: Int, _ range: ClosedRange<Int>, _ name: String) throws {
        guard range.contains(value) else {
            throw ValidationError(
                "\(name) is \(value); it must be from \(range.lowerBound) to \(range.upperBound)")
        }
    }

    mutating func run() throws {
        defaultModel = defaultModel ?? Environment.text("MARTLET_DEFAULT_MODEL")
        // Before any thread starts, so that all of them leave these signals to us.
        guard let signals = try? Signals([.terminate, .interrupt, .hangUp]) else {
            Exit.failure("signals cannot be watched")
        }
        let log = Log.standardError
        let found = findModels()
        let configuration = configuration(log)
        Heap.returnBlocks(from: configuration.limits.heapBlockBytesMax)
        let server: Server
        do throws(SystemError) {
            server = try Server(
                configuration, access: access(log), defaultModel: defaultModel, log: log)
        } catch {
            Exit.failure(
                "cannot \(error.description)"
                    + (error.code == 98 ? "; choose another with --port" : ""))
        }
        let readyCount = server.loadModels(
            found, compiled: CompiledModels.all, formats: Self.formats)
        guard readyCount > 0 else {
            Exit.failure("no model could be loaded; the lines above say why")
        }
        announce(server, readyCount: readyCount)
        wait(signals, server, log)
    }

    /// Serves until a signal to stop. Looks after changed files once a second, and on SIGHUP.
    private func serve(_ signals: Signals, _ server: Server) -> Signal {
        while true {
            switch signals.wait(timeoutMilliseconds: 1000) {
            case nil:
                server.reloadFiles(always: false)
                server.keepHouse()
                server.sampleUtilization()
            case .hangUp: server.reloadFiles(always: true)
            case .terminate: return .terminate
            case .interrupt: return .interrupt
            }
        }
    }

    /// Serves until a signal, then drains; a second signal ends the process at once.
    private func wait(_ signals: Signals, _ server: Server, _ log: Log) {
        let signal = serve(signals, server)
        log.info(
            "\(signal == .interrupt ? "SIGINT" : "SIGTERM"): not ready any more; finishing what is in flight"
        )
        server.beginDrain()
        while !server.isDrained {
            if let second = signals.wait(timeoutMilliseconds: 20), second != .hangUp {
                Exit.failure("a second signal: stopped with requests in flight")
            }
        }
        server.finishDrain()
        log.info("stopped")
    }

    static let formats = [ModelFormat(name: "onnx", fileName: "model.onnx", ONNXModel.self)]

    private func findModels() -> [FoundModel] {
        let path = models ?? Environment.text("MARTLET_MODELS")
        guard let path else {
            guard CompiledModels.all.isEmpty else { return [] }
            Exit.usage("name a models folder: martlet serve DIR (or set MARTLET_MODELS)")
        }
        do throws(SystemError) {
            let found = try ModelsFolder(path: path, formats: Self.formats).scan()
            if found.isEmpty, CompiledModels.all.isEmpty { Exit.failure(Self.noModel(in: path)) }
            if let wanted = defaultModel, !found.contains(where: { $0.name == wanted }),
                !CompiledModels.all.contains(where: { $0.name == wanted })
            {
                Exit.usage("--default-model '\(wanted)' is not among the models in '\(path)'")
            }
            return found
        } catch {
            Exit.failure("cannot read the models folder '\(path)': \(error.reason)")
        }
    }

    /// What was expected where no model was found.
    private static func noModel(in path: String) -> String {
        guard FileSystem.kind(of: path) == .file else {
            return "no model in '\(path)'; expected <name>/<version>/model.onnx in it, such as "
                + "\(path)/iris/1/model.onnx"
        }
        guard path.hasSuffix(".onnx") else {
            return
                "'\(path)' is no model file; expected a file that ends in .onnx, or a folder with "
                + "<name>/<version>/model.onnx in it"
        }
        return "'\(path)' cannot be served under its name; expected letters, digits, '.', '_' and "
            + "'-' before .onnx"
    }
}
