import HTTPServer
import IO
import Primitives
import Serving

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
