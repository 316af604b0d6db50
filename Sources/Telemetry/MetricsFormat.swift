/// The two forms of the page.
public enum MetricsFormat: Sendable {
    /// Prometheus's text exposition format 0.0.4.
    case text
    /// OpenMetrics 1.0.0: a counter's family is named without `_total`, and the page ends with `#
    /// EOF`.
    case openMetrics

    public var contentType: StaticString {
        switch self {
        case .text: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }
}
