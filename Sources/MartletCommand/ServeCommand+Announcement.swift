import HTTPServer
import IO
import Kernels
import Logging
import Primitives
import Serving
import Telemetry

extension ServeCommand {
    /// What is served, and lines to paste.
    func announce(_ server: Server, readyCount: Int) {
        let address = Self.address(server)
        let isTLS = server.listeners.first?.isTLS ?? false
        let scheme = isTLS ? "https" : "http"
        let models = server.registry.snapshot.models
        var text = "martlet \(MartletVersion.text): \(readyCount) "
        text += readyCount == 1 ? "model version ready" : "model versions ready"
        text += ", listening on \(scheme)://\(address)\n"
        for listener in server.listeners.dropFirst() {
            let kind = listener.isAdmin ? "admin" : listener.isTLS ? "https" : "http"
            switch listener.place {
            case .tcp(let address): text += "  also \(kind) at \(address.description)\n"
            case .inherited: break
            case .unix(let path): text += "  also \(kind) at \(path)\n"
            }
        }
        let lines = models.compactMap { Self.example($0, base: "\(scheme)://\(address)") }
        if !lines.isEmpty { text += "Try:\n" }
        for line in lines.sorted(by: { $0.utf8.count < $1.utf8.count }).prefix(3) {
            text += "  \(line)\n"
        }
        StandardStreams.output(text)
    }
    /// The same as a line of the log, with what the server found out about where it runs.
    func summarize(_ server: Server, _ configuration: ServerConfiguration, _ log: Log) {
        let listeners = server.listeners.map { listener in
            let scheme = listener.isAdmin ? "admin" : listener.isTLS ? "https" : "http"
            return switch listener.place {
            case .tcp(let address): "\(scheme)://\(address.description)"
            case .unix(let path): "\(scheme)+unix:\(path)"
            case .inherited(let descriptor): "\(scheme) on descriptor \(descriptor)"
            }
        }
        let models = server.registry.snapshot.models.filter { $0.defaultVersion != nil }
        let group = configuration.group
        var figures: Logger.Metadata = [
            "server_version": .string(MartletVersion.text),
            "listeners": .array(listeners.map { .string($0) }),
            "models": .array(models.map { .string($0.name) }),
            "ready_versions": .stringConvertible(server.readyCount),
            "loops": .stringConvertible(configuration.loopCount),
            "workers": .stringConvertible(configuration.workerCount),
            "connections_max": .stringConvertible(configuration.limits.connectionsMax),
            "kernels": .string("\(InstructionSet.best)"),
        ]
        if let bytes = group.memoryBytesMax { figures["memory_max"] = .stringConvertible(bytes) }
        if let share = group.processors { figures["processors"] = .stringConvertible(share) }
        log.info("started", figures: figures)
    }

    /// The first TCP address.
    private static func address(_ server: Server) -> String {
        for listener in server.listeners {
            if case .tcp(let address) = listener.place { return address.description }
        }
        return ""
    }

    /// A curl line for a model that has a sample.
    private static func example(_ model: RegisteredModel, base: String) -> String? {
        guard model.defaultVersion != nil, let sample = model.configuration.sample else {
            return nil
        }
        var body = ByteBuffer()
        body.append(json: .object([JSONMember("instances", sample)]))
        let target = "\(base)/models/\(model.name)/predict"
        return "curl -s \(target) -H 'Content-Type: application/json' -d '\(body.text)'"
    }
}
