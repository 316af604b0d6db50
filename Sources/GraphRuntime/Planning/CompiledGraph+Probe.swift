import Primitives

extension CompiledGraph {
    /// Types and shapes of the outputs for inputs of these shapes: from a plan, or, where shapes
    /// depend on values, from a run on zeros.
    public func outputInfos(inputShapes: [[Int]]) throws(GraphError) -> [ValueInfo] {
        if !isEager {
            do throws(GraphError) {
                return try plan(inputShapes: inputShapes).outputs
            } catch {
                guard error.kind == .values else { throw error }
            }
        }
        var inputs: [RuntimeValue] = []
        for (id, shape) in zip(graph.inputs, inputShapes) {
            guard let dataType = graph[id].dataType, graph[id].kind == .tensor else {
                throw GraphError("the input '\(graph[id].name)' is no tensor", kind: .values)
            }
            guard let count = Shape.elementCount(shape, max: 1 << 24) else {
                throw GraphError("an input of \(Shape.text(shape)) is too large to try")
            }
            inputs.append(
                .tensor(
                    dataType == .string
                        ? Tensor(shape: shape, strings: Array(repeating: "", count: count))
                        : Tensor(dataType: dataType, shape: shape)))
        }
        var infos: [ValueInfo] = []
        for (id, value) in zip(graph.outputs, try evaluateEagerly(inputs)) {
            guard case .tensor(let tensor) = value else {
                throw GraphError(
                    "the output '\(graph[id].name)' is \(value.kindName)", kind: .values)
            }
            infos.append(ValueInfo(tensor.dataType, tensor.shape))
        }
        return infos
    }

    /// Whether a plan for inputs of these shapes can be made at all.
    public func needsValues(inputShapes: [[Int]]) -> Bool {
        if isEager { return true }
        do throws(GraphError) {
            _ = try plan(inputShapes: inputShapes)
            return false
        } catch {
            return error.kind == .values
        }
    }
}
