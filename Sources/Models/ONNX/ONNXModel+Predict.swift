import GraphRuntime
import Primitives

extension ONNXModel {
    /// Computes the rows of a batch. Columns stand in the order of the signature.
    public func predict(
        _ batch: borrowing TensorBatch, into results: inout TensorBatch
    ) throws(PredictionError) {
        guard batch.columns.count == signature.inputs.count,
            results.columns.count == signature.outputs.count,
            results.rowCount == batch.rowCount
        else {
            throw PredictionError(.failed, "the batch does not have the columns of the signature")
        }
        if isEager { return try predictEagerly(batch, into: &results) }
        let workspace = workspaces.take()
        defer { workspaces.giveBack(workspace) }
        let isDynamic = signature.batchDimension == .dynamic
        var start = 0
        while start < batch.rowCount {
            let rows = isDynamic ? min(blockRows, batch.rowCount - start) : batch.rowCount
            try predict(batch, into: &results, start: start, rows: rows, workspace)
            start += rows
        }
    }

    /// Computes some rows with one plan.
    private func predict(
        _ batch: borrowing TensorBatch, into results: inout TensorBatch, start: Int, rows: Int,
        _ workspace: Workspace
    ) throws(PredictionError) {
        setShapes(batch, rows: rows, workspace)
        do throws(GraphError) {
            let plan = try plans.plan(for: workspace.shapes)
            try checkInputs(batch, plan)
            try fitOutputs(&results, plan, isFirst: start == 0)
            workspace.prepare(for: plan)
            bindInputs(batch, start: start, plan, workspace)
            bindOutputs(results, start: start, plan, workspace)
            defer { release(results, start: start, plan, workspace) }
            try plan.run(in: workspace)
        } catch {
            let kind: PredictionError.Kind = error.kind == .input ? .badInput : .failed
            throw PredictionError(kind, error.description)
        }
    }

    /// Writes the input shapes of a call into the workspace's array, which is reused.
    private func setShapes(_ batch: borrowing TensorBatch, rows: Int, _ workspace: Workspace) {
        let hasRows = signature.batchDimension != .none
        if workspace.shapes.count != batch.columns.count {
            workspace.shapes = Array(repeating: [], count: batch.columns.count)
        }
        for index in batch.columns.indices {
            let column = batch.columns[index]
            let rank = column.rowShape.count + (hasRows ? 1 : 0)
            if workspace.shapes[index].count != rank {
                workspace.shapes[index] = Array(repeating: 0, count: rank)
            }
            if hasRows { workspace.shapes[index][0] = rows }
            for dimension in column.rowShape.indices {
                workspace.shapes[index][dimension + (hasRows ? 1 : 0)] = column.rowShape[dimension]
            }
        }
    }

    private func checkInputs(
        _ batch: borrowing TensorBatch, _ plan: Plan
    ) throws(GraphError) {
        if signature.batchDimension == .none, batch.rowCount != 1 {
            throw GraphError("the model takes one item a run", kind: .input)
        }
        for index in batch.columns.indices
        where batch.columns[index].spec.dataType != plan.inputs[index].dataType {
            throw GraphError("a column of the batch has another type than the model's input")
        }
    }

    /// Gives outputs their row shape where the signature left it open.
    private func fitOutputs(
        _ results: inout TensorBatch, _ plan: Plan, isFirst: Bool
    ) throws(GraphError) {
        let skipped = signature.batchDimension == .none ? 0 : 1
        for index in plan.outputs.indices {
            let shape = plan.outputs[index].shape
            let column = results.columns[index]
            guard column.spec.dataType == plan.outputs[index].dataType else {
                throw GraphError("an output has another type than the signature says")
            }
            if column.rowShape.elementsEqual(shape.dropFirst(skipped)) { continue }
            guard isFirst, results.rowStart == 0 else {
                throw GraphError("an output changes its shape inside a batch")
            }
            results.reshape(index, rowShape: Array(shape.dropFirst(skipped)))
        }
    }

    private func bindInputs(
        _ batch: borrowing TensorBatch, start: Int, _ plan: Plan, _ workspace: Workspace
    ) {
        let first = batch.rowStart + start
        for index in batch.columns.indices {
            let column = batch.columns[index]
            if column.spec.dataType == .string {
                plan.bindInput(
                    index, strings: column.strings, start: first * column.elementsPerRow,
                    in: workspace)
            } else {
                plan.bindInput(
                    index, column.memory, byteOffset: first * column.bytesPerRow, in: workspace)
            }
        }
    }

    private func bindOutputs(
        _ results: borrowing TensorBatch, start: Int, _ plan: Plan, _ workspace: Workspace
    ) {
        let first = results.rowStart + start
        for index in results.columns.indices {
            let column = results.columns[index]
            if column.spec.dataType == .string {
                plan.exchangeOutput(
                    index, strings: &column.strings, start: first * column.elementsPerRow,
                    in: workspace)
            } else {
                plan.bindOutput(
                    index, column.memory, byteOffset: first * column.bytesPerRow, in: workspace)
            }
        }
    }

    /// Takes the string columns back and lets go of the batch's memory.
    private func release(
        _ results: borrowing TensorBatch, start: Int, _ plan: Plan, _ workspace: Workspace
    ) {
        for index in results.columns.indices {
            let column = results.columns[index]
            guard column.spec.dataType == .string else { continue }
            plan.exchangeOutput(index, strings: &column.strings, start: 0, in: workspace)
        }
        plan.unbind(workspace)
    }
}
