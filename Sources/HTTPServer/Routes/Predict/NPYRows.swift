import Models
import Primitives

/// Reads the rows of one NumPy file into the column of a model with one input.
///
/// The file has the batch's shape, or that of a single row. Elements are converted where nothing is
/// lost but precision: floats and integers to floats, integers to integers that hold them, booleans
/// to numbers. NaN and infinities are taken as they are.
struct NPYRows {
    let signature: Signature
    let columns: [TensorColumn]
    let firstRow: Int
    let limits: Limits

    func decode(_ body: Span<UInt8>) throws(DecodeRefusal) -> Int {
        let header = try Self.header(body, signature)
        let column = columns[0]
        let rows = try rowCount(header, column)
        guard rows > 0 else { throw DecodeRefusal(.invalidShape, "the array has no rows") }
        guard rows <= limits.requestRowsMax else {
            throw DecodeRefusal(
                .tooManyRows,
                "the array has \(rows) rows, a request may have \(limits.requestRowsMax)")
        }
        column.reserve(rows: firstRow + rows)
        let start = firstRow * column.elementsPerRow
        let values = NPYValues(header: header, column: column, start: start)
        if let failed = try values.copy(from: body) {
            let spec = column.spec
            throw DecodeRefusal(
                .outOfRange, "the array's element \(place(failed, header)) is out of the range of "
                    + "\(spec.dataType.name), which input '\(spec.name)' takes")
        }
        return rows
    }

    private static func header(
        _ body: Span<UInt8>, _ signature: Signature
    ) throws(DecodeRefusal) -> NPYHeader {
        guard signature.inputs.count == 1 else {
            throw DecodeRefusal(
                .unsupportedFormat, "a NumPy file carries one array, the model takes "
                    + "\(signature.inputs.count): \(JSONFault.list(signature))")
        }
        do throws(NPYError) {
            return try NPYHeader(body)
        } catch {
            throw DecodeRefusal(.invalidNPY, error.message)
        }
    }

    private func rowCount(
        _ header: NPYHeader, _ column: TensorColumn
    ) throws(DecodeRefusal) -> Int {
        if header.shape == column.rowShape { return 1 }
        if signature.batchDimension != .none, let rows = header.shape.first,
            header.shape.dropFirst().elementsEqual(column.rowShape)
        {
            return rows
        }
        let row = column.rowShape.map(String.init).joined(separator: ", ")
        let wanted =
            switch signature.batchDimension {
            case .none: "[\(row)]"
            case .dynamic, .fixed: row.isEmpty ? "[rows]" : "[rows, \(row)]"
            }
        throw DecodeRefusal(
            .invalidShape, "the array has the shape \(header.shape), the model takes \(wanted)")
    }

    /// The index of an element as NumPy writes it.
    private func place(_ element: Int, _ header: NPYHeader) -> String {
        var indices: [Int] = []
        var rest = element
        for dimension in header.shape.reversed() {
            indices.insert(rest % max(dimension, 1), at: 0)
            rest /= max(dimension, 1)
        }
        return "\(indices)"
    }

    /// The row shapes of a dynamic input: what the array has behind its first dimension.
    static func rowShapes(
        of body: Span<UInt8>, signature: Signature
    ) throws(DecodeRefusal) -> [[Int]] {
        let header = try header(body, signature)
        let rowShape = signature.rowShape(of: signature.inputs[0])
        func fits(_ shape: [Int]) -> Bool {
            shape.count == rowShape.count && zip(shape, rowShape).allSatisfy { $0 == $1 || $1 < 0 }
        }
        if signature.batchDimension != .none, fits(Array(header.shape.dropFirst())),
            !header.shape.isEmpty
        {
            return [Array(header.shape.dropFirst())]
        }
        if fits(header.shape) { return [header.shape] }
        let row = rowShape.map { $0 < 0 ? "any" : String($0) }.joined(separator: ", ")
        let wanted = signature.batchDimension == .none ? "[\(row)]" : "[rows, \(row)]"
        throw DecodeRefusal(
            .invalidShape, "the array has the shape \(header.shape), the model takes \(wanted)")
    }
}
