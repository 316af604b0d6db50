import Primitives

/// One named input or output of a model.
public struct TensorSpec: Sendable, Equatable {
    public let name: String
    public let dataType: DataType
    /// The full shape; -1 stands for a dimension known only at run time. In a batchable model the
    /// first dimension is the batch.
    public let shape: [Int]
    /// What the elements of a row are called, where the model says it: rows may then come as
    /// objects with these keys.
    public let features: FeatureList?

    public init(
        _ name: String, _ dataType: DataType, _ shape: [Int], features: FeatureList? = nil
    ) {
        self.name = name
        self.dataType = dataType
        self.shape = shape
        self.features = features
    }

    /// The shape of one row: everything after the batch dimension.
    public var rowShape: [Int] { Array(shape.dropFirst()) }
}

/// How a model sees the first dimension of its inputs.
public enum BatchDimension: Sendable, Equatable {
    /// Any number of rows: requests may be gathered.
    case dynamic
    /// Exactly this many rows a run.
    case fixed(Int)
    /// No batch dimension at all: each run takes whole tensors, kept as a single row.
    case none
}

/// What a model takes and gives.
public struct Signature: Sendable, Equatable {
    public let inputs: [TensorSpec]
    public let outputs: [TensorSpec]
    public let batchDimension: BatchDimension

    /// The batch dimension is read off the shapes when it is not given: dynamic when every input
    /// and output starts with -1.
    public init(
        inputs: [TensorSpec], outputs: [TensorSpec], batchDimension: BatchDimension? = nil
    ) {
        self.inputs = inputs
        self.outputs = outputs
        self.batchDimension = batchDimension ?? Self.inferBatchDimension(inputs + outputs)
    }

    private static func inferBatchDimension(_ specs: [TensorSpec]) -> BatchDimension {
        guard let first = specs.first?.shape.first else { return .none }
        guard specs.allSatisfy({ $0.shape.first == first }) else { return .none }
        return first == -1 ? .dynamic : .fixed(first)
    }

    /// The row shape a batch of this model holds for a spec: without the batch dimension, or the
    /// whole shape where there is none.
    public func rowShape(of spec: TensorSpec) -> [Int] {
        batchDimension == .none ? spec.shape : spec.rowShape
    }
}
