/// Finds the frames in what a client sends, however it is split (RFC 9113 section 4.1).
///
/// nghttp2 passes over some frames without a word: unknown types, DATA of streams that are gone,
/// PRIORITY. They cost reading all the same, so the session looks at every header before nghttp2
/// does. Costs some nanoseconds a frame and no memory.
struct HTTP2FrameScanner: Sendable {
    /// The header of a frame, and what a PRIORITY frame depends on.
    struct Header: Sendable, Equatable {
        var byteCount: Int
        var type: UInt8
        var flags: UInt8
        var stream: Int32
        /// The first field of a PRIORITY frame (RFC 9113 section 6.3); 0 in others.
        var dependency: Int32
    }

    /// What nghttp2 is to be given next: `start` to `end` of the input, and before it `heldCount` bytes
    /// of `held`. Empty while a header is incomplete: nghttp2 1.52 as Debian 12 has it counts every part
    /// of a CONTINUATION header as a frame, so it only sees headers in one piece.
    struct Piece: Sendable, Equatable {
        var header: Header?
        var start: Int
        var end: Int
        var heldCount = 0
    }

    private static let headerBytes = 9
    private static let priority: UInt8 = 2

    /// Bytes of the client's preface that are to come (section 3.4).
    private var prefaceLeft = 24
    /// The header that is being read, or was read last.
    private(set) var held = InlineArray<13, UInt8>(repeating: 0)
    private var count = 0
    /// How many of `bytes` make a header.
    private var wanted = headerBytes
    private var isReported = false
    private var payloadLeft = 0

    /// Goes on from `start` to the end of a frame or of the input. `header` is set when a frame's header
    /// became complete on the way. Always goes forward.
    mutating func next(_ input: Span<UInt8>, from start: Int) -> Piece {
        var position = start
        if prefaceLeft > 0 {
            let taken = min(prefaceLeft, input.count - position)
            prefaceLeft -= taken
            return Piece(start: start, end: position + taken)
        }
        let before = count
        while count < wanted {
            guard position < input.count else { return Piece(start: position, end: position) }
            held[count] = input[position]
            count += 1
            position += 1
            // A PRIORITY frame of the right size is reported with its first field.
            if count == Self.headerBytes, held[3] == Self.priority, length == 5 { wanted = 13 }
        }
        var piece = Piece(start: start, end: position)
        if !isReported {
            isReported = true
            payloadLeft = length - (wanted - Self.headerBytes)
            piece.header = Header(
                byteCount: length, type: held[3], flags: held[4], stream: number(at: 5),
                dependency: wanted > Self.headerBytes ? number(at: 9) : 0)
            if before > 0 {
                piece.heldCount = wanted
                piece.start = position
            }
        }
        let taken = min(payloadLeft, input.count - position)
        payloadLeft -= taken
        piece.end = position + taken
        if payloadLeft == 0 {
            count = 0
            wanted = Self.headerBytes
            isReported = false
        }
        return piece
    }

    private var length: Int { Int(held[0]) << 16 | Int(held[1]) << 8 | Int(held[2]) }

    /// 31 bits; the first is reserved, or says "exclusive".
    private func number(at start: Int) -> Int32 {
        Int32(held[start] & 0x7F) << 24 | Int32(held[start + 1]) << 16
            | Int32(held[start + 2]) << 8 | Int32(held[start + 3])
    }
}
