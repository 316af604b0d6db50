/// What a client may make the server do for nothing: a token bucket over frames that cost us work
/// and the client next to nothing.
///
/// PING, SETTINGS, PRIORITY, WINDOW_UPDATE, RST_STREAM, CONTINUATION, unknown frames, empty DATA,
/// small DATA of streams that are gone, new streams and resets that a malformed frame made us send
/// cost one token each. Time and useful work (answers sent) put tokens back, so that a busy honest
/// client never runs dry, whatever its rate. One rule for rapid reset (CVE-2023-44487), MadeYouReset
/// (CVE-2025-8671) and the floods of CVE-2019-9511 to 9518.
struct HTTP2Budget: Sendable {
    /// In thousandths of a token, so that milliseconds refill without rounding.
    private var thousandths: Int
    private let thousandthsMax: Int
    private let perSecond: Int
    private var refilled: UInt64?

    init(tokensMax: Int, perSecond: Int) {
        thousandthsMax = tokensMax * 1000
        thousandths = thousandthsMax
        self.perSecond = perSecond
    }

    /// Whole tokens left; negative once it is overdrawn.
    var tokens: Int { thousandths / 1000 }

    mutating func refill(now milliseconds: UInt64) {
        if let refilled, milliseconds > refilled {
            let elapsed = Int(min(milliseconds - refilled, 1_000_000))
            thousandths = min(thousandths + elapsed * perSecond, thousandthsMax)
        }
        refilled = max(refilled ?? 0, milliseconds)
    }

    /// Takes a token; false when there is none, which ends the connection.
    mutating func spend() -> Bool {
        thousandths -= 1000
        return thousandths >= 0
    }

    mutating func earn(thousandths earned: Int) {
        thousandths = min(thousandths + earned, thousandthsMax)
    }
}
