import Primitives

/// A regular expression in the syntax of RE2, matched in time linear in the text: all ways to match go
/// on side by side (Thompson, "Regular Expression Search Algorithm", 1968).
///
/// Takes literals, `.`, classes, groups, alternatives, counts (greedy or lazy is the same for a full
/// match), `^ $ \A \z \b \B`, and the classes `\d \w \s` and their complements.
struct RegularExpression: Sendable {
    enum Instruction: Sendable {
        case set(CharacterSet)
        case split(Int, Int)
        case jump(Int)
        case assert(Assertion)
        case match
    }

    enum Assertion: Sendable {
        case start, end, wordEdge, noWordEdge
    }

    /// Ranges of code points, or all but those.
    struct CharacterSet: Sendable {
        var ranges: [ClosedRange<UInt32>] = []
        var isInverted = false

        func contains(_ value: UInt32) -> Bool {
            ranges.contains { $0.contains(value) } != isInverted
        }
    }

    /// Instructions of a program. A pattern of counts in counts grows with their product.
    static let instructionsMax = 10_000

    private let program: [Instruction]

    init(_ pattern: String) throws(OperatorFailure) {
        var compiler = RegularExpressionCompiler(pattern)
        program = try compiler.compile()
    }

    /// Whether all of the text matches.
    func matchesAll(_ text: String) -> Bool {
        let scalars = text.unicodeScalars.map(\.value)
        var current = Threads(program.count)
        var next = Threads(program.count)
        add(0, to: &current, scalars, 0)
        for (index, value) in scalars.enumerated() {
            next.removeAll()
            for thread in current.list {
                if case .set(let set) = program[thread], set.contains(value) {
                    add(thread + 1, to: &next, scalars, index + 1)
                }
            }
            swap(&current, &next)
            if current.list.isEmpty { return false }
        }
        return current.list.contains { thread in
            if case .match = program[thread] { true } else { false }
        }
    }

    /// Places in the program, each once.
    private struct Threads {
        var list: [Int] = []
        var isIn: [Bool]

        init(_ count: Int) { isIn = Array(repeating: false, count: count) }

        mutating func removeAll() {
            for thread in list { isIn[thread] = false }
            list.removeAll(keepingCapacity: true)
        }
    }

    /// Follows jumps, splits and assertions that hold, without recursion.
    private func add(_ start: Int, to threads: inout Threads, _ text: [UInt32], _ place: Int) {
        var stack = [start]
        while let thread = stack.popLast() {
            if threads.isIn[thread] { continue }
            threads.isIn[thread] = true
            threads.list.append(thread)
            switch program[thread] {
            case .jump(let target): stack.append(target)
            case .split(let first, let second): stack += [second, first]
            case .assert(let assertion):
                if holds(assertion, text, place) { stack.append(thread + 1) }
            case .set, .match: break
            }
        }
    }

    private func holds(_ assertion: Assertion, _ text: [UInt32], _ place: Int) -> Bool {
        let isEdge = isWord(text, place - 1) != isWord(text, place)
        switch assertion {
        case .start: return place == 0
        case .end: return place == text.count
        case .wordEdge: return isEdge
        case .noWordEdge: return !isEdge
        }
    }

    private func isWord(_ text: [UInt32], _ place: Int) -> Bool {
        place >= 0 && place < text.count && RegularExpressionCompiler.word.contains(text[place])
    }
}

/// Makes the program of a pattern, part by part.
struct RegularExpressionCompiler {
    typealias Instruction = RegularExpression.Instruction
    typealias CharacterSet = RegularExpression.CharacterSet

    static let word = CharacterSet(ranges: [48...57, 65...90, 95...95, 97...122])
    private static let digit = CharacterSet(ranges: [48...57])
    private static let space = CharacterSet(ranges: [9...10, 12...13, 32...32])
    /// Groups inside of groups.
    private static let depthMax = 100
    private static let repeatsMax = 1_000

    private let pattern: [Unicode.Scalar]
    private var place = 0
    private var depth = 0

    init(_ pattern: String) { self.pattern = Array(pattern.unicodeScalars) }

    mutating func compile() throws(OperatorFailure) -> [Instruction] {
        let program = try alternatives() + [.match]
        guard place == pattern.count else { throw failure("a ')' too many") }
        return program
    }

