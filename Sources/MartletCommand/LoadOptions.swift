import ArgumentParser
import Load
import Primitives

/// How much load, for how long.
struct LoadPaceOptions: ParsableArguments {
    @Option(help: "Open loop: requests a second, a list for several runs. [MARTLET_RATE]")
    var rate: String?

    @Option(help: "Open loop: poisson or constant. [MARTLET_ARRIVALS]")
    var arrivals = Environment.text("MARTLET_ARRIVALS") ?? "poisson"

    @Option(help: "Closed loop: clients, a list for several runs. [MARTLET_CLIENTS]")
    var clients: String?

    @Option(help: "Seconds that are measured. [MARTLET_DURATION]")
    var duration = Environment.text("MARTLET_DURATION") ?? "10"

    @Option(help: "Closed loop: end after so many requests instead. [MARTLET_REQUESTS]")
    var requests = Environment.integer("MARTLET_REQUESTS", default: 0)

    @Option(help: "Seconds of the same load before, which do not count. [MARTLET_WARMUP]")
    var warmup = Environment.text("MARTLET_WARMUP") ?? "0"

    @Option(help: "Threads of the generator. [MARTLET_THREADS]")
    var threads = Environment.integer("MARTLET_THREADS", default: 1)

    @Option(help: "Decides arrival times and bodies. [MARTLET_SEED]")
    var seed = Environment.integer("MARTLET_SEED", default: 1)

    mutating func validate() throws {
        try Self.check(requests, 0...1_000_000_000_000, "--requests")
        try Self.check(threads, 1...256, "--threads")
        guard Arrivals(rawValue: arrivals) != nil else {
            throw ValidationError("--arrivals is '\(arrivals)'; poisson or constant")
        }
        guard rate == nil || clients == nil else {
            throw ValidationError("--rate makes an open loop, --clients a closed one: give one")
        }
        guard rate == nil || requests == 0 else {
            throw ValidationError("--requests is for a closed loop; an open one ends by --duration")
        }
    }

    static func check(_ value: Int, _ range: ClosedRange<Int>, _ name: String) throws {
        guard range.contains(value) else {
            throw ValidationError(
                "\(name) is \(value); it must be from \(range.lowerBound) to \(range.upperBound)")
        }
    }

    /// One a run.
    func paces() -> [LoadConfiguration.Pace] {
        let limits = Limits.standard
        let rates = rate ?? (clients == nil ? Environment.text("MARTLET_RATE") : nil)
        if let rates {
            let kind = Arrivals(rawValue: arrivals) ?? .poisson
            return rates.split(separator: ",", omittingEmptySubsequences: false).map { part in
                guard let rate = Double(part), rate > 0, rate <= Double(limits.loadRateMax) else {
                    Exit.usage("--rate is '\(rates)'; numbers above 0 such as 100 or 100,200.5")
                }
                return .open(rate: rate, kind)
            }
        }
        let counts = clients ?? Environment.text("MARTLET_CLIENTS") ?? "64"
        return counts.split(separator: ",", omittingEmptySubsequences: false).map { part in
            guard let count = Int(part), (1...limits.loadConnectionsMax).contains(count) else {
                Exit.usage(
                    "--clients is '\(counts)'; whole numbers from 1 to \(limits.loadConnectionsMax)"
                )
            }
            return .closed(clients: count)
        }
    }

    func length(_ pace: LoadConfiguration.Pace) -> LoadConfiguration.Length {
        if requests > 0, case .closed = pace { return .requests(requests) }
        return .seconds(Self.seconds(duration, "--duration", least: 0.01))
    }

    private static func seconds(_ text: String, _ name: String, least: Double) -> Double {
        guard let value = Double(text), value >= least, value <= 604_800 else {
            Exit.usage("\(name) is '\(text)'; seconds from \(least) to 604800")
        }
        return value
    }

    func apply(to configuration: inout LoadConfiguration) {
        configuration.warmUpSeconds = Self.seconds(warmup, "--warmup", least: 0)
        configuration.threads = threads
        configuration.seed = UInt64(bitPattern: Int64(seed))
    }
}

/// How requests get there.
struct LoadConnectionOptions: ParsableArguments {
    @Option(
        help:
            "Connections; 0 is one a client, or 64 with --rate; 4 with --http2. [MARTLET_CONNECTIONS]"
    )
    var connections = Environment.integer("MARTLET_CONNECTIONS", default: 0)

    @Flag(help: "Speak HTTP/2: over TLS by ALPN, else with prior knowledge. [MARTLET_HTTP2=1]")
    var http2 = false

    @Option(help: "HTTP/2: requests at the same time on a connection. [MARTLET_STREAMS]")
    var streams = Environment.integer("MARTLET_STREAMS", default: 100)

    @Option(help: "A client gives up after so long; 0 is never. [MARTLET_TIMEOUT_MS]")
    var timeoutMs = Environment.integer("MARTLET_TIMEOUT_MS", default: 0)

    @Flag(help: "Send a refused request again when Retry-After says. [MARTLET_OBEY_RETRY_AFTER=1]")
    var obeyRetryAfter = false

    @Option(help: "Connect to this Unix-domain socket. [MARTLET_UNIX]")
    var unix: String?

    @OptionGroup var tls: TLSClientOptions

    mutating func validate() throws {
        let limits = Limits.standard
        try LoadPaceOptions.check(connections, 0...limits.loadConnectionsMax, "--connections")
        try LoadPaceOptions.check(streams, 1...65_536, "--streams")
        try LoadPaceOptions.check(timeoutMs, 0...86_400_000, "--timeout-ms")
    }

    private var speaksHTTP2: Bool { http2 || Environment.text("MARTLET_HTTP2") == "1" }

    func apply(to configuration: inout LoadConfiguration) {
        configuration.speaksHTTP2 = speaksHTTP2
        configuration.streams = streams
        configuration.timeoutMilliseconds = timeoutMs
        configuration.obeysRetryAfter =
            obeyRetryAfter || Environment.text("MARTLET_OBEY_RETRY_AFTER") == "1"
        if configuration.target.isTLS {
            configuration.tls = tls.context(speaksHTTP2: speaksHTTP2)
        }
    }

    /// The number of connections depends on that of clients.
    func size(_ configuration: inout LoadConfiguration) {
        var count = connections
        if count == 0 {
            switch configuration.pace {
            case .open: count = speaksHTTP2 ? 4 : 64
            case .closed(let clients): count = speaksHTTP2 ? min(clients, 4) : clients
            }
        }
        configuration.threads = min(configuration.threads, count)
        configuration.connections = count
    }
}
