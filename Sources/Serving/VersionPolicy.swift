/// Which versions of a model are served when nobody says otherwise: `version_policy` of model.json.
public enum VersionPolicy: Sendable, Equatable {
    /// Every version that is there.
    case all
    /// The newest so many.
    case latest(Int)
    /// Those named.
    case listed([String])

    /// The wanted ones of those that are there (ascending), ascending.
    public func select(_ versions: [String]) -> [String] {
        switch self {
        case .all: versions
        case .latest(let count): Array(versions.suffix(count))
        case .listed(let wanted): versions.filter { wanted.contains($0) }
        }
    }

    /// As model.json writes it.
    public var description: String {
        switch self {
        case .all: "all"
        case .latest(let count): "latest \(count)"
        case .listed(let versions): "listed \(versions.joined(separator: ", "))"
        }
    }
}
