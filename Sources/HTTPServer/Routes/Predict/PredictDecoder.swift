import Models
import Primitives

/// Writes the body of a predict request straight into rows of a batch.
///
/// A loop owns one: it keeps memory between requests, so that decoding rows of numbers and booleans
/// allocates nothing after warm-up. Strings longer than 15 bytes are allocated.
///
/// JSON bodies, where `…` is a row nested as deep as the input's row shape (a row of one element may
/// be written without brackets):
///
///     {"instances": [[5.1, 3.5, 1.4, 0.2], …]}            rows, for a model with one input
///     {"instances": [{"age": 41, "city": "Rome"}, …]}     rows, for any model
///     {"inputs": {"age": [41, …], "city": ["Rome", …]}}   columns, for any model
///     {"inputs": [[5.1, 3.5, 1.4, 0.2], …]}               the column of a model with one input
///     [[5.1, 3.5, 1.4, 0.2], …]                           the same as `instances`
///
/// A model for tabular data has one input, and names its elements (`TensorSpec.features`): those are
/// then the names of rows and columns, what is left out or `null` is missing, and categories may be
/// given by name. With `ignoresUnknown`, names that the model does not have are passed over.
///
/// Other keys beside `instances` and `inputs` (`parameters`, `id`, …) are skipped. A model without a
/// batch dimension takes one instance, and under `inputs` or as a bare array its tensor as it is.
public struct PredictDecoder {
    let scratch = DecoderScratch()

    public init() {}

    /// Appends rows from `firstRow` on and returns how many: at least one. `columns` are those of
    /// `signature.inputs`, in that order, and are given room as needed. After a refusal nothing
    /// counts as written, though the memory behind `firstRow` may have changed.
    public func decode(
        _ body: Span<UInt8>, format: PayloadFormat, signature: Signature, columns: [TensorColumn],
        firstRow: Int, limits: Limits, ignoresUnknown: Bool = false
    ) throws(DecodeRefusal) -> Int {
        precondition(columns.count == signature.inputs.count, "one column an input")
        switch format {
        case .json:
            let decoder = JSONRows(
                signature: signature, columns: columns, firstRow: firstRow, limits: limits,
                scratch: scratch, ignoresUnknown: ignoresUnknown)
            do throws(JSONFault) {
                return try decoder.decode(body)
            } catch {
                throw error.refusal(signature, columns: columns, body: body)
            }
        case .csv:
            return try CSVRows(
                signature: signature, columns: columns, firstRow: firstRow, limits: limits,
                scratch: scratch, ignoresUnknown: ignoresUnknown
            ).decode(body)
        case .npy:
            return try NPYRows(
                signature: signature, columns: columns, firstRow: firstRow, limits: limits
            ).decode(body)
        }
    }

    /// The row shape of each input of a model whose rows have dynamic dimensions: those of the
    /// body's first row. `decode` then demands them of all rows. What the first row says is bounded
    /// by the length of the body.
    public func rowShapes(
        of body: Span<UInt8>, format: PayloadFormat, signature: Signature,
        jsonDepthMax: Int = Limits.standard.jsonDepthMax
    ) throws(DecodeRefusal) -> [[Int]] {
        switch format {
        case .json: try JSONRowShapes(signature: signature, depthMax: jsonDepthMax).find(in: body)
        case .csv: try CSVRows.rowShapes(of: body, signature: signature)
        case .npy: try NPYRows.rowShapes(of: body, signature: signature)
        }
    }
}

/// What a decoder remembers within one request, kept to reuse its memory.
final class DecoderScratch {
    /// For each input, 1 + the row it was last seen in.
    var lastSeen: [Int] = []
    /// For each column of a CSV text, the input and the element in its row.
    var csvColumns: [(input: Int, element: Int)] = []

    func forgetInputs(_ count: Int) {
        if lastSeen.count != count {
            lastSeen = Array(repeating: 0, count: count)
        } else {
            for index in 0..<count { lastSeen[index] = 0 }
        }
    }
}
