/// Whether a request may do what it asks for.
package enum AccessDecision: Sendable, Equatable {
    /// Under the name of its credential; nil when none was needed.
    case allowed(String?)
    /// 401: nobody known. A token may have been given, and be none of ours.
    case unauthenticated(hadToken: Bool)
    /// 403: somebody known, who may not do this.
    case forbidden(AccessScope)

    var isAllowed: Bool {
        switch self {
        case .allowed: true
        case .unauthenticated, .forbidden: false
        }
    }

    /// The value of `WWW-Authenticate` (RFC 6750 section 3); nil when it is allowed.
    package var challenge: StaticString? {
        switch self {
        case .allowed: nil
        // Section 3.1: without a credential there is no error to speak of.
        case .unauthenticated(hadToken: false): "Bearer realm=\"martlet\""
        case .unauthenticated(hadToken: true): "Bearer realm=\"martlet\", error=\"invalid_token\""
        case .forbidden(.predict):
            "Bearer realm=\"martlet\", error=\"insufficient_scope\", scope=\"predict\""
        case .forbidden(.metrics):
            "Bearer realm=\"martlet\", error=\"insufficient_scope\", scope=\"metrics\""
        case .forbidden(.admin):
            "Bearer realm=\"martlet\", error=\"insufficient_scope\", scope=\"admin\""
        }
    }

    /// The answer to a request that is not allowed; nil when it is. Says nothing of the credential.
    var refusal: Refusal? {
        switch self {
        case .allowed: return nil
        case .unauthenticated(let hadToken):
            return Refusal(
                401, "unauthenticated",
                hadToken
                    ? "the bearer token is not known to this server"
                    : "this needs a bearer token or a client certificate",
                wwwAuthenticate: challenge)
        case .forbidden(let scope):
            return Refusal(
                403, "forbidden", "this needs a credential with the scope '\(scope.name)'",
                wwwAuthenticate: challenge)
        }
    }
}
