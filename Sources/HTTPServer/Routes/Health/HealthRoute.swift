import Primitives
import Serving

extension ServerLoop {
    /// `GET /healthz` and `/livez`: the loop turns, so the process lives. Never waits for a model.
    func answerHealth(_ connection: Connection, _ exchange: Exchange) {
        body.removeAll()
        body.append("{\"status\": \"ok\"}\n")
        answer(connection, exchange)
    }

    /// `GET /readyz`: 200 when the first pass over the models is done, every required one answers and
    /// at least one does; 503 before that and from the first signal to stop.
    func answerReadiness(_ connection: Connection, _ exchange: Exchange) {
        if shared.isDraining {
            answer(connection, exchange, Refusal(503, "draining", "the server is stopping"))
        } else if catalog.snapshot.isReady {
            body.removeAll()
            body.append("{\"status\": \"ready\"}\n")
            answer(connection, exchange)
        } else {
            var reason = "models are still loading"
            if catalog.snapshot.isComplete {
                reason =
                    catalog.snapshot.missing.map { "model '\($0)' is required and not ready" }
                    ?? "no model is ready"
            }
            answer(
                connection, exchange,
                Refusal(503, "not_ready", reason, retryAfterSeconds: 1))
        }
    }

    /// `GET /`: what this server is and where to go next.
    func answerIndex(_ connection: Connection, _ exchange: Exchange) {
        let routes: [(String, String)] = [
            ("POST /models/{name}/predict", "ask a model; the body is JSON, CSV or a NumPy file"),
            ("POST /predict?model={name}", "the same"),
            ("GET /models", "what is served"),
            ("GET /models/{name}", "signature, versions and a sample input of a model"),
            ("PUT /models/{name}/versions/{v}", "upload a version; DELETE removes one"),
            ("POST /models/{name}/load, /unload, /rollback", "change what is served"),
            ("PUT /models/{name}/labels/{label}", "move a label; DELETE removes it"),
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
