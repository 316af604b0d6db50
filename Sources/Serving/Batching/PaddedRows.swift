import Models
import Primitives

/// A model's padding rule with its inputs found: what a loop needs to pad a request and to cut its
/// answer back.
public struct PaddedRows: Sendable {
    /// The model's signature as clients see it: without the mask.
    public let signature: Signature
    private let rule: PaddingRule
    /// For each input of the model, its place in `signature`; nil for the mask.
    private let sources: [Int?]
    private let isPadded: [Bool]
    private let outputs: [TensorSpec]

    /// Why rows cannot be padded.
    public enum Problem: Error, Sendable, Equatable {
        /// Two inputs of one request differ in their length.
        case lengthsDiffer(String, String)
        /// Padded, the request would be larger than `Limits.paddedBytesMax`.
        case tooLarge
    }

    /// The rule must fit the signature (`PaddingRule.problem`).
    public init(_ rule: PaddingRule, _ signature: Signature) {
        self.rule = rule
        let seen = signature.inputs.filter { $0.name != rule.mask }
        self.signature = Signature(
            inputs: seen, outputs: signature.outputs, batchDimension: signature.batchDimension)
        sources = signature.inputs.map { spec in seen.firstIndex { $0.name == spec.name } }
        isPadded = signature.inputs.map { rule.inputs.contains($0.name) }
        outputs = signature.outputs
    }

    private var dimension: Int { rule.dimension - 1 }

    /// The true length of rows with these shapes (of `signature`'s inputs).
    public func length(of rowShapes: [[Int]]) throws(Problem) -> Int {
        var found: (name: String, length: Int)?
        for (index, source) in sources.enumerated() where isPadded[index] {
            guard let source else { continue }
            let length = rowShapes[source][dimension]
            let name = signature.inputs[source].name
            if let found, found.length != length { throw .lengthsDiffer(found.name, name) }
            found = (name, length)
        }
        return found?.length ?? 0
    }

    /// The row shapes of the model's inputs for rows of this length.
    public func paddedShapes(_ rowShapes: [[Int]], length: Int) -> [[Int]] {
        let bucket = rule.bucket(for: length)
        return sources.indices.map { index in
            guard let source = sources[index] else { return [bucket] }
            var shape = rowShapes[source]
            if isPadded[index] { shape[dimension] = bucket }
            return shape
        }
    }

    /// Checks what `rows` rows of the padded shapes would take.
    public func check(
        rows: Int, paddedShapes shapes: [[Int]], inputs: [TensorSpec], limits: Limits
    ) throws(Problem) {
        var bytes = 0
        for (spec, shape) in zip(inputs, shapes) {
            var size = spec.dataType.byteCount
            for factor in [rows] + shape {
                let (product, overflow) = size.multipliedReportingOverflow(by: factor)
                guard !overflow, product <= limits.paddedBytesMax else { throw .tooLarge }
                size = product
            }
            bytes += size
        }
        guard bytes <= limits.paddedBytesMax else { throw .tooLarge }
    }

    /// Writes the rows of a request behind those of the batch. `decoded` are the columns of
    /// `signature`'s inputs.
    public func write(_ decoded: [TensorColumn], rows: Int, length: Int, into batch: OpenBatch) {
        write(decoded, rows: rows, length: length, into: batch.inputs, firstRow: batch.rowCount)
    }

    /// The same behind the first rows of the model's own columns.
    func write(
        _ decoded: [TensorColumn], rows: Int, length: Int, into inputs: [TensorColumn],
        firstRow first: Int
    ) {
        for (index, column) in inputs.enumerated() {
            column.reserve(rows: first + rows)
            guard let source = sources[index] else {
                column.fillMask(rows: first..<first + rows, length: length)
                continue
            }
            if isPadded[index] {
                column.copyPadded(
                    from: decoded[source], count: rows, to: first, dimension: dimension,
                    value: rule.value)
            } else {
                column.copyRows(from: decoded[source], start: 0, count: rows, to: first)
            }
        }
    }

    /// Row shapes of `signature`'s inputs with another length where they have one.
    func shapes(_ rowShapes: [[Int]], withLength length: Int) -> [[Int]] {
        zip(signature.inputs, rowShapes).map { spec, shape in
            var shape = shape
            if rule.inputs.contains(spec.name) { shape[dimension] = length }
            return shape
        }
    }

    /// Columns of `signature`'s inputs without what is behind `length`; shorter ones stay.
    func cutInputs(_ columns: [TensorColumn], rows: Int, to length: Int) -> [TensorColumn] {
        columns.map { column in
            guard rule.inputs.contains(column.spec.name), column.rowShape[dimension] > length
            else { return column }
            var shape = column.rowShape
            shape[dimension] = length
            let shorter = TensorColumn(spec: column.spec, rowShape: shape, rowCapacity: rows)
            shorter.copyCut(from: column, start: 0, count: rows, dimension: dimension)
            return shorter
        }
    }

    /// A ticket's results with the outputs cut back to the true length: those whose shape has, at the
    /// padded dimension, a size the model leaves open and that is the bucket's.
    public func cut(_ columns: [TensorColumn], _ ticket: Ticket) -> TensorBatch {
        let bucket = rule.bucket(for: ticket.trueLength)
        let cut = columns.indices.map { index -> TensorColumn in
            let column = columns[index]
            let shape = outputs[index].shape
            let carries =
                rule.dimension < shape.count && shape[rule.dimension] < 0
                && column.rowShape.count > dimension && column.rowShape[dimension] == bucket
            guard carries else {
                let same = TensorColumn(
                    spec: column.spec, rowShape: column.rowShape, rowCapacity: ticket.rowCount)
                same.copyRows(from: column, start: ticket.rowStart, count: ticket.rowCount, to: 0)
                return same
            }
            var rowShape = column.rowShape
            rowShape[dimension] = ticket.trueLength
            let shorter = TensorColumn(
                spec: column.spec, rowShape: rowShape, rowCapacity: ticket.rowCount)
            shorter.copyCut(
                from: column, start: ticket.rowStart, count: ticket.rowCount, dimension: dimension)
            return shorter
        }
        return TensorBatch(columns: cut, rowCount: ticket.rowCount)
    }
}
