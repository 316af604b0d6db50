import Logging
import Primitives
import Synchronization
import Telemetry
import Testing

private final class Lines: Sendable {
    private let text = Mutex("")
    func add(_ line: String) { text.withLock { $0 += line } }
    var all: String { text.withLock { $0 } }

    /// The only line as a JSON object.
    func object() throws -> JSONValue {
        let text = all
        #expect(text.hasSuffix("\n"))
        #expect(text.utf8.count { $0 == 0x0A } == 1)
        return try JSONValue(parsing: text)
    }
}

private func member(_ value: JSONValue, _ key: String) -> JSONValue? {
    guard case .object(let members) = value else { return nil }
    return members.first { $0.key == key }?.value
}

@Test func namesFromModelFilesForgeNoLines() {
    let lines = Lines()
    let log = Log { lines.add($0) }
    log.info("naïve 'a\nb'")
    log.error("node '\u{1B}[31mred\0\r\u{9B}'")
    #expect(
        lines.all == "martlet: naïve 'a\\u{a}b'\n"
            + "martlet: error: node '\\u{1b}[31mred\\u{0}\\u{d}\\u{9b}'\n")
}

@Test func aLineForTheOperatorIsBounded() {
    let lines = Lines()
    Log { lines.add($0) }.info(String(repeating: "ä", count: 1_000_000))
    #expect(lines.all.unicodeScalars.count < 5_000)
}

@Test func aJSONLineHasItsTimeItsLevelAndItsModel() throws {
    let lines = Lines()
    Log(format: .json) { lines.add($0) }.error("it \"broke\"\n", model: "iris", version: "2")
    let line = try lines.object()
    #expect(member(line, "level") == .string("error"))
    #expect(member(line, "logger") == .string("martlet"))
    #expect(member(line, "message") == .string("it \"broke\"\\u{a}"))
    #expect(member(line, "model") == .string("iris"))
    #expect(member(line, "version") == .string("2"))
    guard case .string(let time)? = member(line, "time") else {
        Issue.record("a time is text")
        return
    }
    #expect(time.utf8.count == 24 && time.hasSuffix("Z") && time.hasPrefix("20"))
}

@Test func figuresKeepTheirTypesAndNoKeyStandsForOurs() throws {
    let lines = Lines()
    Log(format: .json) { lines.add($0) }.info(
        "m",
        figures: [
            "level": "mine", "count": .stringConvertible(3), "share": .stringConvertible(0.5),
            "is": .stringConvertible(true), "list": .array(["a", .dictionary(["b": "c\u{7}"])]),
            "odd": .stringConvertible(Double.nan), "wide": .stringConvertible(UInt32(7)),
            "huge": .stringConvertible(UInt64.max), "single": .stringConvertible(Float(0.1)),
        ])
    let line = try lines.object()
    #expect(member(line, "wide") == .integer(7))
    #expect(member(line, "single") == .number(0.1))
    #expect(lines.all.contains(#""huge":18446744073709551615"#))
    #expect(member(line, "level") == .string("info"))
    #expect(member(line, "_level") == .string("mine"))
    #expect(member(line, "count") == .integer(3))
    #expect(member(line, "share") == .number(0.5))
    #expect(member(line, "is") == .boolean(true))
    #expect(member(line, "odd") == .string("nan"))
    #expect(
        member(line, "list")
            == .array([.string("a"), .object([JSONMember("b", .string("c\\u{7}"))])]))
}

@Test func whatIsBelowTheLevelIsNotWritten() {
    let lines = Lines()
    let log = Log(level: .warning) { lines.add($0) }
    log.info("quiet")
    log.warning("loud")
    #expect(lines.all == "martlet: warning: loud\n")
}

@Test func loggersOfModelsEndInTheSameLines() throws {
    let lines = Lines()
    var logger = Logger(label: "my.model") {
        LineLogHandler(label: $0, format: .json, level: .debug) { lines.add($0) }
    }
    logger[metadataKey: "a"] = "1"
    logger.debug("hello", metadata: ["b": "2"])
    let line = try lines.object()
    #expect(member(line, "logger") == .string("my.model"))
    #expect(member(line, "a") == .string("1"))
    #expect(member(line, "b") == .string("2"))
    let text = Lines()
    var other = Logger(label: "my.model") {
        LineLogHandler(label: $0, format: .text, level: .debug) { text.add($0) }
    }
    other[metadataKey: "a"] = "1\n"
    other.notice("hello")
    #expect(text.all == "martlet: [my.model] hello a=1\\u{a}\n")
}
