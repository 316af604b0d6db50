import CoreMetrics
import Primitives
import Synchronization

/// The back end of swift-metrics: what a Swift model counts and measures with `Counter`, `Gauge`,
/// `Timer` and `Recorder` stands on the metrics page.
///
/// A series is made once for a label and its dimensions and never goes. There are at most
/// `Limits.customSeriesMax`: labels that depend on what clients send would otherwise grow for ever.
/// What finds no room, or whose name belongs to another kind of metric, is counted and goes
/// nowhere.
public final class CustomMetrics: MetricsFactory {
    struct Family {
        let name: String
        let kind: CustomKind
        var series: [CustomSeries]
    }

    private struct State {
        var families: [Family] = []
        var seriesCount = 0
        /// Every name a sample of a family may have.
        var takenNames: Set<String> = []
        var refused: UInt64 = 0
    }

    /// What `MetricsSystem` is given when the server starts, and what its page shows.
    public static let shared = CustomMetrics()

    private let seriesMax: Int
    private let state = Mutex(State())

    public init(limits: Limits = .standard) { seriesMax = limits.customSeriesMax }

    /// Makes every metric of the process end on the page. Once a process; swift-metrics ends the
    /// process when it was told so before.
    public static func bootstrap() { MetricsSystem.bootstrap(shared) }

    var families: [Family] { state.withLock { $0.families } }
    var refusedCount: UInt64 { state.withLock { $0.refused } }

    // MARK: MetricsFactory

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(.counter, label, dimensions)
    }

    public func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        series(.counter, label, dimensions)
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(.gauge, label, dimensions)
    }

    public func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        series(aggregate ? .summary : .gauge, label, dimensions)
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        series(.timer, label, dimensions)
    }

    // A series that ended would make its counter fall: it stays.
    public func destroyCounter(_ handler: any CounterHandler) {}
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    public func destroyMeter(_ handler: any MeterHandler) {}
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    public func destroyTimer(_ handler: any TimerHandler) {}

    // MARK: Series

    private func series(
        _ kind: CustomKind, _ label: String, _ dimensions: [(String, String)]
    ) -> CustomSeries {
        let name = kind.exposedName(label)
        let labels = CustomName.labels(dimensions)
        return state.withLock { state in
            let index = state.families.firstIndex { $0.name == name && $0.kind == kind }
            if let index,
                let known = state.families[index].series.first(where: { $0.labels == labels })
            {
                return known
            }
            let series = CustomSeries(kind: kind, labels: labels)
            let names = kind.sampleNames(name)
            guard state.seriesCount < seriesMax,
                index != nil || state.takenNames.isDisjoint(with: names)
            else {
                state.refused += 1
                return series
            }
            state.seriesCount += 1
            if let index {
                state.families[index].series.append(series)
            } else {
                state.takenNames.formUnion(names)
                state.families.append(Family(name: name, kind: kind, series: [series]))
            }
            return series
        }
    }
}
