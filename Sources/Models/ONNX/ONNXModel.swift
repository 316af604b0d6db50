import GraphRuntime
import Primitives

/// A model from an ONNX file: `models/<name>/<version>/model.onnx`.
///
/// Loaded once; `predict` then runs on any number of threads, each in its own workspace, with the
/// batch's memory bound directly as inputs and outputs. After the first batch of a size, a
/// prediction allocates nothing.
public final class ONNXModel: Model {
    public let signature: Signature
    /// The labels of a classifier's classes in the order of its probabilities, if the file names
    /// them.
    public let classLabels: [String]
    /// What its tree ensemble can be asked for, when it has one that reads its input.
    public let views: [ModelView]
    public let unexplained: String?
    /// What the file holds, for `inspect`.
    public let compiled: CompiledGraph
    let plans: PlanCache
    let workspaces = WorkspacePool()
    /// Rows computed at once: as many as keep the intermediate values in the cache. Larger batches
    /// are computed in blocks; that changes no answer.
    let blockRows: Int

    /// Whether calls run node by node, since shapes alone do not tell what the graph makes.
    let isEager: Bool

    /// The most rows that are computed at once.
    public var rowsPerBlock: Int { blockRows }

    /// Larger batches are computed in blocks: each size up to a block has its plan.
    public var plannedRows: Int { signature.batchDimension == .dynamic ? blockRows : 1 }

    public convenience init(
        artifact: Artifact, context: LoadContext
    ) throws(ModelLoadError) {
        try self.init(path: artifact.path, passes: context.passes)
    }

    /// - Parameter passes: graph rewritings to run; all of them give the same answers.
    public convenience init(
        path: String, passes: Set<Pass> = Set(Pass.allCases), limits: Limits = .standard
    ) throws(ModelLoadError) {
        let graph = try ONNXReader.read(path: path, limits: limits)
        try self.init(graph, path: path, passes: passes, limits: limits)
    }

    /// A model from a graph that is in memory; `path` is for messages only.
    public init(
        _ graph: Graph, path: String, passes: Set<Pass> = Set(Pass.allCases),
        limits: Limits = .standard
    ) throws(ModelLoadError) {
        do throws(GraphError) {
            compiled = try CompiledGraph(graph, passes: passes, limits: limits)
            let probe = try SignatureProbe(compiled)
            signature = probe.signature
            blockRows = probe.blockRows
            isEager = probe.isEager
            (views, unexplained) = try Self.forestViews(compiled, probe.signature)
        } catch {
            throw ModelLoadError(path: path, place: error.place, reason: error.reason)
        }
        classLabels =
            switch compiled.graph.classLabels {
            case .integers(let labels)?: labels.map(String.init)
            case .strings(let labels)?: labels
            case nil: []
            }
        plans = PlanCache(compiled, countMax: max(blockRows, 16))
    }

    // MARK: Figures

    /// Bytes of intermediate values for a batch; 0 where the values decide.
    public func arenaByteCount(rows: Int) throws(GraphError) -> Int {
        if isEager { return 0 }
        return try compiled.plan(inputShapes: shapes(rows: min(rows, blockRows))).arenaByteCount
    }

    /// Floating-point operations a row costs; 0 where the values decide.
    public func operationsPerRow() throws(GraphError) -> Double {
        if isEager { return 0 }
        let rows = signature.batchDimension == .dynamic ? blockRows : 1
        let plan = try compiled.plan(inputShapes: shapes(rows: rows))
        return Double(plan.operationCount) / Double(max(rows, 1))
    }

    /// Shapes of the inputs of a batch; a size that only a request knows counts as 8.
    public func shapes(rows: Int) -> [[Int]] {
        signature.inputs.map { spec in
            var shape = spec.shape.map { $0 < 0 ? 8 : $0 }
            if signature.batchDimension == .dynamic { shape[0] = rows }
            return shape
        }
    }
}
