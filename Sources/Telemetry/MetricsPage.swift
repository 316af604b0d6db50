import Primitives

/// Writes the page that Prometheus scrapes (text exposition format 0.0.4).
public struct MetricsPage: ~Copyable {
    public static let contentType: StaticString = "text/plain; version=0.0.4; charset=utf-8"

    private var buffer: ByteBuffer

    /// Adds up all blocks and writes every family. Costs about 100 µs and allocates; it runs on a
    /// loop, never on a compute worker.
    public static func render(_ metrics: ServerMetrics, into buffer: inout ByteBuffer) {
        var page = MetricsPage(buffer: ByteBuffer(capacity: 16 << 10))
        page.server(metrics)
        page.limits(metrics)
        page.loads(metrics.loads)
        page.utilization(metrics)
        page.models(metrics.models)
        page.process(metrics)
        buffer.append(contentsOf: page.buffer)
    }

    // MARK: Families

    private mutating func server(_ metrics: ServerMetrics) {
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

    private mutating func utilization(_ metrics: ServerMetrics) {
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

    private mutating func limits(_ metrics: ServerMetrics) {
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

    private mutating func loads(_ loads: [ServerMetrics.LoadFigures]) {
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

    private mutating func models(_ models: [ModelMetrics]) {
        guard !models.isEmpty else { return }
        family("martlet_model_state", "gauge", "1 for the state a model version is in.")
        for model in models {
            for state in ModelStateLabel.allCases {
                labels("martlet_model_state", model)
                buffer.append(",state=\"")
                buffer.append(state.label)
                buffer.append("\"} ")
                buffer.append(model.state == state ? "1\n" : "0\n")
            }
        }
        gauge(models, "martlet_model_load_seconds", "Time to load and warm up a model version.") {
            Self.seconds($0.loadNanoseconds)
        }
        gauge(models, "martlet_queue_items", "Requests waiting for the compute pool.") {
            String($0.queueItems)
        }
        gauge(models, "martlet_queue_rows", "Rows waiting for the compute pool.") {
            String($0.queueRows)
        }
        family("martlet_model_rows_total", "counter", "Rows computed.")
        for model in models {
            labels("martlet_model_rows_total", model)
            buffer.append("} ")
            buffer.append(decimal: model.sum(ModelMetrics.rowsOffset))
            buffer.append("\n")
        }
        family("martlet_rejected_total", "counter", "Requests refused or failed, by reason.")
        for model in models {
            for reason in RejectionReason.allCases {
                labels("martlet_rejected_total", model)
                buffer.append(",reason=\"")
                buffer.append(reason.label)
                buffer.append("\"} ")
                buffer.append(decimal: model.sum(ModelMetrics.rejectionsOffset + reason.rawValue))
                buffer.append("\n")
            }
        }
        histogram(
            models, "martlet_queue_seconds", "From a request's parsing to the start of its batch.",
            ModelMetrics.queue, isTime: true)
        histogram(
            models, "martlet_compute_seconds", "Computing one batch.", ModelMetrics.compute,
            isTime: true)
        histogram(
            models, "martlet_request_seconds", "From a request's parsing to its answer.",
            ModelMetrics.total, isTime: true)
        histogram(
            models, "martlet_batch_rows", "Rows in a computed batch.", ModelMetrics.batchRows,
            isTime: false)
        shadows(models.filter(\.hasShadow))
    }

    private mutating func shadows(_ models: [ModelMetrics]) {
        guard !models.isEmpty else { return }
        counter(models, "martlet_shadow_rows_total", "Rows computed by a shadow version.") {
            $0.shadowRows
        }
        counter(
            models, "martlet_shadow_agreeing_rows_total",
            "Rows of which the shadow version gave the same label or nearly the same number."
        ) { $0.shadowAgreeing }
        counter(
            models, "martlet_shadow_failed_total", "Requests a shadow version could not compute."
        ) { $0.shadowFailed }
        counter(
            models, "martlet_shadow_dropped_total",
            "Requests not given to a shadow version because its queue was full."
        ) { $0.shadowDropped }
        gauge(
            models, "martlet_shadow_difference_max",
            "The largest difference of a number so far, answer against shadow."
        ) { $0.shadowDifference.isFinite ? String($0.shadowDifference) : "+Inf" }
        histogram(
            models, "martlet_shadow_seconds", "Computing one request on a shadow version.",
            ModelMetrics.shadowLatency, isTime: true
        ) { $0.shadowBlocks }
    }

    private mutating func counter(
        _ models: [ModelMetrics], _ name: StaticString, _ help: StaticString,
        _ value: (ModelMetrics) -> UInt64
    ) {
        family(name, "counter", help)
        for model in models {
            labels(name, model)
            buffer.append("} ")
            buffer.append(decimal: value(model))
            buffer.append("\n")
        }
    }

    private mutating func process(_ metrics: ServerMetrics) {
        let figures = ProcessFigures()
        family("process_cpu_seconds_total", "counter", "User and system CPU time spent.")
        buffer.append("process_cpu_seconds_total \(figures.cpuSeconds)\n")
        single(
            "process_resident_memory_bytes", "gauge", "Resident memory.",
            UInt64(figures.residentBytes))
        single(
            "process_virtual_memory_bytes", "gauge", "Virtual memory.",
            UInt64(figures.virtualBytes))
        single(
            "process_open_fds", "gauge", "Open file descriptors.", UInt64(figures.openDescriptors))
        single(
            "process_max_fds", "gauge", "The most file descriptors this process may open.",
            UInt64(figures.descriptorsMax))
        single("process_threads", "gauge", "Threads.", UInt64(figures.threadCount))
        single(
            "process_start_time_seconds", "gauge", "Start time, seconds since 1970.",
            UInt64(metrics.startSeconds))
    }

    // MARK: Lines

    private mutating func family(
        _ name: StaticString, _ kind: StaticString, _ help: StaticString
    ) {
        buffer.append("# HELP ")
        buffer.append(name)
        buffer.append(" ")
        buffer.append(help)
        buffer.append("\n# TYPE ")
        buffer.append(name)
        buffer.append(" ")
        buffer.append(kind)
        buffer.append("\n")
    }

    private mutating func single(
        _ name: StaticString, _ kind: StaticString, _ help: StaticString, _ value: UInt64
    ) {
        family(name, kind, help)
        buffer.append(name)
        buffer.append(" ")
        buffer.append(decimal: value)
        buffer.append("\n")
    }

    private mutating func gauge(
        _ models: [ModelMetrics], _ name: StaticString, _ help: StaticString,
        _ value: (ModelMetrics) -> String
    ) {
        family(name, "gauge", help)
        for model in models {
            labels(name, model)
            buffer.append("} ")
            buffer.append(value(model))
            buffer.append("\n")
        }
    }

    /// `name{model="…",version="…"`, open for more labels.
    private mutating func labels(_ name: StaticString, _ model: ModelMetrics) {
        buffer.append(name)
        buffer.append("{model=\"")
        buffer.append(Self.escaped(model.model))
        buffer.append("\",version=\"")
        buffer.append(Self.escaped(model.version))
        buffer.append("\"")
    }

    private mutating func histogram(
        _ models: [ModelMetrics], _ name: StaticString, _ help: StaticString,
        _ histogram: ShardedHistogram, isTime: Bool,
        _ blocks: (ModelMetrics) -> [CounterBlock] = { $0.blocks }
    ) {
        family(name, "histogram", help)
        for model in models {
            histogramLines(
                name,
                label:
                    "model=\"\(Self.escaped(model.model))\",version=\"\(Self.escaped(model.version))\"",
                bounds: histogram.bounds, histogram.collect(blocks(model)), isTime: isTime)
        }
    }

    /// The buckets, sum and count of one histogram; `label` is what stands in the braces, or empty.
    private mutating func histogramLines(
        _ name: StaticString, label: String, bounds: HistogramBounds,
        _ figures: (cumulative: [UInt64], sum: UInt64), isTime: Bool
    ) {
        let inside = label.isEmpty ? "" : label + ","
        let behind = label.isEmpty ? "" : "{\(label)}"
        for (index, count) in figures.cumulative.enumerated() {
            buffer.append(name)
            buffer.append("_bucket{")
            buffer.append(inside)
            buffer.append("le=\"")
            buffer.append(index == bounds.labels.count ? "+Inf" : bounds.labels[index])
            buffer.append("\"} ")
            buffer.append(decimal: count)
            buffer.append("\n")
        }
        buffer.append(name)
        buffer.append("_sum\(behind) \(isTime ? Self.seconds(figures.sum) : String(figures.sum))\n")
        buffer.append(name)
        buffer.append("_count\(behind) \(figures.cumulative.last ?? 0)\n")
    }

    private static func seconds(_ nanoseconds: UInt64) -> String {
        String(Double(nanoseconds) / 1e9)
    }

    /// Label values escape backslash, quote and line feed.
    private static func escaped(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 == 0x5C || $0 == 0x22 || $0 == 0x0A }) else {
            return text
        }
        var result = ""
        for character in text {
            switch character {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.append(character)
            }
        }
        return result
    }
}