    private func failure(_ what: String) -> OperatorFailure {
        var text = ""
        text.unicodeScalars.append(contentsOf: pattern)
        return OperatorFailure("the pattern '\(text)' has \(what) at \(place)")
    }

    private func peek() -> Unicode.Scalar? { place < pattern.count ? pattern[place] : nil }

    private mutating func take(_ wanted: Unicode.Scalar) -> Bool {
        guard peek() == wanted else { return false }
        place += 1
        return true
    }

    private mutating func alternatives() throws(OperatorFailure) -> [Instruction] {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.depthMax else { throw failure("groups nested too deeply") }
        var left = try sequence()
        while take("|") {
            let right = try sequence()
            // Split over both; the first jumps behind the second.
            left =
                [.split(1, left.count + 2)] + moved(left, 1) + [.jump(left.count + right.count + 2)]
                + moved(right, left.count + 2)
            guard left.count <= RegularExpression.instructionsMax else {
                throw failure("too many parts")
            }
        }
        return left
    }

    private mutating func sequence() throws(OperatorFailure) -> [Instruction] {
        var program: [Instruction] = []
        while let next = peek(), next != "|", next != ")" {
            var part = try atom()
            while let (low, high) = try count() { part = try repeated(part, low, high) }
            program += moved(part, program.count)
            guard program.count <= RegularExpression.instructionsMax else {
                throw failure("too many parts")
            }
        }
        return program
    }

    /// A part of a program put behind others.
    private func moved(_ part: [Instruction], _ offset: Int) -> [Instruction] {
        part.map { instruction in
            switch instruction {
            case .jump(let target): .jump(target + offset)
            case .split(let first, let second): .split(first + offset, second + offset)
            case .set, .assert, .match: instruction
            }
        }
    }

    private func repeated(
        _ part: [Instruction], _ low: Int, _ high: Int?
    ) throws(OperatorFailure) -> [Instruction] {
        let copies = max(low, high ?? low) + 1
        guard (part.count + 2) * copies <= RegularExpression.instructionsMax else {
            throw failure("too many parts")
        }
        var program: [Instruction] = []
        for _ in 0..<low { program += moved(part, program.count) }
        guard let high else {
            let start = program.count
            program.append(.split(start + 1, start + part.count + 2))
            program += moved(part, start + 1)
            program.append(.jump(start))
            return program
        }
        let end = program.count + (high - low) * (part.count + 1)
        for _ in low..<max(high, low) {
            program.append(.split(program.count + 1, end))
            program += moved(part, program.count)
        }
        return program
    }

    /// A count behind a part; `?` behind it makes it lazy, which changes no full match.
    private mutating func count() throws(OperatorFailure) -> (Int, Int?)? {
        var result: (Int, Int?)
        switch peek() {
        case "*": result = (0, nil)
        case "+": result = (1, nil)
        case "?": result = (0, 1)
        case "{":
            guard let found = braces() else { return nil }
            result = found
            guard result.0 <= Self.repeatsMax, (result.1 ?? 0) <= Self.repeatsMax,
                result.1.map({ $0 >= result.0 }) ?? true
            else { throw failure("a count that is not possible") }
        default: return nil
        }
        place += 1
        if peek() == "?" { place += 1 }
        return result
    }

    /// `{2}`, `{2,}` or `{2,5}`, up to its last brace; anything else is literal.
    private mutating func braces() -> (Int, Int?)? {
        guard let end = pattern[place...].firstIndex(of: "}") else { return nil }
        var text = ""
        text.unicodeScalars.append(contentsOf: pattern[(place + 1)..<end])
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        guard parts.count <= 2, let low = Int(parts[0]), low >= 0 else { return nil }
        if parts.count == 2, parts[1].isEmpty {
            place = end
            return (low, nil)
        }
        guard let high = parts.count == 2 ? Int(parts[1]) : low else { return nil }
        place = end
        return (low, high)
    }

    private mutating func atom() throws(OperatorFailure) -> [Instruction] {
        guard let next = peek() else { throw failure("nothing") }
        place += 1
        switch next {
        case "(":
            if take("?") {
                guard take(":") else { throw failure("a kind of group that is not known") }
            }
            let inner = try alternatives()
            guard take(")") else { throw failure("a ')' too few") }
            return inner
        case "[": return [.set(try characterClass())]
        case ".": return [.set(CharacterSet(ranges: [10...10], isInverted: true))]
        case "^": return [.assert(.start)]
        case "$": return [.assert(.end)]
        case "*", "+", "?": throw failure("a count without a part")
        case "\\": return [try escape()]
        default: return [.set(CharacterSet(ranges: [next.value...next.value]))]
        }
    }

