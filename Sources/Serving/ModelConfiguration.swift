import Primitives

/// What `models/<name>/model.json` says of a model; every key is optional.
///
///     {
///       "description": "…",
///       "labels": ["setosa", "versicolor", "virginica"],
///       "sample": [[5.1, 3.5, 1.4, 0.2]],
///       "unknown_columns": "refuse",
///       "batching": {…}, "limits": {…},         (BatchingConfiguration)
///       "outputs": ["probabilities"],
///       "warm_up": {"samples": [[5.1, 3.5, 1.4, 0.2]], "seconds": 10},
///       "version_policy": {"latest": 2},
///       "default_version": "stable",
///       "version_labels": {"stable": "3", "canary": "4"},
///       "canary": {"version": "canary", "share": 0.05, "sticky_header": "x-user"},
///       "shadow": {"version": "4", "share": 0.5},
///       "required": true
///     }
public struct ModelConfiguration: Sendable, Equatable {
    public var description = ""
    /// Class names by index, for classifiers that answer with integers or plain probabilities.
    public var labels: [String] = []
    /// Example instances, as a client would send them in `instances`.
    public var sample: JSONValue?
    /// Whether a request may have columns that the model does not take.
    public var ignoresUnknownColumns = false
    /// The outputs that are answered, in this order; empty: all.
    public var outputs: [String] = []
    /// What the first runs are made with.
    public var warmUp = WarmUpConfiguration()
    /// Which versions are served, and which requests get which.
    public var traffic = TrafficConfiguration()
    /// How its requests are gathered and how many may wait.
    public var batching: BatchingConfiguration

    public init(limits: Limits = .standard) {
        batching = BatchingConfiguration(limits: limits)
    }

    /// Reads a `model.json`. The error names the file and the key.
    public init(path: String, limits: Limits) throws(ConfigurationError) {
        self.init(limits: limits)
        let bytes: [UInt8]
        do {
            bytes = try FileSystem.contents(of: path, byteCountMax: limits.configurationBytesMax)
        } catch {
            throw ConfigurationError(path: path, key: "", reason: error.reason)
        }
        let tree: JSONValue
        do {
            tree = try JSONValue(parsing: bytes.span, limits: limits)
        } catch {
            throw ConfigurationError(path: path, key: "", reason: error.message)
        }
        try apply(tree, Place(path: path, key: ""))
    }

    /// Whether a loaded version would be served the same way under another configuration: all but the
    /// traffic counts.
    func isServedAlike(_ other: ModelConfiguration) -> Bool {
        var same = other
        same.traffic = traffic
        return same == self
    }

    /// Where in the file a value stands.
    struct Place {
        let path: String
        let key: String

        func inside(_ name: String) -> Place {
            Place(path: path, key: key.isEmpty ? name : "\(key).\(name)")
        }

        func error(_ reason: String) -> ConfigurationError {
            ConfigurationError(path: path, key: key, reason: reason)
        }
    }

    private mutating func apply(_ tree: JSONValue, _ place: Place) throws(ConfigurationError) {
        for member in try Self.members(tree, place) {
            let inner = place.inside(member.key)
            switch member.key {
            case "description": description = try Self.text(member.value, inner)
            case "labels":
                guard let elements = member.value.elements else {
                    throw inner.error("expected an array of strings")
                }
                labels = []
                for element in elements { labels.append(try Self.text(element, inner)) }
            case "sample":
                guard case .array(let rows) = member.value, !rows.isEmpty else {
                    throw inner.error("expected an array with at least one instance")
                }
                sample = member.value
            case "outputs": try readOutputs(member.value, inner)
            case "warm_up": try warmUp.read(member.value, inner)
            case "version_policy": traffic.policy = try VersionPolicy(member.value, inner)
            case "default_version":
                traffic.defaultVersion = try inner.versionOrLabel(member.value)
            case "version_labels": try traffic.readLabels(member.value, inner)
            case "canary": traffic.canary = try CanaryConfiguration(member.value, inner)
            case "shadow": traffic.shadow = try ShadowConfiguration(member.value, inner)
            case "required": traffic.isRequired = try inner.boolean(member.value)
            case "batching": try batching.apply(batching: member.value, inner)
            case "limits": try batching.apply(limits: member.value, inner)
            case "unknown_columns":
                switch member.value.text {
                case "ignore": ignoresUnknownColumns = true
                case "refuse": ignoresUnknownColumns = false
                default: throw inner.error("expected \"ignore\" or \"refuse\"")
                }
            default:
                throw inner.error("unknown key; known here: \(Self.knownKeys)")
            }
        }
    }

    private static let knownKeys = """
        description, labels, sample, outputs, warm_up, version_policy, default_version, \
        version_labels, canary, shadow, required, unknown_columns, batching, limits
        """

    private mutating func readOutputs(
        _ value: JSONValue, _ place: Place
    ) throws(ConfigurationError) {
        guard let elements = value.elements, !elements.isEmpty else {
            throw place.error("expected an array with at least one output's name")
        }
        outputs = []
        for element in elements {
            let name = try Self.text(element, place)
            guard !outputs.contains(name) else { throw place.error("'\(name)' is there twice") }
            outputs.append(name)
        }
    }

    static func members(
        _ value: JSONValue, _ place: Place
    ) throws(ConfigurationError) -> [JSONMember] {
        guard let members = value.members else { throw place.error("expected an object") }
        return members
    }

    static func text(
        _ value: JSONValue, _ place: Place
    ) throws(ConfigurationError) -> String {
        guard let text = value.text else { throw place.error("expected a string") }
        return text
    }

    static func count(
        _ value: JSONValue, _ range: ClosedRange<Int64>, _ place: Place
    ) throws(ConfigurationError) -> Int {
        guard let number = value.integer, range.contains(number) else {
            throw place.error(
                "expected a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return Int(number)
    }
}

/// A configuration file that cannot be used: which file, which key, what was expected.
public struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    public let path: String
    /// `batching.max_batch_size`, or empty when the file as a whole is meant.
    public let key: String
    public let reason: String

    public init(path: String, key: String, reason: String) {
        self.path = path
        self.key = key
        self.reason = reason
    }

    public var description: String {
        key.isEmpty ? "\(path): \(reason)" : "\(path): \(key): \(reason)"
    }
}
