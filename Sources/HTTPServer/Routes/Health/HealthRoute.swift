import Primitives
import Serving

extension ServerLoop {
    /// `GET /healthz` and `/livez`: the loop turns, so the process lives. Never waits for a model.
    func answerHealth(_ connection: Connection, _ exchange: Exchange) {
        body.removeAll()
        body.append("{\"status\": \"ok\"}\n")
        answer(connection, exchange)
    }

    /// `GET /readyz`: 200 when every model is loaded or has failed for good and at least one answers;
    /// 503 before that and from the first signal to stop.
    func answerReadiness(_ connection: Connection, _ exchange: Exchange) {
        if shared.isDraining {
            answer(connection, exchange, Refusal(503, "draining", "the server is stopping"))
        } else if catalog.snapshot.isReady {
            body.removeAll()
            body.append("{\"status\": \"ready\"}\n")
            answer(connection, exchange)
        } else {
            answer(
                connection, exchange,
                Refusal(503, "not_ready", "models are still loading", retryAfterSeconds: 1))
        }
    }

    /// `GET /`: what this server is and where to go next.
    func answerIndex(_ connection: Connection, _ exchange: Exchange) {
        let routes: [(String, String)] = [
            ("POST /models/{name}/predict", "ask a model; the body is JSON, CSV or a NumPy file"),
            ("POST /predict?model={name}", "the same"),
            ("GET /models", "what is served"),
            ("GET /models/{name}", "signature, versions and a sample input of a model"),
            ("GET /healthz, /livez, /readyz", "health"),
            ("GET /metrics", "Prometheus metrics"),
        ]
        answer(
            connection, exchange,
            json: .object([
                JSONMember("server", .string("martlet")),
                JSONMember(
                    "endpoints", .object(routes.map { JSONMember($0.0, .string($0.1)) })),
            ]))
    }
}