    private mutating func escape() throws(OperatorFailure) -> Instruction {
        switch peek() {
        case "b":
            place += 1
            return .assert(.wordEdge)
        case "B":
            place += 1
            return .assert(.noWordEdge)
        case "A":
            place += 1
            return .assert(.start)
        case "z":
            place += 1
            return .assert(.end)
        default: return .set(try escapedSet())
        }
    }

    private mutating func escapedSet() throws(OperatorFailure) -> CharacterSet {
        guard let next = peek() else { throw failure("a '\\' at its end") }
        place += 1
        func one(_ value: UInt32) -> CharacterSet { CharacterSet(ranges: [value...value]) }
        switch next {
        case "d": return Self.digit
        case "D": return CharacterSet(ranges: Self.digit.ranges, isInverted: true)
        case "w": return Self.word
        case "W": return CharacterSet(ranges: Self.word.ranges, isInverted: true)
        case "s": return Self.space
        case "S": return CharacterSet(ranges: Self.space.ranges, isInverted: true)
        case "n": return one(10)
        case "t": return one(9)
        case "r": return one(13)
        case "f": return one(12)
        case "v": return one(11)
        case "a": return one(7)
        default:
            let isWord = Self.word.contains(next.value) && next != "_"
            guard !isWord else { throw failure("an escape that is not known") }
            return one(next.value)
        }
    }

    private mutating func characterClass() throws(OperatorFailure) -> CharacterSet {
        var set = CharacterSet()
        set.isInverted = take("^")
        var isFirst = true
        while let next = peek(), next != "]" || isFirst {
            isFirst = false
            place += 1
            if next == "\\" {
                let part = try escapedSet()
                if part.isInverted {
                    set.ranges += Self.complement(part.ranges)
                    continue
                }
                if part.ranges.count > 1 || part.ranges[0].count > 1 {
                    set.ranges += part.ranges
                    continue
                }
                set.ranges.append(try range(from: part.ranges[0].lowerBound))
            } else {
                set.ranges.append(try range(from: next.value))
            }
        }
        guard take("]") else { throw failure("a ']' too few") }
        return set
    }

    /// A character of a class, or a range that starts with it.
    private mutating func range(from low: UInt32) throws(OperatorFailure) -> ClosedRange<UInt32> {
        guard peek() == "-", place + 1 < pattern.count, pattern[place + 1] != "]" else {
            return low...low
        }
        place += 1
        var high = pattern[place].value
        place += 1
        if high == 92 {
            let part = try escapedSet()
            guard !part.isInverted, part.ranges.count == 1, part.ranges[0].count == 1 else {
                throw failure("a range that ends in a class")
            }
            high = part.ranges[0].lowerBound
        }
        guard low <= high else { throw failure("a range that runs backwards") }
        return low...high
    }

    private static func complement(_ ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
        var result: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if range.lowerBound > next { result.append(next...range.lowerBound - 1) }
            next = range.upperBound + 1
        }
        result.append(next...0x10FFFF)
        return result
    }
}

/// ONNX `RegexFullMatch`: whether each string matches a pattern from start to end.
final class RegexFullMatchOperator: TensorOperator {
    private let expression: RegularExpression

    init(_ context: OperatorContext) throws(OperatorFailure) {
        try context.requireInputs(1)
        try context.requireOutputs(1)
        guard let pattern = try context.string("pattern") else {
            throw OperatorFailure("its attribute 'pattern' is missing")
        }
        expression = try RegularExpression(pattern)
    }

    func shapes(_ inputs: Inputs) throws(OperatorFailure) -> [ValueInfo]? {
        _ = try inputs.dataType(0, oneOf: [.string], "its input")
        return [ValueInfo(.bool, inputs[0].shape)]
    }

    func compute(_ inputs: [Tensor?]) throws(OperatorFailure) -> [Tensor] {
        guard let x = inputs[0] else { throw OperatorFailure("its input is left out") }
        let made = x.strings.map { UInt8(expression.matchesAll($0) ? 1 : 0) }
        return [Tensor(.bool, shape: x.shape, made)]
    }
}
