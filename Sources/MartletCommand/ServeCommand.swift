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
            model.json (docs/model-json.md: versions, labels, canary, warm-up, limits). It may also be
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

    @Flag(
        help: """
            Share --port with a server that runs already and take connections when the models are ready: \
            stop the old one then, with --drain-delay 0. [MARTLET_REUSE_PORT=1]
            """)
    var reusePort = false

    @Option(parsing: .unconditional, help: "Event loops; 0 means one a core. [MARTLET_THREADS]")
    var threads = Environment.integer("MARTLET_THREADS", default: 0)

    @Option(
        parsing: .unconditional,
        help: "Compute workers for dear models; 0 means one a core. [MARTLET_WORKERS]")
    var workers = Environment.integer("MARTLET_WORKERS", default: 0)

    @Option(
        help: """
            Threads that compute one batch together, 0 means one a core. More than 1 makes lone requests \
            of dear models faster where cores are idle, and costs throughput where none is: one run at a \
            time gets the helpers, the others compute alone. [MARTLET_INTRA_THREADS]
            """)
    var intraThreads = Environment.integer("MARTLET_INTRA_THREADS", default: 1)

    @Option(
        parsing: .unconditional,
        help: """
            How far compute workers give way to event loops when both want a processor (nice, 0 to \
            19). [MARTLET_WORKER_NICE]
            """)
    var workerNice = Environment.integer("MARTLET_WORKER_NICE", default: 0)

    @Option(help: "The model that POST /predict means without a name. [MARTLET_DEFAULT_MODEL]")
    var defaultModel: String?

    @Option(
        parsing: .unconditional,
        help: """
            How models may be changed while the server runs: none (SIGHUP looks at the folder again), \
            explicit (by the management API) or watch (by what happens in the folder, and by the API). \
            [MARTLET_MODEL_CONTROL]
            """)
    var modelControl: String?

    @Option(
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

    @OptionGroup var passOptions: PassOptions

    @OptionGroup(title: "Queues")
    var queueOptions: QueueOptions

    @OptionGroup(title: "Logs")
    var logOptions: LogOptions

    @OptionGroup(title: "Limits")
    var limitOptions: LimitOptions

    mutating func validate() throws {
        try Self.check(port, 0...65_535, "--port")
        try Self.check(threads, 0...256, "--threads")
        try Self.check(workers, 0...256, "--workers")
        try Self.check(intraThreads, 0...IntraThreads.countMax, "--intra-threads")
        try Self.check(inlineMicroseconds, 0...1_000_000, "--inline-microseconds")
        try Self.check(workerNice, 0...19, "--worker-nice")
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
        let log = logOptions.log()
        if Launcher.bootstraps {
            Log.bootstrap(format: log.format, level: log.level)
            CustomMetrics.bootstrap()
        }
        let manager = ServiceManager.current
        let models = findModels()
        let configuration = configuration(log)
        Heap.returnBlocks(from: configuration.limits.heapBlockBytesMax)
        // The helpers end with the process.
        _ = IntraThreads.start(intraThreads)
        let server: Server
        do throws(SystemError) {
            server = try Server(configuration, access: access(log), models: models, log: log)
        } catch {
            Exit.failure(
                "cannot \(error.description)"
                    + (error.code == 98 ? "; choose another with --port" : ""))
        }
        guard settle(server, signals) else {
            wait(signals, server, log, first: .terminate)
            return
        }
        guard server.readyCount > 0 || control != .none else {
            Exit.failure("no model could be loaded; the lines above say why")
        }
        server.startListening()
        if !logOptions.isJSONOnly { announce(server, readyCount: server.readyCount) }
        if log.format == .json { summarize(server, configuration, log) }
        manager.notify(.ready, status: Self.status(server))
        wait(signals, server, log, first: nil)
    }

    /// Waits until the models that were there at the start are loaded; false when a signal to stop came
    /// before.
    private func settle(_ server: Server, _ signals: Signals) -> Bool {
        while !server.isSettled {
            switch signals.wait(timeoutMilliseconds: 2) {
            case nil, .hangUp: continue
            case .terminate, .interrupt: return false
            }
        }
        return true
    }

    /// Serves until a signal to stop. Looks after changed files once a second, and on SIGHUP.
    private func serve(_ signals: Signals, _ server: Server) -> Signal {
        let manager = ServiceManager.current
        let interval = min(manager.watchdogMilliseconds ?? 1000, 1000)
        while true {
            switch signals.wait(timeoutMilliseconds: Int32(interval)) {
            case nil:
                if manager.watchdogMilliseconds != nil { manager.notify(.watchdog) }
                server.reloadFiles(always: false)
                server.keepHouse()
                server.sampleUtilization()
            case .hangUp:
                manager.notify(.reloading)
                server.reloadFiles(always: true)
                server.rescanModels()
                manager.notify(.ready, status: Self.status(server))
            case .terminate: return .terminate
            case .interrupt: return .interrupt
            }
        }
    }

    /// The line that `systemctl status` shows.
    private static func status(_ server: Server) -> String {
        "\(server.readyCount) model versions ready"
    }

    /// Serves until a signal, then drains; a second signal ends the process at once.
    private func wait(_ signals: Signals, _ server: Server, _ log: Log, first: Signal?) {
        let signal = first ?? serve(signals, server)
        log.info(
            "\(signal == .interrupt ? "SIGINT" : "SIGTERM"): not ready any more; finishing what is in flight"
        )
        ServiceManager.current.notify(.stopping, status: "finishing what is in flight")
        server.beginDrain()
        while !server.isDrained {
            if let second = signals.wait(timeoutMilliseconds: 20), second != .hangUp {
                Exit.failure("a second signal: stopped with requests in flight")
            }
        }
        server.finishDrain()
        log.info("stopped")
    }

    static let formats = [
        // The peaks were measured: 2.0 (MiniLM, ResNet-50) to 4.1 (narrow 3 × 3 convolutions, whose
        // filters Winograd's algorithm makes four times as large); 5.2 (JSON) to 7.4 (UBJSON); 5.4.
        ModelFormat(name: "onnx", fileName: "model.onnx", peakPerFileByte: 4, ONNXModel.self) {
            $0 == .onnx
        },
        ModelFormat(
            name: "xgboost", fileName: "model.ubj", peakPerFileByte: 7, TabularModel.self
        ) { kind in
            switch kind {
            // What is no model of ours says so when it is loaded.
            case .xgboostJSON, .xgboostUBJSON, .foreign: true
            case .onnx, .lightGBMText, .lightGBMJSON, .json, .unknown: false
            }
        },
        ModelFormat(
            name: "lightgbm", fileName: "model.txt", peakPerFileByte: 5, TabularModel.self
        ) {
            $0 == .lightGBMText || $0 == .lightGBMJSON
        },
    ]

    /// What is to be served. The folder is looked at once before anything else, so that a mistake is told
    /// at once.
    private func findModels() -> Server.Models {
        let path = models ?? Environment.text("MARTLET_MODELS")
        guard let path else {
            guard CompiledModels.all.isEmpty else {
                return Server.Models(
                    source: nil, formats: Self.formats, compiled: CompiledModels.all,
                    defaultName: defaultModel)
            }
            Exit.usage("name a models folder: martlet serve DIR (or set MARTLET_MODELS)")
        }
        let folder = ModelsFolder(path: path, formats: Self.formats)
        do throws(SystemError) {
            let found = try folder.scan()
            if found.isEmpty, CompiledModels.all.isEmpty, control == .none {
                Exit.failure(Self.noModel(in: path))
            }
            if let wanted = defaultModel, !found.contains(where: { $0.name == wanted }),
                !CompiledModels.all.contains(where: { $0.name == wanted }), control == .none
            {
                Exit.usage("--default-model '\(wanted)' is not among the models in '\(path)'")
            }
            return Server.Models(
                source: folder, formats: Self.formats, compiled: CompiledModels.all,
                defaultName: defaultModel)
        } catch {
            Exit.failure("cannot read the models folder '\(path)': \(error.reason)")
        }
    }

    /// How models may be changed while the server runs.
    var control: ModelControl {
        let text = modelControl ?? Environment.text("MARTLET_MODEL_CONTROL") ?? "none"
        guard let control = ModelControl(rawValue: text) else {
            Exit.usage("--model-control is '\(text)'; none, explicit or watch")
        }
        return control
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
