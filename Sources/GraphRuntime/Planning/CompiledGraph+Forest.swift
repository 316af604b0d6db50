import Kernels
import Primitives

/// What a graph's trees can be asked for beside its outputs.
public enum GraphForest: Sendable {
    /// The graph has no tree ensemble.
    case none
    /// It has, but not one that reads the columns of the graph's only input; why.
    case refused(String)
    /// One ensemble that reads the graph's only input, each value as it is given (or cast).
    case found(Forest)
}

extension CompiledGraph {
    /// The graph's tree ensemble, if there is one and its features are the columns of the input.
    /// - Cost: a float64 ensemble is laid out when it is first asked for.
    public func findForest() throws(GraphError) -> GraphForest {
        let places = operators.indices.filter { forestOperator($0) != nil }
        guard let place = places.first, let ensemble = forestOperator(place) else { return .none }
        let node = graph.nodes[place]
        guard places.count == 1 else {
            return .refused(
                "it has \(places.count) tree ensembles, whose scores are no sum of trees")
        }
        guard graph.inputs.count == 1, let input = graph.inputs.first, input.index >= 0,
            var type = graph[input].dataType, var value = node.inputs.first ?? nil
        else { return .refused("its trees do not read one input of the model alone") }
        // From the ensemble up to the input, through what leaves columns as they are.
        let producers = graph.producers()
        var cast: DataType?
        while value != input {
            guard let index = producers[value.index] else {
                return .refused("its trees do not read the model's input")
            }
            let producer = graph.nodes[index]
            switch producer.operatorName.description {
            case "Identity": break
            case "Cast":
                if cast == nil, case .int(let code)? = producer.attributes["to"] {
                    cast = CastOperator.dataType(code)
                }
            case let name:
                return .refused(
                    "its trees do not read the model's input but what \(name) makes of it")
            }
            guard let next = producer.inputs.first ?? nil else {
                return .refused("its trees do not read the model's input")
            }
            value = next
        }
        type = cast ?? type
        guard FloatInput.types.contains(type) else {
            return .refused("its trees read \(type.name), which contributions are not made for")
        }
        do throws(OperatorFailure) {
            return .found(try ensemble.forest(for: type))
        } catch {
            throw GraphError(error.reason, at: node)
        }
    }

    /// The operator of a node as a forest, if it is one.
    private func forestOperator(_ index: Int) -> (any ForestOperator)? {
        let made = operators[index]
        let inner = (made as? HalfOperator)?.inner ?? made
        return inner as? any ForestOperator
    }
}
