import HTTP

/// What a credential may be good for.
package enum AccessScope: UInt8, Sendable, CaseIterable {
    /// Predictions, and what is known of the models.
    case predict
    /// The metrics page.
    case metrics
    /// Changing what is served.
    case admin

    /// As the access file writes it.
    package var name: String {
        switch self {
        case .predict: "predict"
        case .metrics: "metrics"
        case .admin: "admin"
        }
    }
}

/// A set of scopes. None includes another.
package struct AccessScopes: OptionSet, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package init(_ scope: AccessScope) { rawValue = 1 << scope.rawValue }
}

extension Route {
    /// What a request to this route must be allowed to do; nil: anybody may. Health is what load
    /// balancers ask without credentials, and a path that does not exist has nothing to protect.
    package func scope(_ method: HTTPMethod) -> AccessScope? {
        switch self {
        case .predict, .models, .model, .index: .predict
        case .version: method == .put || method == .delete ? .admin : .predict
        case .load, .unload, .rollback, .label: .admin
        case .metrics: .metrics
        case .health, .live, .ready, .unknown, .malformed: nil
        }
    }
}
