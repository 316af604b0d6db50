import HTTP
import Models
import Primitives

/// CSV whose header names the features of a model with one input.
extension CSVRows {
    /// The names of the features, where the model has one input that names them.
    var features: FeatureList? {
        columns.count == 1 && columns[0].rowShape.count == 1 ? columns[0].spec.features : nil
    }

    /// Orders the columns by the header's names. Features that it leaves out are missing.
    func plan(_ names: [String], _ features: FeatureList) throws(DecodeRefusal) {
        scratch.csvColumns.removeAll(keepingCapacity: true)
        scratch.forgetInputs(features.names.count)
        for name in names {
            let bytes = Array(name.utf8)
            guard let feature = features.index(of: bytes.span) else {
                guard ignoresUnknown else {
                    throw DecodeRefusal(
                        .unknownInput,
                        "line 1 has '\(name.excerpt())', the model takes \(JSONFault.list(signature))"
                    )
                }
                scratch.csvColumns.append((-1, 0))
                continue
            }
            guard scratch.lastSeen[feature] == 0 else {
                throw DecodeRefusal(.invalidCSV, "line 1 has '\(name.excerpt())' twice")
            }
            scratch.lastSeen[feature] = 1
            scratch.csvColumns.append((0, feature))
        }
    }

    /// Reads a field that is empty or a category's name; false when it is to be read as a number.
    func readFeature(
        _ field: CSVText.Field, of text: borrowing CSVText, _ features: FeatureList,
        at target: Int, line: Int
    ) throws(DecodeRefusal) -> Bool {
        let word = Ascii.trimmed(text.bytes, field.range)
        // Rows begin as missing.
        if word.isEmpty || Self.isMissing(text.bytes, word) { return true }
        let column = columns[0]
        let feature = target % max(column.elementsPerRow, 1)
        guard features.hasCategories(feature), let name = text.string(field) else { return false }
        let bytes = Array(name.utf8)
        guard let category = features.category(feature, bytes.span) else {
            if features.unknownCategoriesAreMissing { return true }
            throw DecodeRefusal(
                .invalidType,
                "line \(line): \(text.excerpt(field)) is no category of "
                    + "'\(features.names[feature].excerpt())' that the model knows")
        }
        if column.spec.dataType == .float64 {
            var values = column.mutableElements(from: target, count: 1, as: Double.self)
            values[0] = Double(category)
        } else {
            var values = column.mutableElements(from: target, count: 1, as: Float.self)
            values[0] = Float(category)
        }
        return true
    }

    /// What data frames write for a missing value.
    private static func isMissing(_ bytes: Span<UInt8>, _ word: Range<Int>) -> Bool {
        Ascii.equalsIgnoringCase(bytes, word, "nan") || Ascii.equalsIgnoringCase(bytes, word, "na")
            || Ascii.equalsIgnoringCase(bytes, word, "null")
    }
}
