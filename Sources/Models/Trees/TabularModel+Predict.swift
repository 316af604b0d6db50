import Kernels
import Primitives

extension TabularModel {
    /// Computes the rows of a batch. Allocates nothing after the first batch of each thread.
    public func predict(
        _ batch: borrowing TensorBatch, into results: inout TensorBatch
    ) throws(PredictionError) {
        guard batch.columns.count == 1, results.columns.count == signature.outputs.count,
            results.rowCount == batch.rowCount
        else {
            throw PredictionError(.failed, "the batch does not have the columns of the signature")
        }
        switch contents.precision {
        case .float32: predict(batch, into: &results, as: Float.self)
        case .float64: predict(batch, into: &results, as: Double.self)
        }
    }

    private func predict<Value: TabularValue>(
        _ batch: borrowing TensorBatch, into results: inout TensorBatch, as type: Value.Type
    ) {
        let memory = scratch.take()
        defer { scratch.giveBack(memory) }
        var start = 0
        while start < batch.rowCount {
            let rows = min(Self.blockRows, batch.rowCount - start)
            let x = batch.window(rowStart: start, rowCount: rows)
            let y = results.window(rowStart: start, rowCount: rows)
            switch answer {
            case .prediction, .probability:
                writePredictions(x.values(0, as: Value.self), rows, y, memory)
            case .margin:
                var margins = y.mutableValues(0, as: Value.self)
                writeMargins(x.values(0, as: Value.self), rows, &margins, memory)
            case .leaf: writeLeaves(x.values(0, as: Value.self), rows, y)
            case .contributions:
                var values = y.mutableValues(0, as: Value.self)
                writeContributions(x.values(0, as: Value.self), rows, &values)
            }
            start += rows
        }
    }

    /// Margins of some rows; `memory` is of use behind the first `blockRows` rows of margins.
    private func writeMargins<Value: TabularValue>(
        _ x: Span<Value>, _ rows: Int, _ y: inout MutableSpan<Value>, _ memory: AlignedMemory
    ) {
        let features = contents.featureCount
        switch contents.scorer {
        case .forest(let forest): Value.scores(forest, x, rows: rows, features: features, &y)
        case .linear(let linear): linear.scores(x, rows: rows, features: features, &y)
        case .linearLeaves(let forest, let leaves):
            let offset = Self.blockRows * forest.targetCount * 8
            var places = memory.mutableSpan(
                as: Int32.self, byteOffset: offset, count: rows * forest.treeCount, owner: memory)
            Value.leaves(forest, x, rows: rows, features: features, &places)
            let found = memory.span(
                as: Int32.self, byteOffset: offset, count: rows * forest.treeCount, owner: memory)
            for row in 0..<rows {
                leaves.scores(
                    x, row: row, features: features,
                    places: { forest.origin(of: found[row * forest.treeCount + $0]) },
                    targetCount: forest.targetCount, &y)
            }
        }
    }

    private func writePredictions<Value: TabularValue>(
        _ x: Span<Value>, _ rows: Int, _ results: borrowing TensorBatch, _ memory: AlignedMemory
    ) {
        let targets = contents.scorer.targetCount
        let link = contents.link
        guard link.isClassifier else {
            var y = results.mutableValues(0, as: Value.self)
            writeMargins(x, rows, &y, memory)
            if link == .identity, contents.divisor == 1 { return }
            for index in y.indices {
                y[index] = Value(rounding: link.value(y[index].wide / contents.divisor))
            }
            return
        }
        var scores = memory.mutableSpan(
            as: Value.self, byteOffset: 0, count: rows * targets, owner: memory)
        writeMargins(x, rows, &scores, memory)
        if contents.divisor != 1 {
            for index in scores.indices {
                scores[index] = Value(rounding: scores[index].wide / contents.divisor)
            }
        }
        let margins = memory.span(
            as: Value.self, byteOffset: 0, count: rows * targets, owner: memory)
        if answer == .prediction {
            var labels = results.mutableValues(0, as: Int64.self)
            for row in 0..<rows {
                labels[row] = Int64(link.label(margins, row: row, targets: targets))
            }
        }
        guard link.hasProbabilities else { return }
        var y = results.mutableValues(answer == .prediction ? 1 : 0, as: Value.self)
        for row in 0..<rows {
            link.probabilities(margins, row: row, targets: targets, into: &y)
        }
    }

    private func writeLeaves<Value: TabularValue>(
        _ x: Span<Value>, _ rows: Int, _ results: borrowing TensorBatch
    ) {
        guard let forest = contents.scorer.forest else { return }
        var leaves = results.mutableValues(0, as: Int32.self)
        Value.leaves(forest, x, rows: rows, features: contents.featureCount, &leaves)
        for row in 0..<rows {
            for tree in 0..<forest.treeCount {
                let index = row * forest.treeCount + tree
                let origin = forest.origin(of: leaves[index])
                leaves[index] = Int32(origin - contents.leafOffsets[tree])
            }
        }
    }

    private func writeContributions<Value: TabularValue>(
        _ x: Span<Value>, _ rows: Int, _ y: inout MutableSpan<Value>
    ) {
        let features = contents.featureCount
        switch contents.scorer {
        case .forest(let forest): Value.contributions(forest, x, rows: rows, &y)
        case .linear(let linear): linear.contributions(x, rows: rows, features: features, &y)
        case .linearLeaves: preconditionFailure("linear trees are not explained")
        }
    }
}
