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

    private static let headerBytes = 9
    private static let priority: UInt8 = 2

    /// Bytes of the client's preface that are to come (section 3.4).
    private var prefaceLeft = 24
    private var bytes = InlineArray<13, UInt8>(repeating: 0)
    private var count = 0
    /// How many of `bytes` make a header.
    private var wanted = headerBytes
    private var isReported = false
    private var payloadLeft = 0

    /// Goes on from `start` to the end of a frame or of the input, and returns where that is.
    /// `header` is set when a frame's header became complete on the way. Always goes forward.
    mutating func next(_ input: Span<UInt8>, from start: Int, _ header: inout Header?) -> Int {
        header = nil
        var position = start
        if prefaceLeft > 0 {
            let taken = min(prefaceLeft, input.count - position)
            prefaceLeft -= taken
            return position + taken
        }
        while count < wanted {
            guard position < input.count else { return position }
            bytes[count] = input[position]
            count += 1
            position += 1
            // A PRIORITY frame of the right size is reported with its first field.
            if count == Self.headerBytes, bytes[3] == Self.priority, length == 5 { wanted = 13 }
        }
        if !isReported {
            isReported = true
            payloadLeft = length - (wanted - Self.headerBytes)
            header = Header(
                byteCount: length, type: bytes[3], flags: bytes[4], stream: number(at: 5),
                dependency: wanted > Self.headerBytes ? number(at: 9) : 0)
        }
        let taken = min(payloadLeft, input.count - position)
        payloadLeft -= taken
        if payloadLeft == 0 {
            count = 0
            wanted = Self.headerBytes
            isReported = false
        }
        return position + taken
    }

    private var length: Int { Int(bytes[0]) << 16 | Int(bytes[1]) << 8 | Int(bytes[2]) }

    /// 31 bits; the first is reserved, or says "exclusive".
    private func number(at start: Int) -> Int32 {
        Int32(bytes[start] & 0x7F) << 24 | Int32(bytes[start + 1]) << 16
            | Int32(bytes[start + 2]) << 8 | Int32(bytes[start + 3])
    }
}
