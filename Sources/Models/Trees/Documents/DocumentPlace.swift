import Primitives

/// A value of a model file with the way to it, so that whatever is wrong there has a place:
/// `learner.gradient_booster.model.trees[3].left_children`.
struct DocumentPlace: Sendable {
    let path: String
    let place: String
    let value: ModelDocument

    init(path: String, _ value: ModelDocument, place: String = "") {
        self.path = path
        self.place = place
        self.value = value
    }

    func failure(_ reason: String) -> ModelLoadError {
        ModelLoadError(path: path, place: place, reason: reason)
    }

    private func inside(_ key: String, _ value: ModelDocument) -> DocumentPlace {
        DocumentPlace(path: path, value, place: place.isEmpty ? key : "\(place).\(key)")
    }

    // MARK: Objects and arrays

    /// The member of an object, or nil when it has none of this name.
    func optional(_ key: String) throws(ModelLoadError) -> DocumentPlace? {
        guard case .object(let members) = value else {
            throw failure("expected an object, found \(value.phrase)")
        }
        guard let member = members[key] else { return nil }
        if case .null = member { return nil }
        return inside(key, member)
    }

    func member(_ key: String) throws(ModelLoadError) -> DocumentPlace {
        guard let found = try optional(key) else { throw failure("it has no '\(key)'") }
        return found
    }

    /// The elements of an array.
    func elements() throws(ModelLoadError) -> [DocumentPlace] {
        let list: [ModelDocument]
        switch value {
        case .array(let elements): list = elements
        case .numbers(let numbers): list = numbers.map { .number($0) }
        case .null, .boolean, .number, .text, .object:
            throw failure("expected an array, found \(value.phrase)")
        }
        return list.enumerated().map { index, element in
            DocumentPlace(path: path, element, place: "\(place)[\(index)]")
        }
    }

    // MARK: Values

    var isText: Bool {
        if case .text = value { true } else { false }
    }

    func text() throws(ModelLoadError) -> String {
        guard case .text(let text) = value else {
            throw failure("expected a string, found \(value.phrase)")
        }
        return text
    }

    func number() throws(ModelLoadError) -> Double {
        guard case .number(let number) = value else {
            throw failure("expected a number, found \(value.phrase)")
        }
        return number
    }

    func boolean() throws(ModelLoadError) -> Bool {
        switch value {
        case .boolean(let flag): return flag
        case .number(0): return false
        case .number(1): return true
        case .null, .number, .text, .numbers, .array, .object:
            throw failure("expected true or false, found \(value.phrase)")
        }
    }

    /// An integer, which XGBoost writes as text.
    func integer(_ range: ClosedRange<Int>) throws(ModelLoadError) -> Int {
        let found: Int?
        switch value {
        case .number(let number): found = Int(exactly: number)
        case .text(let text): found = Int(text)
        case .null, .boolean, .numbers, .array, .object: found = nil
        }
        guard let found, range.contains(found) else {
            throw failure(
                "expected a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return found
    }

    func numbers(count: Int? = nil) throws(ModelLoadError) -> [Double] {
        guard case .numbers(let numbers) = value else {
            throw failure("expected an array of numbers, found \(describeElements())")
        }
        try check(numbers.count, count)
        return numbers
    }

    /// Whole numbers of a range.
    func integers(
        _ range: ClosedRange<Int>, count: Int? = nil
    ) throws(ModelLoadError) -> [Int] {
        let numbers = try numbers(count: count)
        var result: [Int] = []
        result.reserveCapacity(numbers.count)
        for (index, number) in numbers.enumerated() {
            guard let integer = Int(exactly: number), range.contains(integer) else {
                throw failure(
                    "element \(index) is \(number); expected a whole number from "
                        + "\(range.lowerBound) to \(range.upperBound)")
            }
            result.append(integer)
        }
        return result
    }

    /// Truth values, written as such or as 0 and 1.
    func flags(count: Int) throws(ModelLoadError) -> [Bool] {
        switch value {
        case .numbers(let numbers):
            try check(numbers.count, count)
            return numbers.map { $0 != 0 }
        case .array, .null, .boolean, .number, .text, .object:
            let elements = try elements()
            try check(elements.count, count)
            var result: [Bool] = []
            for element in elements { result.append(try element.boolean()) }
            return result
        }
    }

    func texts() throws(ModelLoadError) -> [String] {
        var result: [String] = []
        for element in try elements() { result.append(try element.text()) }
        return result
    }

    private func check(_ found: Int, _ wanted: Int?) throws(ModelLoadError) {
        guard let wanted, found != wanted else { return }
        throw failure("it has \(found) elements instead of \(wanted)")
    }

    private func describeElements() -> String {
        if case .array = value { "one with other elements" } else { value.phrase }
    }
}
