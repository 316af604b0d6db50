import ArgumentParser
import IO
import Primitives

/// `martlet health`
struct HealthCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health",
        abstract: "Ask a server on this machine whether it is ready; status 0 when it is.",
        discussion: """
            For HEALTHCHECK of containers and for scripts: no curl needed. Without --server it asks where
            MARTLET_ADMIN_LISTEN says, else at MARTLET_PORT (8080) of this machine: in a container
            that is the server beside it.

              martlet health
              martlet health --live --server http://127.0.0.1:9090
            """)

    @Option(help: "http://HOST:PORT, https://HOST:PORT or unix:PATH. [MARTLET_SERVER]")
    var server: String?

    @OptionGroup var tls: TLSClientOptions

    @Flag(help: "Ask only whether the process lives (/livez), not whether models answer (/readyz).")
    var live = false

    mutating func run() throws {
        let place = server ?? Environment.text("MARTLET_SERVER") ?? Self.beside()
        let client = ManagementClient(
            server: place, token: nil, tls: { tls.context() }, timeoutSeconds: 3)
        guard let client else {
            Exit.usage(
                "--server is '\(place)'; expected http://HOST:PORT, https://HOST:PORT or unix:PATH")
        }
        do throws(ManagementClient.Failure) {
            let answer = try client.ask("GET", live ? "/livez" : "/readyz")
            guard answer.status == 200 else {
                Exit.failure(
                    "\(place) answers \(answer.status): \(String(decoding: answer.body, as: UTF8.self))"
                )
            }
            StandardStreams.output("\(live ? "alive" : "ready")\n")
        } catch {
            Exit.failure(error.message)
        }
    }

    /// The server that the same environment would start.
    static func beside() -> String {
        if let text = Environment.text("MARTLET_ADMIN_LISTEN"),
            let address = ListenAddress(parsing: text)
        {
            return
                "http://\(ListenAddress(host: local(address.host), port: address.port).description)"
        }
        let port = UInt16(clamping: Environment.integer("MARTLET_PORT", default: 8080))
        let host = local(Environment.text("MARTLET_HOST") ?? "127.0.0.1")
        return "http://\(ListenAddress(host: host, port: port).description)"
    }

    /// Where a server that listens everywhere is reached from here.
    private static func local(_ host: String) -> String {
        switch host {
        case "", "0.0.0.0": "127.0.0.1"
        case "::": "::1"
        default: host
        }
    }
}
