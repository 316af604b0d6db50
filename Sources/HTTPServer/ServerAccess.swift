import Primitives
import Serving

/// Who may do what on a server: everybody everything, or what a file says.
public struct ServerAccess: Sendable {
    let store: AccessStore

    /// Everybody may do everything.
    public init() { store = AccessStore() }

    /// Reads the access file (docs/api.md). The error names the file and the key.
    public init(path: String, limits: Limits) throws(ConfigurationError) {
        store = try AccessStore(path: path, limits: limits)
    }

    /// What is wrong with the permissions of the file.
    public var warning: String? { store.warning }
}
