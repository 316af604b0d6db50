import HTTP
import Primitives

/// Bodies as Python's zlib makes them, by `gzip.compress(text, mtime=0)` and `zlib.compress(text)` of
/// `[[5.1, 3.5, 1.4, 0.2], [6.2, 2.9, 4.3, 1.3]]`.
enum Bodies {
    static let text = Array("[[5.1, 3.5, 1.4, 0.2], [6.2, 2.9, 4.3, 1.3]]".utf8)
    static let python: [UInt8] = [
        0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x15, 0xC9, 0x5B, 0x09,
        0x00, 0x30, 0x0C, 0x03, 0x40, 0x2B, 0x11, 0x10, 0x42, 0x9F, 0x83, 0x69, 0x29, 0xF5,
        0x6F, 0x63, 0xEC, 0x7E, 0x6F, 0xA6, 0xE5, 0x44, 0xAA, 0x09, 0x57, 0x11, 0xA6, 0x58,
        0x62, 0x8E, 0x82, 0x08, 0x5D, 0xA2, 0x94, 0xBF, 0x72, 0xF7, 0x01, 0xCF, 0xE3, 0x02,
        0xD4, 0x2C, 0x00, 0x00, 0x00,
    ]
    static let pythonZlib: [UInt8] = [
        0x78, 0x9C, 0x15, 0xC9, 0x5B, 0x09, 0x00, 0x30, 0x0C, 0x03, 0x40, 0x2B, 0x11, 0x10,
        0x42, 0x9F, 0x83, 0x69, 0x29, 0xF5, 0x6F, 0x63, 0xEC, 0x7E, 0x6F, 0xA6, 0xE5, 0x44,
        0xAA, 0x09, 0x57, 0x11, 0xA6, 0x58, 0x62, 0x8E, 0x82, 0x08, 0x5D, 0xA2, 0x94, 0xBF,
        0x72, 0xF7, 0x01, 0xC7, 0x82, 0x08, 0xE0,
    ]
    /// With every optional field of the header.
    static let everyField: [UInt8] = [
        0x1F, 0x8B, 0x08, 0x1F, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x03, 0x00, 0x61, 0x62,
        0x63, 0x6E, 0x61, 0x6D, 0x65, 0x00, 0x63, 0x6F, 0x6D, 0x6D, 0x65, 0x6E, 0x74, 0x00,
        0x77, 0xE1, 0x15, 0xC9, 0x5B, 0x09, 0x00, 0x30, 0x0C, 0x03, 0x40, 0x2B, 0x11, 0x10,
        0x42, 0x9F, 0x83, 0x69, 0x29, 0xF5, 0x6F, 0x63, 0xEC, 0x7E, 0x6F, 0xA6, 0xE5, 0x44,
        0xAA, 0x09, 0x57, 0x11, 0xA6, 0x58, 0x62, 0x8E, 0x82, 0x08, 0x5D, 0xA2, 0x94, 0xBF,
        0x72, 0xF7, 0x01, 0xCF, 0xE3, 0x02, 0xD4, 0x2C, 0x00, 0x00, 0x00,
    ]

    /// Bytes that compress a little, the same for the same seed.
    static func mixed(_ count: Int, seed: UInt64) -> [UInt8] {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        return (0..<count).map { _ in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return UInt8(truncatingIfNeeded: state & 0x1F)
        }
    }

    static func gzip(_ body: [UInt8]) -> [UInt8] {
        var buffer = ByteBuffer()
        let isSmaller = Deflater(limits: Limits()).deflate(body.span, into: &buffer)
        return isSmaller ? buffer.array : stored(body)
    }

    /// A gzip member of stored blocks, for bodies that do not get smaller.
    static func stored(_ body: [UInt8]) -> [UInt8] {
        var result: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3]
        var start = 0
        repeat {
            let count = min(body.count - start, 65_535)
            result.append(start + count == body.count ? 1 : 0)
            result += littleEndian(UInt32(count) | ~UInt32(count) << 16)
            result += body[start..<start + count]
            start += count
        } while start < body.count
        return result + littleEndian(checksum(body)) + littleEndian(UInt32(body.count))
    }

    /// The end of a zlib stream (RFC 1950 section 2.2).
    static func adler32(_ body: [UInt8]) -> [UInt8] {
        var low: UInt32 = 1
        var high: UInt32 = 0
        for byte in body {
            low = (low + UInt32(byte)) % 65_521
            high = (high + low) % 65_521
        }
        return littleEndian((high << 16 | low).byteSwapped)
    }

    private static func littleEndian(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    /// CRC-32 of RFC 1952 section 8, a bit at a time.
    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        var value = ~UInt32(0)
        for byte in bytes {
            value ^= UInt32(byte)
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
        }
        return ~value
    }
}

extension ByteBuffer {
    var array: [UInt8] {
        let span = span
        return span.indices.map { span[$0] }
    }
}
