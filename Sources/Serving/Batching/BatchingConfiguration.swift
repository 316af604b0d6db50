import Primitives

/// What a model's `model.json` says of batching and of its queue: the keys `batching` and `limits`.
///
///     "batching": {
///       "max_batch_size": 64, "max_queue_delay_ms": 0, "timeout_ms": 30000, "weight": 1,
///       "padding": {"inputs": ["ids"], "dimension": 1, "value": 0, "mask": "mask",
///                   "buckets": [16, 32, 64]}
///     },
///     "limits": {"queue_items": 1024, "queue_bytes": 268435456}
///
/// docs/batching.md explains each key to a user.
public struct BatchingConfiguration: Sendable, Equatable {
    /// The most rows of one run.
    public var batchSizeMax = 64
    /// How long a request may wait for company while a worker is idle, in nanoseconds. 0 never waits.
    public var queueDelayNanoseconds: UInt64 = 0
    /// How long a request may take from its parsing to its answer when it does not say itself, in
    /// nanoseconds.
    public var timeoutNanoseconds: UInt64
    /// The most a request may ask for.
    public var timeoutNanosecondsMax: UInt64
    /// The share of the workers when several models want them: twice the weight, twice the time.
    public var weight = 1.0
    /// How rows of different lengths are brought to one shape, if they are.
    public var padding: PaddingRule?
    /// Requests of this model that may wait for the compute pool.
    public var queueItemsMax: Int
    /// Input bytes of this model that may wait.
    public var queueBytesMax: Int

    public init(limits: Limits = .standard) {
        queueItemsMax = limits.queueItemsMax
        queueBytesMax = limits.queueBytesMax
        timeoutNanoseconds = UInt64(limits.requestMilliseconds) * 1_000_000
        timeoutNanosecondsMax = UInt64(limits.requestMillisecondsMax) * 1_000_000
    }

    /// Takes the members of `batching`. Throws the key that is unknown or has no good value.
    mutating func apply(
        batching value: JSONValue, _ place: ModelConfiguration.Place
    ) throws(ConfigurationError) {
        for setting in try ModelConfiguration.members(value, place) {
            let inner = place.inside(setting.key)
            switch setting.key {
            case "max_batch_size":
                batchSizeMax = try ModelConfiguration.count(setting.value, 1...65_536, inner)
            case "max_queue_delay_ms":
                let delay = try Self.number(setting.value, 0...10_000, inner)
                queueDelayNanoseconds = UInt64(delay * 1e6)
            case "timeout_ms":
                let longest = Double(timeoutNanosecondsMax) / 1e6
                let timeout = try Self.number(setting.value, 1...longest, inner)
                timeoutNanoseconds = UInt64(timeout * 1e6)
            case "weight": weight = try Self.number(setting.value, 0.01...100, inner)
            case "padding": padding = try PaddingRule(setting.value, inner)
            default:
                throw inner.error(
                    "unknown key; known here: max_batch_size, max_queue_delay_ms, timeout_ms, "
                        + "weight, padding")
            }
        }
    }

    /// Takes the members of `limits`.
    mutating func apply(
        limits value: JSONValue, _ place: ModelConfiguration.Place
    ) throws(ConfigurationError) {
        for setting in try ModelConfiguration.members(value, place) {
            let inner = place.inside(setting.key)
            switch setting.key {
            case "queue_items":
                queueItemsMax = try ModelConfiguration.count(setting.value, 1...1_000_000, inner)
            case "queue_bytes":
                queueBytesMax = try ModelConfiguration.count(setting.value, 1...(1 << 40), inner)
            default: throw inner.error("unknown key; known here: queue_items, queue_bytes")
            }
        }
    }

    private static func number(
        _ value: JSONValue, _ range: ClosedRange<Double>, _ place: ModelConfiguration.Place
    ) throws(ConfigurationError) -> Double {
        guard let number = value.number, range.contains(number) else {
            throw place.error("expected a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}
