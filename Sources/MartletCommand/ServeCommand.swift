import ArgumentParser
import HTTPServer
import IO
import Models
import Primitives
import Serving
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

            Stops on SIGTERM or SIGINT: readiness turns 503, requests in flight are answered, then
            the process ends with status 0.
            """)

    @Argument(help: "The models folder, one model's folder, or a model file. [MARTLET_MODELS]")
    var models: String?

    @Option(help: "The address to listen on; 0.0.0.0 or :: for all. [MARTLET_HOST]")
    var host = Environment.text("MARTLET_HOST") ?? "127.0.0.1"

    @Option(help: "The port to listen on; 0 takes a free one. [MARTLET_PORT]")
    var port = Environment.integer("MARTLET_PORT", default: 8080)

    @Option(help: "Event loops; 0 means one a core. [MARTLET_THREADS]")
    var threads = Environment.integer("MARTLET_THREADS", default: 0)

    @Option(help: "Compute workers for dear models; 0 means one a core. [MARTLET_WORKERS]")
    var workers = Environment.integer("MARTLET_WORKERS", default: 0)

    @Option(help: "The model that POST /predict means without a name. [MARTLET_DEFAULT_MODEL]")
    var defaultModel: String?

    @Option(
        help: """
            Batches expected to take at most this long run on the event loop; dearer ones go to the \
            compute workers. [MARTLET_INLINE_MICROSECONDS]
            """)
    var inlineMicroseconds = Environment.integer("MARTLET_INLINE_MICROSECONDS", default: 200)

    @Option(help: "The largest request body, in bytes. [MARTLET_BODY_BYTES]")
    var bodyBytes = Environment.integer("MARTLET_BODY_BYTES", default: Limits.standard.bodyBytesMax)

    @Option(help: "The most open connections. [MARTLET_CONNECTIONS]")
    var connections = Environment.integer(
        "MARTLET_CONNECTIONS", default: Limits.standard.connectionsMax)

    @Option(help: "The most rows in one request. [MARTLET_REQUEST_ROWS]")
    var requestRows = Environment.integer(
        "MARTLET_REQUEST_ROWS", default: Limits.standard.requestRowsMax)

    @Option(help: "Seconds for a request's header to arrive. [MARTLET_HEADER_SECONDS]")
    var headerSeconds = Environment.integer(
        "MARTLET_HEADER_SECONDS", default: Limits.standard.headerMilliseconds / 1000)

    @Option(help: "Seconds for a request's body to arrive. [MARTLET_BODY_SECONDS]")
    var bodySeconds = Environment.integer(
        "MARTLET_BODY_SECONDS", default: Limits.standard.bodyMilliseconds / 1000)

    @Option(help: "Seconds a connection may be idle. [MARTLET_IDLE_SECONDS]")
    var idleSeconds = Environment.integer(
        "MARTLET_IDLE_SECONDS", default: Limits.standard.idleMilliseconds / 1000)

    @Option(help: "Seconds to finish what is in flight when stopping. [MARTLET_DRAIN_SECONDS]")
    var drainSeconds = Environment.integer(
        "MARTLET_DRAIN_SECONDS", default: Limits.standard.drainMilliseconds / 1000)

    mutating func validate() throws {
        try Self.check(port, 0...65_535, "--port")
        try Self.check(threads, 0...256, "--threads")
        try Self.check(workers, 0...256, "--workers")
        try Self.check(inlineMicroseconds, 0...1_000_000, "--inline-microseconds")
        try Self.check(bodyBytes, 1...(1 << 32), "--body-bytes")
        try Self.check(connections, 1...1_000_000, "--connections")
        try Self.check(requestRows, 1...10_000_000, "--request-rows")
        try Self.check(headerSeconds, 1...3600, "--header-seconds")
        try Self.check(bodySeconds, 1...86_400, "--body-seconds")
        try Self.check(idleSeconds, 1...86_400, "--idle-seconds")
        try Self.check(drainSeconds, 0...3600, "--drain-seconds")
    }

    private static func check(_ value: Int, _ range: ClosedRange<Int>, _ name: String) throws {
        guard range.contains(value) else {
            throw ValidationError(
                "\(name) is \(value); it must be from \(range.lowerBound) to \(range.upperBound)")
        }
    }

    mutating func run() throws {
        defaultModel = defaultModel ?? Environment.text("MARTLET_DEFAULT_MODEL")
        // Before any thread starts, so that all of them leave these signals to us.
        guard let signals = try? Signals([.terminate, .interrupt]) else {
            Exit.failure("signals cannot be watched")
        }
        let log = Log.standardError
        let found = findModels()
        let server: Server
        do throws(SystemError) {
            server = try Server(configuration(), defaultModel: defaultModel, log: log)
        } catch {
            Exit.failure(
                "cannot listen on \(host):\(port): \(error.reason)"
                    + (error.code == 98 ? "; choose another with --port" : ""))
        }
        let readyCount = server.loadModels(
            found, compiled: CompiledModels.all, formats: Self.formats)
        guard readyCount > 0 else {
            Exit.failure("no model could be loaded; the lines above say why")
        }
        announce(server, readyCount: readyCount)
        let signal = signals.wait()
        log.info("\(signal == .interrupt ? "SIGINT" : "SIGTERM"): finishing what is in flight")
        server.drain()
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
            if found.isEmpty, CompiledModels.all.isEmpty {
                Exit.failure(
                    "no model in '\(path)'; expected <name>/<version>/model.onnx in it, such as "
                        + "\(path)/iris/1/model.onnx")
            }
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

    private func configuration() -> ServerConfiguration {
        var configuration = ServerConfiguration()
        configuration.address = ListenAddress(host: host, port: UInt16(port))
        let cores = Thread.processorCount
        configuration.loopCount = threads > 0 ? threads : cores
        configuration.workerCount = workers > 0 ? workers : cores
        configuration.inlineMicroseconds = inlineMicroseconds
        configuration.limits.bodyBytesMax = bodyBytes
        configuration.limits.connectionsMax = connections
        configuration.limits.requestRowsMax = requestRows
        configuration.limits.headerMilliseconds = headerSeconds * 1000
        configuration.limits.bodyMilliseconds = bodySeconds * 1000
        configuration.limits.idleMilliseconds = idleSeconds * 1000
        configuration.limits.drainMilliseconds = drainSeconds * 1000
        return configuration
    }

    /// What is served, and lines to paste.
    private func announce(_ server: Server, readyCount: Int) {
        let address = server.address.description
        let models = server.registry.snapshot.models
        var text = "martlet \(MartletVersion.text): \(readyCount) "
        text += readyCount == 1 ? "model version ready" : "model versions ready"
        text += ", listening on http://\(address)\n"
        let lines = models.compactMap { Self.example($0, address: address) }
        if !lines.isEmpty { text += "Try:\n" }
        for line in lines.sorted(by: { $0.utf8.count < $1.utf8.count }).prefix(3) {
            text += "  \(line)\n"
        }
        StandardStreams.output(text)
    }
    /// A curl line for a model that has a sample.
    private static func example(_ model: RegisteredModel, address: String) -> String? {
        guard model.defaultVersion != nil, let sample = model.configuration.sample else {
            return nil
        }
        var body = ByteBuffer()
        body.append(json: .object([JSONMember("instances", sample)]))
        let target = "http://\(address)/models/\(model.name)/predict"
        return "curl -s \(target) -H 'Content-Type: application/json' -d '\(body.text)'"
    }
}
