import Primitives
import Telemetry

extension ServerLoop {
    /// `GET /metrics`
    func answerMetrics(_ connection: Connection, _ exchange: Exchange) {
        body.removeAll()
        MetricsPage.render(metrics, into: &body)
        answer(connection, exchange, contentType: MetricsPage.contentType)
    }
}
