/// What is known of streams that are gone, to tell a frame that crossed our reset from one that breaks
/// the protocol (RFC 9113 section 5.1). The last few ends are kept; of older ones nothing is known, and
/// frames for them are thrown away.
struct HTTP2EndedStreams: Sendable {
    enum End: Sendable, Equatable {
        /// The client said itself that it sends no more: by END_STREAM or by RST_STREAM.
        case byClient
        /// Never used, and closed when the client used a higher number (section 5.1.1).
        case skipped
    }

    private struct Entry: Sendable {
        var first: Int32 = 0
        var last: Int32 = -1
        var end = End.byClient
    }

    private static let countMax = 32
    private var entries = InlineArray<32, Entry>(repeating: Entry())
    private var next = 0
    /// The highest stream the client has used.
    private(set) var largest: Int32 = 0

    /// The client begins a stream above all others.
    mutating func begin(_ number: Int32) {
        precondition(number > largest, "numbers of new streams rise")
        let skipped = largest + 1 + largest % 2
        if number > skipped {
            add(Entry(first: skipped, last: number - 1, end: .skipped))
        }
        largest = number
    }

    mutating func end(_ number: Int32) {
        add(Entry(first: number, last: number, end: .byClient))
    }

    private mutating func add(_ entry: Entry) {
        entries[next] = entry
        next = (next + 1) % Self.countMax
    }

    /// How a stream ended; nil when it is open, was reset by us, or ended too long ago.
    func end(of number: Int32) -> End? {
        for index in 0..<Self.countMax
        where entries[index].first <= number && number <= entries[index].last {
            return entries[index].end
        }
        return nil
    }
}
