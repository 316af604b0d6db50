import Models
import Primitives

/// Rows of one shape that a model is run with before it is ready.
///
/// A model without padding has one: the samples' shape, else 8 for each unknown dimension, long enough for
/// a sequence and short enough to be quick. A model with padding has one for each bucket, since
/// requests come in no others; its rows go the way a request's go, mask included.
struct WarmUpRows {
    /// Of the model's inputs.
    let rowShapes: [[Int]]
    /// These are what the operator or the defaults gave; false for samples that were cut to a shorter bucket,
    /// which the model may well refuse.
    let isGiven: Bool
    private let version: ModelVersion
    private let samples: WarmUpSamples?
    /// How clients' rows become the model's, and their length.
    private let padding: (rows: PaddedRows, length: Int)?

    /// All there are, the shortest first. The configuration's samples are as a request has them.
    static func all(_ version: ModelVersion) throws(WarmUpSampleError) -> [WarmUpRows] {
        let given = version.configuration.warmUp.samples
        let rule = version.configuration.batching.padding
        // A rule that does not fit its model is told by `WarmUp.run`.
        guard let rule, rule.problem(with: version.signature) == nil else {
            let samples =
                given.isEmpty ? nil : try WarmUpSamples(given, signature: version.signature)
            let shapes = samples?.rowShapes ?? guesses(version.signature)
            return [
                WarmUpRows(
                    rowShapes: shapes, isGiven: true, version: version, samples: samples,
                    padding: nil)
            ]
        }
        let padded = PaddedRows(rule, version.signature)
        let samples = given.isEmpty ? nil : try WarmUpSamples(given, signature: padded.signature)
        let shapes = samples?.rowShapes ?? guesses(padded.signature)
        let sampled: Int?
        do throws(PaddedRows.Problem) {
            sampled = samples == nil ? nil : try padded.length(of: shapes)
        } catch {
            throw WarmUpSampleError("warm_up.samples: the padded inputs differ in their length")
        }
        return rule.buckets.map { bucket in
            WarmUpRows(
                rowShapes: padded.paddedShapes(shapes, length: bucket),
                isGiven: sampled.map { $0 <= bucket } ?? true, version: version, samples: samples,
                padding: (padded, min(sampled ?? bucket, bucket)))
        }
    }

    private static func guesses(_ signature: Signature) -> [[Int]] {
        signature.inputs.map { spec in signature.rowShape(of: spec).map { $0 < 0 ? 8 : $0 } }
    }

    /// Columns with so many rows: the samples, else every byte `fill` (and a true mask).
    func makeInputs(rows: Int, fill: UInt8) -> [TensorColumn] {
        let inputs = version.makeInputs(rowShapes: rowShapes, rowCapacity: rows)
        guard let padding else {
            write(inputs, rows: rows, fill: fill)
            return inputs
        }
        let seen = padding.rows.signature
        let shapes =
            samples?.rowShapes
            ?? padding.rows.shapes(Self.guesses(seen), withLength: padding.length)
        let columns = zip(seen.inputs, shapes).map {
            TensorColumn(spec: $0, rowShape: $1, rowCapacity: rows)
        }
        write(columns, rows: rows, fill: fill)
        let cut = padding.rows.cutInputs(columns, rows: rows, to: padding.length)
        padding.rows.write(cut, rows: rows, length: padding.length, into: inputs, firstRow: 0)
        return inputs
    }

    private func write(_ columns: [TensorColumn], rows: Int, fill: UInt8) {
        if let samples {
            samples.fill(columns, rows: rows)
        } else if fill != 0 {
            for column in columns { column.fill(with: fill) }
        }
    }
}
