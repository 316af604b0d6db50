/// Decodes the chunked transfer coding (RFC 9112 section 7.1) a piece at a time and in place.
///
/// The state is a few bytes: any split of the input gives the same result. Chunk extensions and
/// trailers are skipped under a limit, and their line ends are held to CR LF like all others.
public struct ChunkedDecoder: Sendable, Equatable {
    private enum State: Sendable, Equatable {
        case sizeStart
        case size
        case extensionBytes
        case sizeLineFeed
        case data
        case dataCarriageReturn
        case dataLineFeed
        case trailerStart
        case trailerBytes
        case trailerLineFeed
        case lastLineFeed
        case done
    }

    private var state = State.sizeStart
    /// The size being read, then the bytes of the chunk that are still to come.
    private var remaining = 0
    /// Bytes of sizes, extensions and trailers seen in a row, against endless ones.
    private var overheadBytes = 0
    private let overheadBytesMax: Int

    /// Body bytes decoded so far.
    public private(set) var decodedBytes = 0

    public init(overheadBytesMax: Int = 16 << 10) { self.overheadBytesMax = overheadBytesMax }

    public var isDone: Bool { state == .done }

    /// Decodes from `bytes[read...]`, moving body bytes down to `bytes[write...]` (`write ≤ read`).
    /// Returns how far it read and wrote; it stops behind the last chunk's trailer, or at the end.
    public mutating func decode(
        _ bytes: inout MutableSpan<UInt8>, read: Int, write: Int, bodyBytesMax: Int
    ) throws(HTTPRefusal) -> (read: Int, write: Int) {
        var read = read
        var write = write
        while read < bytes.count, state != .done {
            if state == .data {
                let count = min(remaining, bytes.count - read)
                bytes.withUnsafeMutableBufferPointer { buffer in
                    guard let base = buffer.baseAddress, write != read else { return }
                    (base + write).update(from: base + read, count: count)
                }
                read += count
                write += count
                remaining -= count
                decodedBytes += count
                if remaining == 0 { state = .dataCarriageReturn }
                continue
            }
            try step(bytes[read], bodyBytesMax: bodyBytesMax)
            read += 1
        }
        return (read, write)
    }

    private mutating func step(_ byte: UInt8, bodyBytesMax: Int) throws(HTTPRefusal) {
        switch state {
        case .sizeStart:
            guard let digit = Ascii.hexValue(byte) else { throw .badChunk }
            remaining = Int(digit)
            state = .size
            try countOverhead()
        case .size:
            try countOverhead()
            if let digit = Ascii.hexValue(byte) {
                guard remaining < 1 << 55 else { throw .badChunk }
                remaining = remaining << 4 | Int(digit)
            } else if byte == Byte.cr {
                state = .sizeLineFeed
            } else if byte == UInt8(ascii: ";") || byte == Byte.space || byte == Byte.tab {
                state = .extensionBytes
            } else {
                throw .badChunk
            }
        case .extensionBytes:
            try countOverhead()
            if byte == Byte.cr {
                state = .sizeLineFeed
            } else if !Ascii.isFieldValue(byte) {
                throw .badChunk
            }
        case .sizeLineFeed:
            guard byte == Byte.lf else { throw .badChunk }
            guard remaining <= bodyBytesMax - decodedBytes else { throw .bodyTooLarge }
            state = remaining == 0 ? .trailerStart : .data
        case .data:
            preconditionFailure("data is copied, not stepped through")
        case .dataCarriageReturn:
            guard byte == Byte.cr else { throw .badChunk }
            state = .dataLineFeed
        case .dataLineFeed:
            guard byte == Byte.lf else { throw .badChunk }
            state = .sizeStart
        case .trailerStart:
            if byte == Byte.cr {
                state = .lastLineFeed
            } else if Ascii.isToken(byte) {
                try countOverhead()
                state = .trailerBytes
            } else {
                throw .badChunk
            }
        case .trailerBytes:
            try countOverhead()
            if byte == Byte.cr {
                state = .trailerLineFeed
            } else if !Ascii.isFieldValue(byte) {
                throw .badChunk
            }
        case .trailerLineFeed:
            guard byte == Byte.lf else { throw .badChunk }
            state = .trailerStart
        case .lastLineFeed:
            guard byte == Byte.lf else { throw .badChunk }
            state = .done
        case .done:
            preconditionFailure("a finished body takes no more bytes")
        }
    }

    /// All sizes, extensions and trailers of a body together may grow with the body, 1-byte chunks
    /// included (6 bytes each), but not without end.
    private mutating func countOverhead() throws(HTTPRefusal) {
        overheadBytes += 1
        guard overheadBytes <= overheadBytesMax + 8 * decodedBytes else { throw .badChunk }
    }
}
