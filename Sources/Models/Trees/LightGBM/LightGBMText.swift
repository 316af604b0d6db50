import Kernels
import Primitives

/// Reads the text that LightGBM's `save_model` writes (versions v2 to v4 of the format): lines
/// `key=value`, a section a tree, then the parameters of training.
struct LightGBMText {
    private let path: String
    private let limits: Limits
    private let lines: [Substring]
    private var next = 0
    private var contents = LightGBMContents()

    static func read(
        _ bytes: [UInt8], path: String, limits: Limits
    ) throws(ModelLoadError) -> TabularContents {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ModelLoadError(path: path, reason: "it is no UTF-8")
        }
        var reader = LightGBMText(text, path: path, limits: limits)
        try reader.read()
        return try reader.contents.tabular { place, reason in
            ModelLoadError(path: path, place: place, reason: reason)
        }
    }

    private init(_ text: String, path: String, limits: Limits) {
        self.path = path
        self.limits = limits
        lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
    }

    private func failure(_ place: String, _ reason: String) -> ModelLoadError {
        ModelLoadError(path: path, place: place, reason: reason)
    }

    private mutating func read() throws(ModelLoadError) {
        let head = Section(path: path, place: "", try section())
        try readHead(head)
        var hasEnd = false
        while next < lines.count {
            let line = lines[next]
            next += 1
            if line == "end of trees" {
                hasEnd = true
                break
            }
            guard line.hasPrefix("Tree=") else {
                if line.isEmpty { continue }
                throw failure("line \(next)", "expected a tree, found '\(line.prefix(40))'")
            }
            let tree = Section(path: path, place: String(line), try section())
            contents.trees.append(try LightGBMTree(tree, limits: limits))
        }
        guard hasEnd else { throw failure("", "the file ends before 'end of trees'") }
        try readTail()
    }

    /// The lines up to the next empty one, as keys and values.
    private mutating func section() throws(ModelLoadError) -> [Substring: Substring] {
        var members: [Substring: Substring] = [:]
        while next < lines.count, !lines[next].isEmpty, !lines[next].hasPrefix("Tree=") {
            let line = lines[next]
            next += 1
            let equals = line.firstIndex(of: "=")
            let key = line[..<(equals ?? line.endIndex)]
            let value = equals.map { line[line.index(after: $0)...] } ?? ""
            guard members.updateValue(value, forKey: key) == nil else {
                throw failure("line \(next)", "'\(key.prefix(40))' stands twice in one section")
            }
        }
        return members
    }

    private mutating func readHead(_ head: Section) throws(ModelLoadError) {
        contents.version = head.optional("version").map { String($0) } ?? "v2"
        guard ["v2", "v3", "v4"].contains(contents.version) else {
            throw failure("version", "'\(contents.version.prefix(40))' is none of v2, v3 and v4")
        }
        contents.classCount = try head.integer("num_class", 1...limits.modelTargetsMax)
        contents.treesPerIteration = try head.integer(
            "num_tree_per_iteration", 1...limits.modelTargetsMax)
        contents.featureCount =
            try head.integer("max_feature_idx", -1...limits.modelFeaturesMax - 1) + 1
        contents.objective = head.optional("objective").map { String($0) } ?? ""
        contents.averages = head.optional("average_output") != nil
        contents.featureNames = (head.optional("feature_names") ?? "").split(separator: " ")
            .map { String($0) }
        // A range is in brackets, categories are a list, and `none` is a column of one value.
        contents.isCategorical = (head.optional("feature_infos") ?? "").split(separator: " ").map {
            !$0.hasPrefix("[") && $0 != "none"
        }
    }

    /// The categories of the data frame, and which columns they are of.
    private mutating func readTail() throws(ModelLoadError) {
        for line in lines[next...] {
            if line.hasPrefix("[categorical_feature: "), line.hasSuffix("]") {
                let columns = line.dropFirst(22).dropLast().split(separator: ",").compactMap {
                    Int($0)
                }
                if columns.isEmpty { continue }
                contents.isCategorical = (0..<contents.featureCount).map { columns.contains($0) }
            } else if line.hasPrefix("pandas_categorical:") {
                contents.categories = try categories(line.dropFirst(19))
            }
        }
    }

    private func categories(_ json: Substring) throws(ModelLoadError) -> [[String]] {
        let bytes = Array(json.utf8)
        let document: ModelDocument
        do throws(JSONError) {
            document = try ModelDocument(json: bytes.span, limits: limits)
        } catch {
            throw failure("pandas_categorical", error.message)
        }
        return try PandasCategories.read(
            DocumentPlace(path: path, document, place: "pandas_categorical"))
    }

    /// The lines of one section.
    struct Section {
        let path: String
        let place: String
        private let members: [Substring: Substring]

        init(path: String, place: String, _ members: [Substring: Substring]) {
            self.path = path
            self.place = place
            self.members = members
        }

        func optional(_ key: Substring) -> Substring? { members[key] }

        func failure(_ key: Substring, _ reason: String) -> ModelLoadError {
            let place = place.isEmpty ? String(key) : "\(place): \(key)"
            return ModelLoadError(path: path, place: place, reason: reason)
        }

        func integer(
            _ key: Substring, _ range: ClosedRange<Int>, default value: Int? = nil
        ) throws(ModelLoadError) -> Int {
            if members[key] == nil, let value { return value }
            guard let text = members[key], let number = Int(text), range.contains(number) else {
                throw failure(
                    key, "expected a whole number from \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }

        /// The numbers of a line; `count` of them, or as many as there are.
        func numbers(_ key: Substring, count: Int? = nil) throws(ModelLoadError) -> [Double] {
            var result: [Double] = []
            for word in (members[key] ?? "").split(separator: " ") {
                guard let number = Double(word) else {
                    throw failure(key, "'\(word.prefix(40))' is no number")
                }
                result.append(number)
            }
            if let count, result.count != count {
                throw failure(key, "it has \(result.count) numbers instead of \(count)")
            }
            return result
        }

        func integers(
            _ key: Substring, _ range: ClosedRange<Int>, count: Int? = nil
        ) throws(ModelLoadError) -> [Int] {
            var result: [Int] = []
            for word in (members[key] ?? "").split(separator: " ") {
                guard let number = Int(word), range.contains(number) else {
                    throw failure(
                        key,
                        "'\(word.prefix(40))' is no whole number from \(range.lowerBound) to "
                            + "\(range.upperBound)")
                }
                result.append(number)
            }
            if let count, result.count != count {
                throw failure(key, "it has \(result.count) numbers instead of \(count)")
            }
            return result
        }
    }
}

/// `pandas_categorical`: a list of values for each categorical column, or null.
enum PandasCategories {
    static func read(_ place: DocumentPlace) throws(ModelLoadError) -> [[String]] {
        if case .null = place.value { return [] }
        var result: [[String]] = []
        for column in try place.elements() {
            var list: [String] = []
            for value in try column.elements() {
                switch value.value {
                case .text(let text): list.append(text)
                case .number(let number): list.append(XGBoostCategories.text(number))
                case .boolean(let flag): list.append(flag ? "true" : "false")
                case .null, .numbers, .array, .object:
                    throw value.failure("a category is \(value.value.phrase)")
                }
            }
            result.append(list)
        }
        return result
    }
}
