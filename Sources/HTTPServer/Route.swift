import HTTP
import Primitives

/// What the server answers to. The raw value is the route's number in the metrics.
package enum Route: Int, CaseIterable, Sendable {
    case index, health, live, ready, metrics, models, model, version, predict
    case load, unload, rollback, label
    /// No such path.
    case unknown
    /// Refused before there was a path.
    case malformed

    /// The `route` label.
    var label: String {
        switch self {
        case .index: "index"
        case .health: "healthz"
        case .live: "livez"
        case .ready: "readyz"
        case .metrics: "metrics"
        case .models: "models"
        case .model: "model"
        case .version: "version"
        case .predict: "predict"
        case .load: "load"
        case .unload: "unload"
        case .rollback: "rollback"
        case .label: "label"
        case .unknown: "unknown"
        case .malformed: "malformed"
        }
    }

    /// The methods it takes, as a 405 names them.
    var allow: StaticString {
        switch self {
        case .predict, .load, .unload, .rollback: "POST"
        case .version: "GET, HEAD, PUT, DELETE"
        case .label: "PUT, DELETE"
        case .index, .health, .live, .ready, .metrics, .models, .model: "GET, HEAD"
        case .unknown, .malformed: ""
        }
    }

    func takes(_ method: HTTPMethod) -> Bool {
        switch self {
        case .predict, .load, .unload, .rollback: method == .post
        case .version:
            method == .get || method == .head || method == .put || method == .delete
        case .label: method == .put || method == .delete
        case .index, .health, .live, .ready, .metrics, .models, .model:
            method == .get || method == .head
        case .unknown, .malformed: true
        }
    }
}
