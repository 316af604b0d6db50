import GraphRuntime
import Primitives

// Models whose shapes depend on values, or with control flow: each call runs node by node on tensors of
// its own. It allocates; everything else is as with plans.
extension ONNXModel {
    func predictEagerly(
        _ batch: borrowing TensorBatch, into results: inout TensorBatch
    ) throws(PredictionError) {
        let hasRows = signature.batchDimension != .none
        var inputs: [Tensor] = []
        for index in batch.columns.indices {
            let column = batch.columns[index]
            let shape = (hasRows ? [batch.rowCount] : []) + column.rowShape
            inputs.append(Self.tensor(column, shape, start: batch.rowStart))
        }
        let outputs: [Tensor]
        do throws(GraphError) {
            outputs = try compiled.evaluate(tensors: inputs)
        } catch {
            let isInput = error.kind == .input
            throw PredictionError(isInput ? .badInput : .failed, error.description)
        }
        for (index, tensor) in outputs.enumerated() {
            let column = results.columns[index]
            let rowShape = Array(tensor.shape.dropFirst(hasRows ? 1 : 0))
            guard tensor.dataType == column.spec.dataType,
                !hasRows || tensor.shape.first == batch.rowCount
            else {
                throw PredictionError(
                    .failed, "the output '\(column.spec.name)' has another type or number of rows")
            }
            if column.rowShape != rowShape {
                guard results.rowStart == 0 else {
                    throw PredictionError(.failed, "an output changes its shape inside a batch")
                }
                results.reshape(index, rowShape: rowShape)
            }
            Self.write(tensor, to: results.columns[index], start: results.rowStart)
        }
    }

    private static func tensor(_ column: TensorColumn, _ shape: [Int], start: Int) -> Tensor {
        let first = start * column.elementsPerRow
        let count = shape.reduce(1, *)
        if column.spec.dataType == .string {
            return Tensor(shape: shape, strings: Array(column.strings[first..<first + count]))
        }
        let width = column.spec.dataType.byteCount
        let memory = AlignedMemory(byteCount: count * width)
        memory.copy(
            from: column.memory, sourceOffset: first * width, to: 0, byteCount: count * width)
        return Tensor(dataType: column.spec.dataType, shape: shape, memory: memory)
    }

    private static func write(_ tensor: Tensor, to column: TensorColumn, start: Int) {
        let first = start * column.elementsPerRow
        guard let memory = tensor.memory else {
            for (index, text) in tensor.strings.enumerated() {
                column.strings[first + index] = text
            }
            return
        }
        let width = tensor.dataType.byteCount
        column.memory.copy(
            from: memory, sourceOffset: 0, to: first * width,
            byteCount: tensor.elementCount * width)
    }
}
