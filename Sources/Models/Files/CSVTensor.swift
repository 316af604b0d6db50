import Primitives

/// Reads a CSV file (RFC 4180) as a matrix: a line a row. A first line that holds no numbers is a
/// header when the input takes numbers. For inputs with one dimension, one column is a vector.
enum CSVTensor {
    static func read(_ bytes: [UInt8], _ spec: TensorSpec) throws(TensorFailure) -> Tensor {
        guard var values = TextValues(for: spec.dataType) else {
            throw TensorFailure("\(spec.dataType.name) cannot be given as text; use .npy")
        }
        var rows = try records(bytes)
        if let first = rows.first, spec.dataType != .string,
            first.allSatisfy({ Double(trimmed($0)) == nil && $0 != "true" && $0 != "false" })
        {
            rows.removeFirst()
        }
        let columns = rows.first?.count ?? 0
        for (index, row) in rows.enumerated() {
            guard row.count == columns else {
                throw TensorFailure(
                    "row \(index + 1) has \(row.count) fields, the first has \(columns)")
            }
            for (column, field) in row.enumerated() {
                guard append(field, to: &values) else {
                    throw TensorFailure(
                        "row \(index + 1), field \(column + 1): '\(field)' is no "
                            + spec.dataType.name)
                }
            }
        }
        let isVector = spec.shape.count == 1 && columns == 1
        return try TensorConversion.tensor(
            values, shape: isVector ? [rows.count] : [rows.count, columns], spec.dataType)
    }

    private static func append(_ field: String, to values: inout TextValues) -> Bool {
        let text = trimmed(field)
        switch values {
        case .floats(var list):
            guard let value = Float(text) else { return false }
            values = .integers([])
            list.append(value)
            values = .floats(list)
        case .reals(var list):
            guard let value = Double(text) else { return false }
            values = .integers([])
            list.append(value)
            values = .reals(list)
        case .integers(var list):
            guard let value = Int64(text) else { return false }
            values = .booleans([])
            list.append(value)
            values = .integers(list)
        case .booleans(var list):
            guard ["0", "1", "true", "false"].contains(text.lowercased()) else { return false }
            values = .integers([])
            list.append(text == "1" || text.lowercased() == "true" ? 1 : 0)
            values = .booleans(list)
        case .strings(var list):
            values = .integers([])
            list.append(field)
            values = .strings(list)
        }
        return true
    }

    private static func trimmed(_ field: String) -> String {
        String(field.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }

    /// Lines as lists of fields; a field in quotes may hold commas, line breaks and doubled quotes.
    private static func records(_ bytes: [UInt8]) throws(TensorFailure) -> [[String]] {
        var rows: [[String]] = []
        var row: [String] = []
        var field: [UInt8] = []
        var isQuoted = false
        var index = 0
        func text() -> String { String(decoding: field, as: UTF8.self) }
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            if isQuoted {
                if byte != UInt8(ascii: "\"") {
                    field.append(byte)
                } else if index < bytes.count, bytes[index] == byte {
                    field.append(byte)
                    index += 1
                } else {
                    isQuoted = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\"") where field.isEmpty: isQuoted = true
            case UInt8(ascii: ","):
                row.append(text())
                field = []
            case UInt8(ascii: "\r") where index < bytes.count && bytes[index] == 10: break
            case UInt8(ascii: "\n"):
                if !row.isEmpty || !field.isEmpty { rows.append(row + [text()]) }
                row = []
                field = []
            default: field.append(byte)
            }
        }
        guard !isQuoted else { throw TensorFailure("a quoted field does not end") }
        if !row.isEmpty || !field.isEmpty { rows.append(row + [text()]) }
        return rows
    }
}
