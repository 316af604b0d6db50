import CoreMetrics
import Synchronization

/// What a metric of a Swift model is on the page.
enum CustomKind: Sendable {
    case counter, gauge, summary, timer

    var typeName: StaticString {
        switch self {
        case .counter: "counter"
        case .gauge: "gauge"
        case .summary: "summary"
        case .timer: "histogram"
        }
    }

    /// The family's name: what a name may be, with the unit or `_total` that its kind has, and
    /// never one of ours.
    func exposedName(_ label: String) -> String {
        var name = CustomName.valid(label)
        if name.hasPrefix("martlet_") || name.hasPrefix("process_") { name = "custom_" + name }
        switch self {
        case .counter: return name.hasSuffix("_total") ? name : name + "_total"
        case .timer: return name.hasSuffix("_seconds") ? name : name + "_seconds"
        case .gauge, .summary: return name
        }
    }

    /// The names of its family and samples, of which none may be another family's.
    func sampleNames(_ name: String) -> Set<String> {
        switch self {
        case .counter: [name, String(name.dropLast(6))]
        case .gauge: [name]
        case .summary: [name, name + "_sum", name + "_count"]
        case .timer: [name, name + "_sum", name + "_count", name + "_bucket"]
        }
    }
}

/// Names as Prometheus takes them.
enum CustomName {
    /// A metric's name (`[a-zA-Z_:][a-zA-Z0-9_:]*`): other characters become underscores.
    static func valid(_ text: String) -> String { valid(text, colons: true) }

    /// `{a="…",b="…"}` without the braces, in the order they were given; a label that comes twice
    /// counts once.
    static func labels(_ dimensions: [(String, String)]) -> String {
        var names: Set<String> = []
        var text = ""
        for (key, value) in dimensions {
            var name = valid(key, colons: false)
            // These have a meaning of their own.
            if name == "le" || name == "quantile" || name.hasPrefix("__") {
                name = "custom_" + name
            }
            guard names.insert(name).inserted else { continue }
            if !text.isEmpty { text += "," }
            text += "\(name)=\"\(MetricsPage.escaped(value))\""
        }
        return text
    }

    private static func valid(_ text: String, colons: Bool) -> String {
        var result = ""
        for scalar in text.unicodeScalars.prefix(256) {
            switch scalar {
            case "a"..."z", "A"..."Z", "_": result.unicodeScalars.append(scalar)
            case ":" where colons: result.unicodeScalars.append(scalar)
            case "0"..."9":
                if result.isEmpty { result = "_" }
                result.unicodeScalars.append(scalar)
            default: result += "_"
            }
        }
        return result.isEmpty ? "_" : result
    }
}

/// One series of a Swift model. Any thread writes it; a call costs an uncontended lock.
final class CustomSeries: CounterHandler, FloatingPointCounterHandler, MeterHandler,
    RecorderHandler, TimerHandler
{
    struct Value {
        var number = 0.0
        /// How many values were recorded, and their sum.
        var count: UInt64 = 0
        var sum = 0.0
        /// A timer's buckets, `+Inf` last, not yet added up.
        var buckets: [UInt64] = []
    }

    let labels: String
    private let kind: CustomKind
    private let state: Mutex<Value>

    init(kind: CustomKind, labels: String) {
        self.kind = kind
        self.labels = labels
        let buckets = kind == .timer ? HistogramBounds.latency.values.count + 1 : 0
        state = Mutex(Value(buckets: Array(repeating: 0, count: buckets)))
    }

    var value: Value { state.withLock { $0 } }

    // MARK: Counters and meters

    func increment(by amount: Int64) { increment(by: Double(amount)) }

    /// A counter only grows; what is no number is passed over.
    func increment(by amount: Double) {
        guard amount.isFinite, kind != .counter || amount > 0 else { return }
        state.withLock { $0.number += amount }
    }

    func decrement(by amount: Double) { increment(by: -amount) }

    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { state.withLock { $0.number = value } }

    /// swift-metrics asks a counter to begin at 0 again, which Prometheus takes for a restart.
    func reset() { set(0.0) }

    // MARK: Recorders and timers

    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        guard kind == .summary else {
            set(value)
            return
        }
        guard value.isFinite else { return }
        state.withLock {
            $0.count += 1
            $0.sum += value
        }
    }

    func recordNanoseconds(_ duration: Int64) {
        let nanoseconds = UInt64(max(duration, 0))
        state.withLock {
            $0.buckets[HistogramBounds.latency.bucket(of: nanoseconds)] += 1
            $0.count += 1
            $0.sum += Double(nanoseconds) / 1e9
        }
    }
}
