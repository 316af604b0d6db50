import Primitives

/// What Swift models count and measure themselves.
extension MetricsPage {
    mutating func custom(_ metrics: CustomMetrics) {
        single(
            "martlet_custom_series_refused_total", "counter",
            "Metrics of Swift models that found no room or no free name.", metrics.refusedCount)
        for family in metrics.families {
            self.family(family.name, family.kind.typeName, "Of a model, through swift-metrics.")
            for series in family.series { self.series(series, family) }
        }
    }

    private mutating func series(_ series: CustomSeries, _ family: CustomMetrics.Family) {
        let value = series.value
        let braces = series.labels.isEmpty ? "" : "{\(series.labels)}"
        switch family.kind {
        case .counter, .gauge:
            buffer.append("\(family.name)\(braces) \(Self.number(value.number))\n")
        case .summary:
            buffer.append("\(family.name)_sum\(braces) \(Self.number(value.sum))\n")
            buffer.append("\(family.name)_count\(braces) \(value.count)\n")
        case .timer:
            let inside = series.labels.isEmpty ? "" : series.labels + ","
            var count: UInt64 = 0
            for (index, bucket) in value.buckets.enumerated() {
                count += bucket
                let bounds = HistogramBounds.latency.labels
                let bound = index == bounds.count ? "+Inf" : bounds[index]
                buffer.append("\(family.name)_bucket{\(inside)le=\"\(bound)\"} \(count)\n")
            }
            buffer.append("\(family.name)_sum\(braces) \(Self.number(value.sum))\n")
            buffer.append("\(family.name)_count\(braces) \(value.count)\n")
        }
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        return String(value)
    }
}
