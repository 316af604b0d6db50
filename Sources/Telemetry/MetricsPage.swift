import Primitives

/// Writes the page that Prometheus scrapes.
public struct MetricsPage: ~Copyable {
    var buffer: ByteBuffer
    let format: MetricsFormat

    /// Adds up all blocks and writes every family. Costs about 100 µs and allocates; it runs on a
    /// loop, never on a compute worker.
    public static func render(
        _ metrics: ServerMetrics, format: MetricsFormat = .text, custom: CustomMetrics = .shared,
        into buffer: inout ByteBuffer
    ) {
        var page = MetricsPage(buffer: ByteBuffer(capacity: 16 << 10), format: format)
        page.server(metrics)
        page.limits(metrics)
        page.loads(metrics.loads)
        page.operations(metrics)
        page.utilization(metrics)
        page.models(metrics.models)
        page.process(metrics)
        page.custom(custom)
        if format == .openMetrics { page.buffer.append("# EOF\n") }
        buffer.append(contentsOf: page.buffer)
    }

    // MARK: Lines

    mutating func family(
        _ name: StaticString, _ kind: StaticString, _ help: StaticString
    ) {
        family("\(name)", kind, help)
    }

    mutating func family(_ name: String, _ kind: StaticString, _ help: StaticString) {
        // A counter's family goes without the suffix of its sample; a gauge may be called anything.
        let isBare =
            format == .openMetrics && name.hasSuffix("_total")
            && String(describing: kind) == "counter"
        let family = isBare ? String(name.dropLast(6)) : name
        buffer.append("# HELP ")
        buffer.append(family)
        buffer.append(" ")
        buffer.append(help)
        buffer.append("\n# TYPE ")
        buffer.append(family)
        buffer.append(" ")
        buffer.append(kind)
        buffer.append("\n")
    }

    mutating func single(
        _ name: StaticString, _ kind: StaticString, _ help: StaticString, _ value: UInt64
    ) {
        family(name, kind, help)
        buffer.append(name)
        buffer.append(" ")
        buffer.append(decimal: value)
        buffer.append("\n")
    }

    mutating func gauge(
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
    mutating func labels(_ name: StaticString, _ model: ModelMetrics) {
        buffer.append(name)
        buffer.append("{model=\"")
        buffer.append(Self.escaped(model.model))
        buffer.append("\",version=\"")
        buffer.append(Self.escaped(model.version))
        buffer.append("\"")
    }

    mutating func histogram(
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
    mutating func histogramLines(
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

    static func seconds(_ nanoseconds: UInt64) -> String {
        String(Double(nanoseconds) / 1e9)
    }

    /// Label values escape backslash, quote and line feed.
    static func escaped(_ text: String) -> String {
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
