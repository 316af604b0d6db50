import Glibc
import Primitives

/// ONNX `StringConcat`: strings of two tensors one behind the other, with broadcasting.
final class StringConcatOperator: TensorOperator {
    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(2)
        try context.requireOutputs(1)
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        _ = try inputs.dataType(0, oneOf: [.string], "its first input")
        try inputs.requireSameType(0, 1)
        return [ValueInfo(.string, try inputs.broadcastShape())]
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let a = inputs[0], let b = inputs[1], let shape = Shape.broadcast(a.shape, b.shape)
        else { throw OperatorFailure("its shapes cannot be broadcast together") }
        let left = StridedLoop.broadcastStrides(a.shape, to: shape)
        let right = StridedLoop.broadcastStrides(b.shape, to: shape)
        let own = Shape.strides(shape)
        let strings = (0..<shape.reduce(1, *)).map { place in
            var (i, j) = (0, 0)
            for axis in shape.indices {
                i += place / own[axis] % shape[axis] * left[axis]
                j += place / own[axis] % shape[axis] * right[axis]
            }
            return a.strings[i] + b.strings[j]
        }
        return [Tensor(shape: shape, strings: strings)]
    }
}

/// ONNX `StringSplit`: the parts of each string between delimiters (or runs of white space), padded
/// with empty strings; and how many there are.
final class StringSplitOperator: TensorOperator {
    private let delimiter: String
    private let splitsMax: Int?

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(2)
        delimiter = try context.string("delimiter") ?? ""
        splitsMax = try context.int("maxsplit")
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0], x.dataType == .string else {
            throw OperatorFailure("it takes strings")
        }
        let parts = x.strings.map { Self.split($0, delimiter, splitsMax ?? Int.max) }
        let width = parts.map(\.count).max() ?? 0
        guard Shape.elementCount(x.shape + [width]) != nil else {
            throw OperatorFailure("its output is larger than a tensor may be")
        }
        let padded = parts.flatMap { $0 + Array(repeating: "", count: width - $0.count) }
        return [
            Tensor(shape: x.shape + [width], strings: padded),
            Tensor(shape: x.shape, integers: parts.map(\.count)),
        ]
    }

    private static func split(_ text: String, _ delimiter: String, _ splitsMax: Int) -> [String] {
        let bytes = Array(text.utf8)
        var parts: [String] = []
        if delimiter.isEmpty {
            func isSpace(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) }
            var index = 0
            while true {
                while index < bytes.count, isSpace(bytes[index]) { index += 1 }
                if index == bytes.count { return parts }
                var end = index
                if parts.count == splitsMax {
                    end = bytes.count
                    while end > index, isSpace(bytes[end - 1]) { end -= 1 }
                    parts.append(String(decoding: bytes[index..<end], as: UTF8.self))
                    return parts
                }
                while end < bytes.count, !isSpace(bytes[end]) { end += 1 }
                parts.append(String(decoding: bytes[index..<end], as: UTF8.self))
                index = end
            }
        }
        let mark = Array(delimiter.utf8)
        var (start, index) = (0, 0)
        while index + mark.count <= bytes.count, parts.count < splitsMax {
            if bytes[index..<index + mark.count].elementsEqual(mark) {
                parts.append(String(decoding: bytes[start..<index], as: UTF8.self))
                index += mark.count
                start = index
            } else {
                index += 1
            }
        }
        parts.append(String(decoding: bytes[start...], as: UTF8.self))
        return parts
    }
}

/// ONNX `StringNormalizer`: strings without stop words, in lower or upper case.
final class StringNormalizerOperator: TensorOperator {
    private enum Case: String {
        case none = "NONE"
        case lower = "LOWER"
        case upper = "UPPER"
    }

    private let action: Case
    private let isCaseSensitive: Bool
    private let stopWords: Set<String>

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        let name = try context.string("case_change_action") ?? "NONE"
        guard let action = Case(rawValue: name) else {
            throw OperatorFailure("the case '\(name)' is not known")
        }
        self.action = action
        let isSensitive = try context.flag("is_case_sensitive", default: false)
        isCaseSensitive = isSensitive
        // Unicode's own mapping is used, whatever the locale.
        context.ignore("locale")
        let words = try context.strings("stopwords") ?? []
        stopWords = Set(words.map { isSensitive ? $0 : $0.lowercased() })
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0], x.dataType == .string,
            x.shape.count == 1 || (x.shape.count == 2 && x.shape[0] == 1)
        else { throw OperatorFailure("it takes one row of strings") }
        var kept: [String] = []
        for text in x.strings where !stopWords.contains(isCaseSensitive ? text : text.lowercased())
        {
            switch action {
            case .none: kept.append(text)
            case .lower: kept.append(text.lowercased())
            case .upper: kept.append(text.uppercased())
            }
        }
        if kept.isEmpty { kept = [""] }
        return [Tensor(shape: x.shape.count == 1 ? [kept.count] : [1, kept.count], strings: kept)]
    }
}

