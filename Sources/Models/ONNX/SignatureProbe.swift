import GraphRuntime
import Primitives

/// Finds out what a graph takes and gives, which dimension is the batch, and how many rows to
/// compute at once.
///
/// Output shapes are not taken from the file, which may say nothing or something else: the graph is
/// planned for 2 and for 3 rows, and the sizes that change with them are the batch.
struct SignatureProbe {
    let signature: Signature
    let blockRows: Int
    /// Whether no plan can be made for the graph.
    let isEager: Bool

    init(_ compiled: CompiledGraph) throws(GraphError) {
        let inputs = try compiled.inputSpecs()
        isEager = compiled.needsValues(inputShapes: Self.shapes(compiled, inputs, 2, 8))
        guard let first = inputs.first?.shape.first, Self.haveCommonRows(compiled, inputs) else {
            let outputs = try Self.outputs(compiled, inputs, rows: nil)
            signature = Signature(
                inputs: inputs, outputs: outputs, batchDimension: BatchDimension.none)
            blockRows = 1
            return
        }
        let outputs = try Self.outputs(compiled, inputs, rows: first)
        let isBatch = outputs.allSatisfy { $0.shape.first == first }
        if isBatch, first >= 0 {
            signature = Signature(inputs: inputs, outputs: outputs, batchDimension: .fixed(first))
            blockRows = max(first, 1)
        } else if isBatch, RowProbe.areRowsIndependent(compiled, inputs) {
            signature = Signature(inputs: inputs, outputs: outputs, batchDimension: .dynamic)
            blockRows = Self.blockRows(compiled, inputs)
        } else {
            signature = Signature(
                inputs: inputs, outputs: outputs, batchDimension: BatchDimension.none)
            blockRows = 1
        }
    }

    /// Whether all inputs have the same first dimension: equal sizes, or names that do not differ.
    private static func haveCommonRows(_ compiled: CompiledGraph, _ inputs: [TensorSpec]) -> Bool {
        var names: Set<String> = []
        for id in compiled.graph.inputs {
            guard let dimension = compiled.graph[id].shape?.first else { return false }
            if case .symbol(let name) = dimension { names.insert(name) }
        }
        let sizes = Set(inputs.map { $0.shape.first ?? 0 })
        return sizes.count == 1 && names.count <= 1
    }

    /// The outputs, with -1 for each size that is not always the same.
    private static func outputs(
        _ compiled: CompiledGraph, _ inputs: [TensorSpec], rows: Int?
    ) throws(GraphError) -> [TensorSpec] {
        let isDynamic = rows == -1
        let hasOpenSizes = inputs.contains { $0.shape.dropFirst(isDynamic ? 1 : 0).contains(-1) }
        do throws(GraphError) {
            var plans: [[ValueInfo]] = []
            plans.append(try compiled.outputInfos(inputShapes: shapes(compiled, inputs, 2, 8)))
            if isDynamic {
                plans.append(try compiled.outputInfos(inputShapes: shapes(compiled, inputs, 3, 8)))
            }
            if hasOpenSizes {
                plans.append(try compiled.outputInfos(inputShapes: shapes(compiled, inputs, 2, 9)))
            }
            return compiled.graph.outputs.indices.map { index in
                merge(compiled.graph[compiled.graph.outputs[index]].name, plans, index)
            }
        } catch {
            // Free sizes may be tied to each other; then the file's own words must do.
            // Zeros, too, may be no possible values.
            let isEager = compiled.needsValues(inputShapes: shapes(compiled, inputs, 2, 8))
            guard hasOpenSizes || isEager, let declared = compiled.declaredOutputs() else {
                throw error
            }
            return declared
        }
    }

    private static func merge(_ name: String, _ plans: [[ValueInfo]], _ index: Int) -> TensorSpec {
        var shape = plans[0][index].shape
        for plan in plans.dropFirst() {
            let other = plan[index].shape
            guard other.count == shape.count else { continue }
            for dimension in shape.indices where shape[dimension] != other[dimension] {
                shape[dimension] = -1
            }
        }
        return TensorSpec(name, plans[0][index].dataType, shape)
    }

    /// Input shapes with this many rows, and another size for all other open dimensions.
    static func shapes(
        _ compiled: CompiledGraph, _ inputs: [TensorSpec], _ rows: Int, _ size: Int
    ) -> [[Int]] {
        inputs.map { spec in
            spec.shape.indices.map { index in
                spec.shape[index] >= 0 ? spec.shape[index] : index == 0 ? rows : size
            }
        }
    }

    /// Rows whose intermediate values take about 512 KiB, between 32 and 256. Where 32 rows leave the
    /// cache, as few as stay in it, unless reading the weights again for each block costs more.
    private static func blockRows(_ compiled: CompiledGraph, _ inputs: [TensorSpec]) -> Int {
        guard let plan = try? compiled.plan(inputShapes: shapes(compiled, inputs, 32, 8)) else {
            return 32
        }
        let bytesPerRow = max(plan.arenaByteCount / 32, 1)
        let cached = max(cacheBytes, compiled.parameterByteCount) / bytesPerRow
        if cached < 32 { return max(cached, 1) }
        return min(max((512 << 10) / bytesPerRow, 32), 256)
    }

    /// The part of a third-level cache that one run may hope for.
    private static let cacheBytes = 8 << 20
}

extension CompiledGraph {
    /// The inputs as the file declares them, -1 for sizes only a request knows.
    func inputSpecs() throws(GraphError) -> [TensorSpec] {
        var specs: [TensorSpec] = []
        for id in graph.inputs {
            let value = graph[id]
            guard let dataType = value.dataType, let shape = value.shape else {
                throw GraphError("the input '\(value.name)' has no type or shape")
            }
            let features =
                value.columnNames.isEmpty
                ? nil : FeatureList(names: value.columnNames, missing: 0)
            specs.append(TensorSpec(value.name, dataType, shape.map(\.size), features: features))
        }
        return specs
    }

    /// The outputs as the file declares them, nil when it leaves one open.
    func declaredOutputs() -> [TensorSpec]? {
        var specs: [TensorSpec] = []
        for id in graph.outputs {
            guard let dataType = graph[id].dataType, let shape = graph[id].shape else { return nil }
            specs.append(TensorSpec(graph[id].name, dataType, shape.map(\.size)))
        }
        return specs
    }
}

extension Dimension {
    /// The size, or -1 when only a request knows it.
    fileprivate var size: Int {
        switch self {
        case .fixed(let size): size
        case .symbol, .unknown: -1
        }
    }
}
