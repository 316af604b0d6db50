import Primitives

extension Model {
    /// Computes whole tensors, in the order of the signature: for `infer` and for tests. The
    /// serving path is `predict`.
    ///
    /// For models that take any number of rows. Throws with `badInput` when a tensor does not have
    /// the type or shape of its input.
    public func run(rows inputs: [Tensor]) throws(PredictionError) -> [Tensor] {
        guard signature.batchDimension == .dynamic else {
            throw PredictionError(.failed, "the model does not take rows")
        }
        let rows = try rowCount(inputs)
        var columns: [TensorColumn] = []
        for (tensor, spec) in zip(inputs, signature.inputs) {
            let column = TensorColumn(
                spec: spec, rowShape: Array(tensor.shape.dropFirst()), rowCapacity: rows)
            if spec.dataType == .string {
                column.strings = tensor.strings
            } else if let memory = tensor.memory {
                column.memory.copy(
                    from: memory, sourceOffset: 0, to: 0, byteCount: rows * column.bytesPerRow)
            }
            columns.append(column)
        }
        let outputs = signature.outputs.map { spec in
            TensorColumn(
                spec: spec, rowShape: signature.rowShape(of: spec).map { $0 < 0 ? 1 : $0 },
                rowCapacity: rows)
        }
        var results = TensorBatch(columns: outputs, rowCount: rows)
        try predict(TensorBatch(columns: columns, rowCount: rows), into: &results)
        return outputs.map { column in
            let shape = [rows] + column.rowShape
            if column.spec.dataType == .string {
                return Tensor(shape: shape, strings: column.strings)
            }
            return Tensor(dataType: column.spec.dataType, shape: shape, memory: column.memory)
        }
    }

    private func rowCount(_ inputs: [Tensor]) throws(PredictionError) -> Int {
        guard inputs.count == signature.inputs.count else {
            throw PredictionError(
                .badInput,
                "\(inputs.count) inputs were given; the model takes \(signature.inputs.count)")
        }
        var rows: Int?
        for (tensor, spec) in zip(inputs, signature.inputs) {
            let fits =
                tensor.dataType == spec.dataType && tensor.shape.count == spec.shape.count
                && zip(tensor.shape, spec.shape).dropFirst().allSatisfy { $1 < 0 || $0 == $1 }
            guard fits, let found = tensor.shape.first, rows == nil || rows == found else {
                throw PredictionError(
                    .badInput,
                    "input '\(spec.name)' is \(tensor.dataType.name) \(tensor.shape); the model "
                        + "takes \(spec.dataType.name) \(spec.shape)")
            }
            rows = found
        }
        return rows ?? 0
    }
}
