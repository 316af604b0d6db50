import Primitives

/// A rewriting of a graph that leaves its answers as they are. Each can be left out.
public enum Pass: String, CaseIterable, Sendable {
    /// Computes what depends on constants only.
    case foldConstants
    /// Takes out Identity, Dropout without mask, and Cast to the type there is.
    case removeIdentities
    /// BatchNormalization behind a convolution goes into its filters.
    case fuseBatchNormalizations
    /// The GELU that exporters write with erf becomes one function.
    case fuseGelu
    /// MatMul (+ Add) and Gemm with constant weights become one layer.
    case fuseLinear
    /// Relu, Sigmoid or Tanh behind a layer, and Relu behind a convolution, become part of it.
    case fuseActivations
    /// Convolutions and what stands between them are computed with the channels last.
    case layOutChannelsLast
    /// Drops nodes whose results nobody reads.
    case removeDeadNodes

    /// Runs the chosen passes in their order. ZipMap always goes first: nothing else can make its
    /// maps into tensors.
    static func run(_ passes: Set<Pass>, on graph: inout Graph, limits: Limits) throws(GraphError) {
        graph.removeZipMaps()
        graph.findClassLabels()
        for pass in allCases where passes.contains(pass) {
            switch pass {
            case .foldConstants: try graph.foldConstants(limits)
            case .removeIdentities: graph.removeIdentities()
            case .fuseBatchNormalizations: graph.fuseBatchNormalizations()
            case .fuseGelu: graph.fuseGelu()
            case .fuseLinear: graph.fuseLinear()
            case .fuseActivations: graph.fuseActivations()
            case .layOutChannelsLast: graph.layOutChannelsLast()
            case .removeDeadNodes: graph.removeDeadNodes()
            }
        }
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
