import Primitives

/// What `models/<name>/model.json` says of a model; every key is optional.
///
///     {
///       "description": "…",
///       "labels": ["setosa", "versicolor", "virginica"],
///       "sample": [[5.1, 3.5, 1.4, 0.2]],
///       "unknown_columns": "refuse",
///       "batching": {"max_batch_size": 64},
///       "limits": {"queue_items": 1024, "queue_bytes": 268435456}
///     }
public struct ModelConfiguration: Sendable {
    public var description = ""
    /// Class names by index, for classifiers that answer with integers or plain probabilities.
    public var labels: [String] = []
    /// Example instances, as a client would send them in `instances`.
    public var sample: JSONValue?
    /// The most rows of one run.
    public var batchSizeMax = 64
    /// Whether a request may have columns that the model does not take.
    public var ignoresUnknownColumns = false
    /// Requests of this model that may wait for the compute pool.
    public var queueItemsMax: Int
    /// Input bytes of this model that may wait.
    public var queueBytesMax: Int

    public init(limits: Limits = .standard) {
        queueItemsMax = limits.queueItemsMax
        queueBytesMax = limits.queueBytesMax
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

    /// Where in the file a value stands.
    private struct Place {
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
            case "batching":
                for setting in try Self.members(member.value, inner) {
                    let place = inner.inside(setting.key)
                    guard setting.key == "max_batch_size" else {
                        throw place.error("unknown key; known here: max_batch_size")
                    }
                    batchSizeMax = try Self.count(setting.value, 1...65_536, place)
                }
            case "unknown_columns":
                switch member.value.text {
                case "ignore": ignoresUnknownColumns = true
                case "refuse": ignoresUnknownColumns = false
                default: throw inner.error("expected \"ignore\" or \"refuse\"")
                }
            case "limits":
                for setting in try Self.members(member.value, inner) {
                    let place = inner.inside(setting.key)
                    switch setting.key {
                    case "queue_items":
                        queueItemsMax = try Self.count(setting.value, 1...1_000_000, place)
                    case "queue_bytes":
                        queueBytesMax = try Self.count(setting.value, 1...(1 << 40), place)
                    default: throw place.error("unknown key; known here: queue_items, queue_bytes")
                    }
                }
            default:
                throw inner.error(
                    "unknown key; known here: description, labels, sample, batching, "
                        + "unknown_columns, limits")
            }
        }
    }

    private static func members(
        _ value: JSONValue, _ place: Place
    ) throws(ConfigurationError) -> [JSONMember] {
        guard let members = value.members else { throw place.error("expected an object") }
        return members
    }

    private static func text(
        _ value: JSONValue, _ place: Place
    ) throws(ConfigurationError) -> String {
        guard let text = value.text else { throw place.error("expected a string") }
        return text
    }

    private static func count(
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
