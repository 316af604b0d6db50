import HTTP
import Primitives
import Telemetry

extension ServerLoop {
    /// `GET /metrics`
    func answerMetrics(_ connection: Connection, _ exchange: Exchange, _ bytes: Span<UInt8>) {
        let format = head.accept.map { MetricsFormat(accept: bytes.extracting($0)) } ?? .text
        body.removeAll()
        MetricsPage.render(metrics, format: format, into: &body)
        answer(connection, exchange, contentType: format.contentType)
    }
}

extension MetricsFormat {
    /// What the client prefers (RFC 9110 section 12.5.1); OpenMetrics only when it is named, as
    /// scrapers do, and the text format when nothing decides. Versions we do not write are passed
    /// over.
    package init(accept value: Span<UInt8>) {
        var openMetrics = 0
        var text = 0
        Ascii.forEachElement(value, 0..<value.count) { element in
            let type = PayloadFormat.mediaType(value, element)
            let parameters = type.upperBound..<element.upperBound
            let quality = PayloadFormat.weight(value, parameters)
            if Ascii.equalsIgnoringCase(value, type, "application/openmetrics-text") {
                if Self.isVersion1(value, parameters) {
                    openMetrics = max(openMetrics, quality)
                }
            } else if Ascii.equalsIgnoringCase(value, type, "text/plain") {
                text = max(text, quality)
            }
        }
        self = openMetrics > 0 && openMetrics >= text ? .openMetrics : .text
    }

    /// Whether `version` is missing or 1.0.0 among the parameters.
    private static func isVersion1(_ value: Span<UInt8>, _ parameters: Range<Int>) -> Bool {
        var isVersion1: Bool?
        Ascii.forEachParameter(value, parameters, "version=") { number in
            isVersion1 =
                isVersion1
                ?? (Ascii.equals(value, number, "1.0.0")
                    || Ascii.equals(value, number, "\"1.0.0\""))
        }
        return isVersion1 ?? true
    }
}
