import Models
import Primitives
import Telemetry

/// A model version that is loaded and may be asked for predictions.
public final class ModelVersion: Sendable {
    public let name: String
    public let version: String
    /// Unique in the process and dense: what loops index their state by.
    public let index: Int
    public let model: any Model
    public let signature: Signature
    public let configuration: ModelConfiguration
    public let metrics: ModelMetrics
    public let latency = LatencyFit()
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
    }

    /// Rows of one run: the configured maximum, or what the model's fixed batch dimension demands.
    public var chunkRows: Int {
        switch signature.batchDimension {
        case .dynamic: configuration.batchSizeMax
        case .fixed(let rows): rows
        case .none: 1
        }
    }

    /// Whether every row shape is known before a request is seen.
    public var hasStaticRows: Bool {
        signature.inputs.allSatisfy { spec in
            signature.rowShape(of: spec).allSatisfy { $0 >= 0 }
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
