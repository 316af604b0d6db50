import Models
import Primitives
import Synchronization
import Telemetry

/// A model version that is loaded and may be asked for predictions.
public final class ModelVersion: Sendable {
    public let name: String
    public let version: String
    /// Dense, and unique among the versions that somebody holds: what loops index their state by. It
    /// is given to another version when nobody holds this one any more.
    public let index: Int
    public let model: any Model
    public let signature: Signature
    public let configuration: ModelConfiguration
    public let metrics: ModelMetrics
    /// Whether every row shape is known before a request is seen.
    public let hasStaticRows: Bool
    /// What a run costs, by the size of its rows.
    public let latency: LatencyTable
    private let retired = Atomic<Bool>(false)
    /// What else the model can be asked for, each as a version of its own: rows asked for it are
    /// batched apart.
    public let views: [View]

    public struct View: Sendable {
        public let question: ModelView.Question
        public let name: String
        public let version: ModelVersion
    }

    public init(
        name: String, version: String, index: Int, model: any Model,
        configuration: ModelConfiguration, metrics: ModelMetrics, views: [View] = []
    ) {
        self.views = views
        self.name = name
        self.version = version
        self.index = index
        self.model = model
        signature = model.signature
        self.configuration = configuration
        self.metrics = metrics
        hasStaticRows = model.signature.inputs.allSatisfy { spec in
            model.signature.rowShape(of: spec).allSatisfy { $0 >= 0 }
        }
        latency = LatencyTable(hasStaticRows: hasStaticRows)
    }

    /// The bucket of `latency` for rows of these shapes.
    func latencyBucket(_ rowShapes: [[Int]]) -> Int {
        var elements = 0
        for shape in rowShapes {
            let count = shape.reduce(1) {
                $0.multipliedReportingOverflow(by: max($1, 1)).partialValue
            }
            elements = elements.addingReportingOverflow(count).partialValue
        }
        return latency.bucket(elementsPerRow: max(elements, 1))
    }

    /// No new request gets it. Whoever keeps something of it for reuse lets go of that, so that the
    /// loader can free it.
    public var isRetired: Bool { retired.load(ordering: .relaxed) }

    func retire() {
        retired.store(true, ordering: .relaxed)
        for view in views { view.version.retire() }
    }

    /// Rows of one run: the configured maximum, or what the model's fixed batch dimension demands.
    public var chunkRows: Int {
        switch signature.batchDimension {
        case .dynamic: configuration.batching.batchSizeMax
        case .fixed(let rows): rows
        case .none: 1
        }
    }

    /// Columns for the inputs, with concrete row shapes.
    func makeInputs(rowShapes: [[Int]], rowCapacity: Int) -> [TensorColumn] {
        zip(signature.inputs, rowShapes).map {
            TensorColumn(spec: $0, rowShape: $1, rowCapacity: rowCapacity)
        }
    }

    /// Columns for the outputs. Unknown dimensions start at 1 and are settled by the model.
    func makeOutputs(rowCapacity: Int) -> [TensorColumn] {
        signature.outputs.map { spec in
            let rowShape = signature.rowShape(of: spec).map { max($0, 0) == $0 ? $0 : 1 }
            return TensorColumn(spec: spec, rowShape: rowShape, rowCapacity: rowCapacity)
        }
    }
}
