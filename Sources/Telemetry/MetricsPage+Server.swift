import Primitives

/// What the server as a whole has counted.
extension MetricsPage {
    mutating func server(_ metrics: ServerMetrics) {
        family("martlet_http_requests_total", "counter", "Answered requests by route and status.")
        for (route, name) in metrics.routes.enumerated() {
            for (index, status) in metrics.statuses.enumerated() {
                let count = metrics.requests(route: route, statusIndex: index)
                guard count > 0 else { continue }
                buffer.append("martlet_http_requests_total{route=\"")
                buffer.append(name)
                buffer.append("\",code=\"")
                buffer.append(decimal: status)
                buffer.append("\"} ")
                buffer.append(decimal: count)
                buffer.append("\n")
            }
        }
        let begun = metrics.sum(.requestsBegun)
        let ended = metrics.sum(.requestsEnded)
        single(
            "martlet_requests_in_flight", "gauge", "Requests parsed and not yet answered.",
            begun > ended ? begun - ended : 0)
        let accepted = metrics.sum(.connectionsAccepted)
        let closed = metrics.sum(.connectionsClosed)
        single(
            "martlet_connections_open", "gauge", "Open client connections.",
            accepted > closed ? accepted - closed : 0)
        single(
            "martlet_connections_accepted_total", "counter", "Client connections accepted.",
            accepted)
        single(
            "martlet_connections_refused_total", "counter",
            "Client connections refused at the limit.", metrics.sum(.connectionsRefused))
        single(
            "martlet_http_malformed_total", "counter",
            "Messages refused by the HTTP parser or its limits.", metrics.sum(.badMessages))
        single(
            "martlet_http_timeouts_total", "counter",
            "Connections ended by a header, body, write or idle time limit.",
            metrics.sum(.timeouts))
        single(
            "martlet_tls_handshakes_total", "counter", "TLS handshakes completed.",
            metrics.sum(.tlsHandshakes))
        single(
            "martlet_tls_resumed_total", "counter",
            "TLS handshakes that continued an earlier session.", metrics.sum(.tlsResumed))
        single(
            "martlet_tls_failures_total", "counter",
            "TLS connections that failed: bad handshakes, certificates or records.",
            metrics.sum(.tlsFailures))
        single(
            "martlet_http2_connections_total", "counter", "Connections that spoke HTTP/2.",
            metrics.sum(.http2Connections))
        single(
            "martlet_http2_floods_total", "counter",
            "HTTP/2 connections ended for frames that only cost (ENHANCE_YOUR_CALM).",
            metrics.sum(.http2Floods))
        single(
            "martlet_client_limited_total", "counter",
            "Requests refused at --client-requests-per-second or --client-requests-in-flight.",
            metrics.sum(.clientLimited))
        single(
            "martlet_received_bytes_total", "counter", "Bytes read from clients.",
            metrics.sum(.bytesRead))
        single(
            "martlet_sent_bytes_total", "counter", "Bytes written to clients.",
            metrics.sum(.bytesWritten))
        single(
            "martlet_loop_turns_total", "counter", "Turns of the event loops.", metrics.sum(.turns))
    }

    /// What the operator and the host bring about.
    mutating func operations(_ metrics: ServerMetrics) {
        family("martlet_build_info", "gauge", "Always 1; the label says which program runs.")
        buffer.append("martlet_build_info{version=\"")
        buffer.append(Self.escaped(metrics.version))
        buffer.append("\"} 1\n")
        family(
            "martlet_reloads_total", "counter", "Files that were read again, by kind and result.")
        reloads("certificates", "ok", metrics.value(.certificateReloads))
        reloads("certificates", "failed", metrics.value(.certificateReloadFailures))
        reloads("access", "ok", metrics.value(.accessReloads))
        reloads("access", "failed", metrics.value(.accessReloadFailures))
        single(
            "martlet_log_dropped_total", "counter",
            "Lines about requests that were lost because nobody read the log fast enough.",
            metrics.value(.logDrops))
        single(
            "martlet_memory_limit_bytes", "gauge",
            "What the container may use (memory.max); 0 without a limit.",
            metrics.value(.memoryBytesMax))
    }

    private mutating func reloads(_ file: StaticString, _ result: StaticString, _ count: UInt64) {
        buffer.append("martlet_reloads_total{file=\"")
        buffer.append(file)
        buffer.append("\",result=\"")
        buffer.append(result)
        buffer.append("\"} ")
        buffer.append(decimal: count)
        buffer.append("\n")
    }

    mutating func utilization(_ metrics: ServerMetrics) {
        let utilization = metrics.utilization
        family(
            "martlet_utilization", "gauge",
            "The share in use of what limits the server, 0 to 1, for autoscaling.")
        buffer.append("martlet_utilization \(utilization.value)\n")
        family(
            "martlet_utilization_part", "gauge",
            "The shares that martlet_utilization is the largest of.")
        for part in Utilization.Part.allCases {
            buffer.append("martlet_utilization_part{part=\"")
            buffer.append(part.label)
            buffer.append("\"} \(utilization.parts[part.rawValue])\n")
        }
        family(
            "martlet_loop_lag_seconds", "histogram",
            "How long a turn of an event loop kept its other connections waiting.")
        histogramLines(
            "martlet_loop_lag_seconds", label: "", bounds: .latency, metrics.lag, isTime: true)
    }

    mutating func limits(_ metrics: ServerMetrics) {
        family(
            "martlet_limits_hit_total", "counter",
            "Requests, connections and pauses that a limit ended or held up (docs/limits.md).")
        for limit in LimitHit.allCases {
            buffer.append("martlet_limits_hit_total{limit=\"")
            buffer.append(limit.label)
            buffer.append("\"} ")
            buffer.append(decimal: metrics.sum(limit))
            buffer.append("\n")
        }
    }

    mutating func loads(_ loads: [ServerMetrics.LoadFigures]) {
        guard !loads.isEmpty else { return }
        func lines(_ name: StaticString, _ value: (ServerMetrics.LoadFigures) -> UInt64) {
            for figures in loads {
                buffer.append(name)
                buffer.append("{model=\"")
                buffer.append(Self.escaped(figures.model))
                buffer.append("\"} ")
                buffer.append(decimal: value(figures))
                buffer.append("\n")
            }
        }
        family("martlet_model_loads_total", "counter", "Model versions loaded.")
        lines("martlet_model_loads_total") { $0.loads }
        family(
            "martlet_model_load_failures_total", "counter",
            "Model versions and model.json files that could not be loaded.")
        lines("martlet_model_load_failures_total") { $0.failures }
    }
}