/// ONNX `TfIdfVectorizer`: how often n-grams of a pool occur in each row, weighted.
final class TfIdfOperator: TensorOperator {
    private enum Mode: String {
        case frequency = "TF"
        case inverse = "IDF"
        case both = "TFIDF"
    }

    private let mode: Mode
    private let (shortest, longest, skipMax): (Int, Int, Int)
    private let places: [[String]: Int]
    private let width: Int
    private let weights: [Float]?

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        guard let shortest = try context.int("min_gram_length"),
            let longest = try context.int("max_gram_length"),
            let skipMax = try context.int("max_skip_count"),
            let mode = Mode(rawValue: try context.string("mode") ?? ""),
            let counts = try context.ints("ngram_counts"),
            let indices = try context.ints("ngram_indexes"), shortest > 0, longest >= shortest,
            skipMax >= 0, longest < 1 << 20, skipMax < 1 << 20
        else { throw OperatorFailure("an attribute it needs is missing or not possible") }
        let words = try context.strings("pool_strings")
        let numbers = try context.ints("pool_int64s")?.map { String($0) }
        let pool = words ?? numbers ?? []
        (self.mode, self.shortest, self.longest, self.skipMax) = (mode, shortest, longest, skipMax)
        weights = try context.floats("weights")
        var places: [[String]: Int] = [:]
        var gram = 0
        for (index, start) in counts.enumerated() {
            let end = index + 1 < counts.count ? counts[index + 1] : pool.count
            guard start >= 0, start <= end, end <= pool.count else {
                throw OperatorFailure("its n-gram counts do not fit its pool")
            }
            var at = start
            while at + index + 1 <= end {
                guard gram < indices.count, indices[gram] >= 0 else {
                    throw OperatorFailure("its n-gram indexes do not fit its pool")
                }
                places[Array(pool[at..<at + index + 1])] = gram
                gram += 1
                at += index + 1
            }
        }
        columns = indices
        width = (indices.max() ?? -1) + 1
        self.places = places
        guard width < 1 << 28, weights.map({ $0.count == indices.count }) ?? true else {
            throw OperatorFailure("its weights do not fit its n-gram indexes")
        }
    }

    private let columns: [Int]

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        _ = try inputs.dataType(0, oneOf: [.string, .int32, .int64], "its input")
        let shape = inputs[0].shape
        guard shape.count <= 2 else { throw OperatorFailure("it takes rows") }
        return [ValueInfo(.float32, shape.count == 2 ? [shape[0], width] : [width])]
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0] else { throw OperatorFailure("its input is left out") }
        let words = x.wholeNumbers?.map { String($0) } ?? x.strings
        let rows = x.shape.count == 2 ? x.shape[0] : 1
        let length = rows == 0 ? 0 : words.count / rows
        var made = Array(repeating: Float(0), count: rows * width)
        for row in 0..<rows {
            let line = Array(words[row * length..<(row + 1) * length])
            for gram in grams(line) {
                let at = row * width + columns[gram]
                let weight = weights?[gram] ?? 1
                switch mode {
                case .frequency: made[at] += 1
                case .inverse: made[at] = weight
                case .both: made[at] += weight
                }
            }
        }
        return [Tensor(.float32, shape: x.shape.count == 2 ? [rows, width] : [width], made)]
    }

    /// Every occurrence of an n-gram of the pool; single words count once, whatever the skips.
    private func grams(_ line: [String]) -> [Int] {
        var found: [Int] = []
        for skip in 1...skipMax + 1 {
            for size in shortest...longest {
                if size == 1, skip > 1 { continue }
                let reach = (size - 1) * skip
                guard reach < line.count else { break }
                for start in 0..<line.count - reach {
                    let gram = (0..<size).map { line[start + $0 * skip] }
                    if let index = places[gram] { found.append(index) }
                }
            }
        }
        return found
    }
}
