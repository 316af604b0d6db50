extension LoadReport {
    /// A few lines, each with its name in front.
    public var text: String {
        let tally = result.tally
        var text = head
        text += Self.line(
            "answers",
            "\(tally.succeeded) succeeded, \(Self.fixed(perSecond(tally.succeededInTime)))/s "
                + "over \(Self.fixed(result.seconds)) s")
        text += Self.line("latency", Self.times(tally.latency))
        text += Self.line("service", Self.times(tally.service))
        if tally.refused.count > 0 { text += Self.line("refused", Self.times(tally.refused)) }
        if tally.others.count > 0 { text += Self.line("other", Self.times(tally.others)) }
        text += failureLines
        if tally.retriesObeyed > 0 {
            text += Self.line(
                "retried",
                "\(tally.retriesObeyed) after Retry-After: \(tally.retriesSucceeded) succeeded, "
                    + "\(tally.retriesRefused) refused again")
        }
        if tally.retriedOnStale + tally.resentUnprocessed > 0 {
            text += Self.line(
                "resent",
                "\(tally.retriedOnStale) on a connection just closed, "
                    + "\(tally.resentUnprocessed) not processed by a server that leaves")
        }
        text += Self.line(
            "generator",
            "\(Self.fixed(result.processorSeconds)) s of CPU, \(tally.connectionsOpened) connections "
                + "opened, \(tally.queued) requests waited for one")
        for warning in warnings { text += Self.line("warning", warning) }
        if result.isInterrupted { text += Self.line("note", "ended early by a signal") }
        return text
    }

    private var head: String {
        let configuration = result.configuration
        let protocolName = configuration.speaksHTTP2 ? "HTTP/2" : "HTTP/1.1"
        let what =
            switch configuration.pace {
            case .open(let rate, let arrivals):
                "open loop, \(Self.fixed(rate))/s (\(arrivals.rawValue)), sent "
                    + "\(Self.fixed(perSecond(result.tally.sent)))/s"
            case .closed(let clients): "closed loop, \(clients) clients"
            }
        return Self.line(
            "load", "\(what); \(configuration.connections) connections, \(protocolName)")
    }

    private var failureLines: String {
        var text = ""
        var parts: [String] = []
        for status in result.tally.statuses.indices where !(200..<300).contains(status) {
            let count = result.tally.statuses[status]
            if count > 0 { parts.append("\(count) × \(status)") }
        }
        if !parts.isEmpty { text += Self.line("statuses", parts.joined(separator: ", ")) }
        parts.removeAll()
        for failure in LoadFailure.allCases where result.tally.count(failure) > 0 {
            parts.append("\(result.tally.count(failure)) × \(failure.name)")
        }
        if !parts.isEmpty { text += Self.line("failures", parts.joined(separator: ", ")) }
        return text
    }

    private static func line(_ name: String, _ text: String) -> String {
        name + String(repeating: " ", count: max(1, 11 - name.count)) + text + "\n"
    }

    private static func times(_ histogram: LatencyHistogram) -> String {
        guard let maximum = histogram.maximum else { return "none" }
        var parts = shares.compactMap { name, share in
            histogram.quantile(share).map { "\(name) \(fixed(Double($0) / 1e6))" }
        }
        parts.append("max \(fixed(Double(maximum) / 1e6))")
        return parts.joined(separator: "  ") + " ms"
    }
}
