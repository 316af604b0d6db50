import Primitives

/// A rewriting of a graph that leaves its answers as they are, within rounding. Each can be left out.
public enum Pass: String, CaseIterable, Sendable {
    /// Computes on bytes what stands between DequantizeLinear and QuantizeLinear.
    case fuseQuantized = "fuse-quantized"
    /// Computes what depends on constants only.
    case foldConstants = "fold-constants"
    /// Takes out Identity, Dropout without mask, and Cast to the type there is.
    case removeIdentities = "remove-identities"
    /// Computes once what several nodes compute.
    case mergeCommonNodes = "merge-common"
    /// Two transposes behind each other become one or none; a Reshape skips an earlier one.
    case removeTransposes = "remove-transposes"
    /// BatchNormalization behind a convolution goes into its filters.
    case fuseBatchNormalizations = "fuse-batch-norm"
    /// The GELU that exporters write with erf or tanh becomes one function.
    case fuseGelu = "fuse-gelu"
    /// x · σ(x) becomes Swish (SiLU), x · HardSigmoid(x) HardSwish.
    case fuseSwish = "fuse-swish"
    /// The parts of a layer normalisation become one function.
    case fuseNormalizations = "fuse-layer-norm"
    /// Scaled dot products, mask, softmax and the product with the values become one function.
    case fuseAttention = "fuse-attention"
    /// The sum of a convolution and an image of its shape becomes part of the convolution.
    case fuseResiduals = "fuse-residual"
    /// MatMul (+ Add) and Gemm with constant weights become one layer.
    case fuseLinear = "fuse-linear"
    /// Relu, Sigmoid or Tanh behind a layer, and Relu behind a convolution, become part of it.
    case fuseActivations = "fuse-activations"
    /// Convolutions and what stands between them are computed with the channels last. (Models that were
    /// exported so already lose their own transposes: `removeTransposes`, if chosen, goes again.)
    case layOutChannelsLast = "channels-last"
    /// Drops nodes whose results nobody reads.
    case removeDeadNodes = "remove-dead"

    /// The passes that a list means: `all`, `none`, or `-name` for all but some, `name` for only some.
    /// nil when a name is not known.
    public static func set(_ list: String) -> Set<Pass>? {
        let words = list.split(separator: ",").map(String.init)
        guard let first = words.first else { return nil }
        var result: Set<Pass> = first.hasPrefix("-") ? Set(allCases) : []
        for word in words {
            switch word {
            case "all": result = Set(allCases)
            case "none": result = []
            default:
                let isLeftOut = word.hasPrefix("-")
                guard let pass = Pass(rawValue: isLeftOut ? String(word.dropFirst()) : word) else {
                    return nil
                }
                if isLeftOut { result.remove(pass) } else { result.insert(pass) }
            }
        }
        return result
    }

    /// Runs the chosen passes in their order. Maps always go first, as inputs and as outputs: nothing
    /// else can make them into tensors.
    /// - Returns: each pass that ran, with how many nodes fewer it left.
    static func run(
        _ passes: Set<Pass>, on graph: inout Graph, limits: Limits
    ) throws(GraphError) -> [(pass: Pass, removed: Int)] {
        var effects: [(pass: Pass, removed: Int)] = []
        graph.removeZipMaps()
        try MapInputs.open(&graph, limits)
        graph.findClassLabels()
        for pass in allCases where passes.contains(pass) {
            let before = graph.nodes.count
            switch pass {
            case .fuseQuantized: try graph.fuseQuantized(limits)
            case .foldConstants: try graph.foldConstants(limits)
            case .removeIdentities: graph.removeIdentities()
            case .mergeCommonNodes: graph.mergeCommonNodes()
            case .removeTransposes: graph.removeTransposes()
            case .fuseBatchNormalizations: graph.fuseBatchNormalizations()
            case .fuseGelu: graph.fuseGelu()
            case .fuseSwish: graph.fuseSwish()
            case .fuseNormalizations: graph.fuseNormalizations()
            case .fuseAttention: graph.fuseAttention()
            case .fuseResiduals: graph.fuseResiduals()
            case .fuseLinear: graph.fuseLinear()
            case .fuseActivations: graph.fuseActivations()
            case .layOutChannelsLast:
                graph.layOutChannelsLast()
                if passes.contains(.removeTransposes) { graph.removeTransposes() }
            case .removeDeadNodes: graph.removeDeadNodes()
            }
            effects.append((pass, before - graph.nodes.count))
        }
        return effects
    }
}

extension Graph {
    /// Makes every reader of a value read another.
    mutating func replace(_ old: ValueID, by new: ValueID) {
        for index in nodes.indices {
            for position in nodes[index].inputs.indices where nodes[index].inputs[position] == old {
                nodes[index].inputs[position] = new
            }
        }
    }

    /// Drops the nodes at these indices.
    mutating func removeNodes(_ dropped: Set<Int>) {
        guard !dropped.isEmpty else { return }
        nodes = nodes.indices.filter { !dropped.contains($0) }.map { nodes[$0] }
    }
}
