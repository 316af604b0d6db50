import ArgumentParser
import IO
import Load
import Primitives

/// `martlet load`
struct LoadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Put load on a server and report rates, latencies and every failure.",
        discussion: """
            URL is http://HOST:PORT or https://HOST:PORT, with a path when the requests go
            elsewhere than to a model's predict route. Bodies are made from what the server says of
            the model (GET /models/NAME): 64 random ones from --seed, or its sample, or a file.

            A closed loop, as wrk makes: each client sends its next request when it has the answer.

              martlet load http://localhost:8080 --model iris --clients 64 --duration 10

            An open loop, as users make: requests come at their own times whatever the server does.
            Latency counts from the time a request was meant to be sent, so that a server that pauses
            shows all that it kept waiting. Several rates run one after the other:

              martlet load http://localhost:8080 --model iris --rate 2000
              martlet load http://localhost:8080 --model iris --rate 1000,2000,4000 --json curve.json

            Overload: clients give up after 50 ms, the server knows, and who is refused comes again
            when it said so:

              martlet load http://localhost:8080 --model digits --rate 20000 --timeout-ms 50 \\
                --deadline-ms 50 --obey-retry-after

            HTTP/2, TLS, other bodies:

              martlet load https://localhost:8443 --insecure --http2 --clients 64 --connections 4
              martlet load http://localhost:8080/models/iris/predict --body rows.npy --clients 8
              martlet load http://localhost:8080/healthz --method GET --clients 64

            Percentiles are of successes; those of refusals (429, 503) and of other answers stand
            apart. Every request ends as a success, a status or a failure by name: connect, tls,
            timeout, timeout_unsent, reset, truncated, malformed, stream_reset, unprocessed,
            queue_full, unanswered. A warning says when the generator itself was too slow. docs/load.md
            explains each figure of the JSON report. Ctrl-C ends the run early and prints the report.
            """)

    @Argument(help: "The server, http://HOST:PORT[/path]. [MARTLET_URL]")
    var url: String?

    @OptionGroup(title: "Load") var pace: LoadPaceOptions
    @OptionGroup(title: "Connections") var connection: LoadConnectionOptions
    @OptionGroup(title: "Requests") var request: LoadRequestOptions

    @Option(help: "Write the JSON report to a file, or to standard output with '-'. [MARTLET_JSON]")
    var json: String?

    mutating func run() throws {
        let signals: Signals
        do throws(SystemError) {
            signals = try Signals([.terminate, .interrupt])
        } catch {
            Exit.failure("signals cannot be watched: \(error.reason)")
        }
        guard let url = url ?? Environment.text("MARTLET_URL") else {
            Exit.usage("name a server: martlet load http://localhost:8080")
        }
        guard var target = LoadTarget(parsing: url) else {
            Exit.usage("'\(url)' is no URL such as http://localhost:8080/models/iris/predict")
        }
        target.unixPath = connection.unix ?? Environment.text("MARTLET_UNIX")
        let paces = pace.paces()
        var base = LoadConfiguration(
            target: target, pace: paces[0], length: pace.length(paces[0]), connections: 1,
            requests: [PreparedRequest(method: "GET", path: "/", fields: [], body: [])])
        connection.apply(to: &base)
        pace.apply(to: &base)
        // Metadata is asked for in HTTP/1.1.
        var asking = base
        if base.speaksHTTP2, base.tls != nil { asking.tls = connection.tls.context() }
        base.requests = request.prepare(asking)
        var reports: [LoadReport] = []
        for pace in paces {
            var configuration = base
            configuration.pace = pace
            connection.size(&configuration)
            let report = run(configuration, signals)
            reports.append(report)
            if report.result.isInterrupted { break }
        }
        write(reports, base)
    }

    private func run(_ configuration: LoadConfiguration, _ signals: Signals) -> LoadReport {
        let line = LoadProgressLine()
        do throws(SystemError) {
            let result = try LoadRun(configuration).run(signals: signals) { line.show($0) }
            line.clear()
            let report = LoadReport(result)
            // Standard output belongs to the JSON report when that is asked for.
            if jsonPath == "-" {
                StandardStreams.error(report.text + "\n")
            } else {
                StandardStreams.output(report.text + "\n")
            }
            return report
        } catch {
            line.clear()
            Exit.failure(error.description)
        }
    }

    private var jsonPath: String? { json ?? Environment.text("MARTLET_JSON") }

    private func write(_ reports: [LoadReport], _ configuration: LoadConfiguration) {
        guard let path = jsonPath else { return }
        var buffer = ByteBuffer()
        buffer.append(
            json: .object([
                JSONMember("tool", .string("martlet load \(MartletVersion.text)")),
                JSONMember("url", .string(configuration.target.url)),
                JSONMember(
                    "protocol", .string(configuration.speaksHTTP2 ? "HTTP/2" : "HTTP/1.1")),
                JSONMember("threads", .integer(Int64(configuration.threads))),
                JSONMember("warmup_seconds", .number(configuration.warmUpSeconds)),
                JSONMember("timeout_ms", .integer(Int64(configuration.timeoutMilliseconds))),
                JSONMember("seed", .integer(Int64(bitPattern: configuration.seed))),
                JSONMember("runs", .array(reports.map(\.json))),
            ]))
        buffer.append("\n")
        guard path != "-" else {
            StandardStreams.output(buffer.text)
            return
        }
        do throws(SystemError) {
            try FileSystem.write(buffer, to: path)
        } catch {
            Exit.failure("the report cannot be written: \(error.description)")
        }
    }
}
