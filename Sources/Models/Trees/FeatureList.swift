import Primitives

/// The columns of a model's input by name, as its training library knew them: what rows that name
/// their values are mapped by.
public final class FeatureList: Sendable, Equatable {
    public let names: [String]
    /// For each feature, the categories that stand for 0, 1, …, as text; empty for a number.
    public let categories: [[String]]
    /// Whether a category that training never saw counts as missing (LightGBM), or is refused
    /// (XGBoost).
    public let unknownCategoriesAreMissing: Bool
    /// What stands for a value that a row leaves out: NaN, or 0 where the input was a map.
    public let missing: Double
    private let table: NameTable
    private let categoryTables: [NameTable?]
    /// The categories that are numbers, as such.
    private let categoryNumbers: [[Double: Int]]

    /// - Parameter categories: one list a feature, or none at all.
    public init?(
        names: [String], categories: [[String]] = [], unknownCategoriesAreMissing: Bool = false,
        missing: Double = .nan
    ) {
        guard Set(names).count == names.count else { return nil }
        guard categories.isEmpty || categories.count == names.count else { return nil }
        guard categories.allSatisfy({ Set($0).count == $0.count }) else { return nil }
        self.names = names
        self.categories = categories.isEmpty ? names.map { _ in [] } : categories
        self.unknownCategoriesAreMissing = unknownCategoriesAreMissing
        self.missing = missing
        table = NameTable(names)
        categoryNumbers = self.categories.map { list in
            var numbers: [Double: Int] = [:]
            for (code, text) in list.enumerated() {
                if let number = Double(text), !number.isNaN { numbers[number] = code }
            }
            return numbers
        }
        categoryTables = self.categories.map { $0.isEmpty ? nil : NameTable($0) }
    }

    /// The column of a name given as UTF-8.
    public func index(of name: Span<UInt8>) -> Int? { table.index(of: name) }

    /// Whether a feature's values are categories with names.
    public func hasCategories(_ feature: Int) -> Bool { categoryTables[feature] != nil }

    /// The number that stands for a category given as UTF-8.
    public func category(_ feature: Int, _ text: Span<UInt8>) -> Int? {
        categoryTables[feature]?.index(of: text)
    }

    /// The number that stands for a category that is itself a number.
    public func category(_ feature: Int, number: Double) -> Int? {
        categoryNumbers[feature][number]
    }

    /// Names for features that have none: `f0`, `f1`, …, as XGBoost calls them.
    static func unnamed(_ count: Int) -> FeatureList {
        guard let list = FeatureList(names: (0..<count).map { "f\($0)" }) else {
            preconditionFailure("numbers differ")
        }
        return list
    }

    public static func == (a: FeatureList, b: FeatureList) -> Bool {
        a === b
            || (a.names == b.names && a.categories == b.categories
                && a.unknownCategoriesAreMissing == b.unknownCategoriesAreMissing
                && a.missing.bitPattern == b.missing.bitPattern)
    }
}
