import Models
import Primitives

/// Reads the values of a model for tabular data: numbers, `null` for a missing value, booleans as 0
/// and 1, and categories by their name.
enum FeatureLeaf<Value: ColumnElement & BinaryFloatingPoint>: LeafReader {
    static func readElements(
        _ reader: inout JSONReader, into column: TensorColumn, start: Int, count: Int,
        dimension: Int
    ) throws(JSONFault) {
        var values = column.mutableElements(from: start, count: count, as: Value.self)
        var index = 0
        try reader.enter(dimension: dimension)
        while try reader.goToElement() {
            guard index < count else {
                throw JSONFault.surplus(&reader, count: index, dimension: dimension)
            }
            do throws(JSONFault) {
                values[index] = try value(
                    &reader, column.spec.features, index, isNamed: false, dimension: dimension + 1)
            } catch {
                throw error.inside(index)
            }
            index += 1
        }
        if index < count {
            throw JSONFault(.count(found: index, dimension: dimension), offset: reader.offset)
        }
    }

    static func readElement(
        _ reader: inout JSONReader, into column: TensorColumn, index: Int
    ) throws(JSONFault) {
        var values = column.mutableElements(from: index, count: 1, as: Value.self)
        let feature = index % max(column.elementsPerRow, 1)
        values[0] = try value(
            &reader, column.spec.features, feature, isNamed: true,
            dimension: column.rowShape.count)
    }

    /// One value of a feature. A number that stands under the feature's name is a category's value,
    /// where categories are numbers; in a row without names it is what the trees compare.
    private static func value(
        _ reader: inout JSONReader, _ features: FeatureList?, _ feature: Int, isNamed: Bool,
        dimension: Int
    ) throws(JSONFault) -> Value {
        let found: Int?
        let offset: Int
        do throws(JSONError) {
            let kind = try reader.peek()
            offset = reader.offset
            switch kind {
            case .null:
                try reader.readNull()
                return Value(features?.missing ?? .nan)
            case .boolean: return try reader.readBool() ? 1 : 0
            case .number:
                guard isNamed, let features, features.hasCategories(feature) else {
                    return try Value.read(&reader)
                }
                found = features.category(feature, number: try reader.readDouble())
            case .string:
                guard let features, features.hasCategories(feature) else {
                    return try Value.read(&reader)
                }
                let text = Array(try reader.readString().utf8)
                found = features.category(feature, text.span)
            case .array, .object: return try Value.read(&reader)
            }
        } catch {
            throw JSONFault(error, reader, dimension: dimension)
        }
        if let found { return Value(found) }
        guard features?.unknownCategoriesAreMissing == true else {
            throw JSONFault(.unknownCategory(feature), offset: offset)
        }
        return Value(features?.missing ?? .nan)
    }
}
