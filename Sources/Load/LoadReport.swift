import Primitives

/// What a run came to, as JSON (`docs/load.md` has the schema) and as lines for a person.
public struct LoadReport: Sendable {
    /// Requests were sent later than intended by this, or more, at the 99th percentile: what was
    /// measured is the generator as well.
    public static let lagMillisecondsMax = 5.0
    /// A thread that uses more of its core than this has none left for more requests.
    public static let processorShareMax = 0.95

    public let result: LoadResult

    public init(_ result: LoadResult) { self.result = result }

    /// The same list in the JSON report and on the terminal.
    public var warnings: [String] {
        var list: [String] = []
        let lag = milliseconds(result.tally.lag.quantile(0.99) ?? 0)
        if lag > Self.lagMillisecondsMax {
            list.append(
                "requests were sent \(Self.fixed(lag)) ms later than intended at p99: the generator "
                    + "was the bottleneck; lower --rate or raise --threads")
        }
        if result.processorShareMax > Self.processorShareMax {
            list.append(
                "a thread of the generator used \(Int(result.processorShareMax * 100)) % of a core: "
                    + "it may have been the bottleneck; raise --threads")
        }
        if result.tally.count(.queueFull) > 0 {
            list.append("more requests waited for a connection than may; raise --connections")
        }
        return list
    }

    private func milliseconds(_ nanoseconds: UInt64) -> Double { Double(nanoseconds) / 1e6 }

    var openRate: Double? {
        if case .open(let rate, _) = result.configuration.pace { rate } else { nil }
    }

    /// A number a second over the measured time.
    func perSecond(_ count: UInt64) -> Double {
        result.seconds > 0 ? Double(count) / result.seconds : 0
    }

    // MARK: JSON

    public var json: JSONValue {
        let tally = result.tally
        var members: [JSONMember] = []
        switch result.configuration.pace {
        case .open(let rate, let arrivals):
            members.append(JSONMember("mode", .string("open")))
            members.append(JSONMember("rate", .number(rate)))
            members.append(JSONMember("arrivals", .string(arrivals.rawValue)))
        case .closed(let clients):
            members.append(JSONMember("mode", .string("closed")))
            members.append(JSONMember("clients", .integer(Int64(clients))))
        }
        members.append(JSONMember("seconds", .number(result.seconds)))
        members.append(JSONMember("interrupted", .boolean(result.isInterrupted)))
        members += [
            Self.count("scheduled", tally.scheduled), Self.count("sent", tally.sent),
            Self.count("succeeded", tally.succeeded),
            JSONMember("statuses", .object(statuses)),
            JSONMember("status_classes", .object(classes)),
            JSONMember("failures", .object(failures)),
            Self.count("failed", tally.failed),
            JSONMember("rates", .object(rates)),
            Self.times("latency_ms", tally.latency), Self.times("service_ms", tally.service),
            Self.times("refused_ms", tally.refused), Self.times("other_ms", tally.others),
            JSONMember("retry_after", .object(retries)),
            Self.count("retried_on_stale", tally.retriedOnStale),
            Self.count("resent_unprocessed", tally.resentUnprocessed),
            JSONMember("connections", .object(connections)),
            JSONMember(
                "bytes",
                .object([
                    Self.count("sent", tally.bytesSent),
                    Self.count("received", tally.bytesReceived),
                ])),
            JSONMember("generator", .object(generator)),
        ]
        return .object(members)
    }

    private static func count(_ name: String, _ value: UInt64) -> JSONMember {
        JSONMember(name, .integer(Int64(clamping: value)))
    }

    private var statuses: [JSONMember] {
        result.tally.statuses.indices.compactMap { status in
            let count = result.tally.statuses[status]
            return count > 0 ? Self.count("\(status)", count) : nil
        }
    }

    private var classes: [JSONMember] {
        (2...5).map { digit in
            let range = digit * 100..<(digit + 1) * 100
            return Self.count("\(digit)xx", range.reduce(0) { $0 + result.tally.statuses[$1] })
        }
    }

    private var failures: [JSONMember] {
        LoadFailure.allCases.map { Self.count($0.name, result.tally.count($0)) }
    }

    private var rates: [JSONMember] {
        [
            JSONMember("intended", openRate.map { .number($0) } ?? .null),
            JSONMember("scheduled", .number(perSecond(result.tally.scheduled))),
            JSONMember("sent", .number(perSecond(result.tally.sent))),
            JSONMember("succeeded", .number(perSecond(result.tally.succeededInTime))),
        ]
    }

    private var retries: [JSONMember] {
        let tally = result.tally
        return [
            Self.count("seen", tally.retryDelaysSeen), Self.count("obeyed", tally.retriesObeyed),
            Self.count("succeeded", tally.retriesSucceeded),
            Self.count("refused", tally.retriesRefused),
            Self.times("total_ms", tally.retried),
        ]
    }

    private var connections: [JSONMember] {
        let tally = result.tally
        return [
            Self.count("opened", tally.connectionsOpened),
            Self.count("failed", tally.connectionsFailed),
            Self.count("requests_queued", tally.queued),
            Self.count("queue_max", tally.queueMax),
        ]
    }

    private var generator: [JSONMember] {
        [
            JSONMember("cpu_seconds", .number(result.processorSeconds)),
            JSONMember("cpu_share_max", .number(result.processorShareMax)),
            Self.times("send_lag_ms", result.tally.lag),
            JSONMember("is_bottleneck", .boolean(!warnings.isEmpty)),
            JSONMember("warnings", .array(warnings.map { .string($0) })),
        ]
    }

    static let shares: [(name: String, share: Double)] = [
        ("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999),
    ]

    private static func times(_ name: String, _ histogram: LatencyHistogram) -> JSONMember {
        func number(_ nanoseconds: UInt64?) -> JSONValue {
            nanoseconds.map { .number(Double($0) / 1e6) } ?? .null
        }
        var members = [count("count", histogram.count)]
        members.append(JSONMember("mean", histogram.mean.map { .number($0 / 1e6) } ?? .null))
        members.append(JSONMember("min", number(histogram.minimum)))
        for (name, share) in shares {
            members.append(JSONMember(name, number(histogram.quantile(share))))
        }
        members.append(JSONMember("max", number(histogram.maximum)))
        return JSONMember(name, .object(members))
    }

    /// With two digits after the point.
    static func fixed(_ value: Double) -> String {
        let hundredths = Int((min(max(value, 0), 1e15) * 100).rounded())
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
    }
}
