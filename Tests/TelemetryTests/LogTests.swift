import Synchronization
import Telemetry
import Testing

private final class Lines: Sendable {
    private let text = Mutex("")
    func add(_ line: String) { text.withLock { $0 += line } }
    var all: String { text.withLock { $0 } }
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
