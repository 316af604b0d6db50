import Primitives

/// The `HTTP2-Settings` field of an HTTP/1.1 request with `Upgrade: h2c` (RFC 7540 section 3.2.1):
/// the payload of a SETTINGS frame in base64url.
public enum HTTP2Settings {
    /// Settings in one frame; nghttp2 takes no more.
    public static let countMax = 32

    /// Decodes and checks the field's value; the payload goes to the end of `payload`. False, with
    /// nothing appended, when it is no valid list of settings: the request is then answered in
    /// HTTP/1.1 as if it had not asked to upgrade.
    public static func decode(_ value: Span<UInt8>, into payload: inout ByteBuffer) -> Bool {
        let start = payload.count
        guard decodeBase64URL(value, into: &payload), isValid(payload.span, from: start) else {
            payload.truncate(to: start)
            return false
        }
        return true
    }

    /// RFC 4648 section 5, without padding and without bits behind the last byte.
    private static func decodeBase64URL(
        _ text: Span<UInt8>, into payload: inout ByteBuffer
    ) -> Bool {
        guard text.count <= (countMax * 6 + 2) / 3 * 4, text.count % 4 != 1 else { return false }
        var bits: UInt32 = 0
        var bitCount = 0
        for index in text.indices {
            guard let digit = digit(text[index]) else { return false }
            bits = bits << 6 | digit
            bitCount += 6
            if bitCount >= 8 {
                bitCount -= 8
                payload.append(UInt8(truncatingIfNeeded: bits >> UInt32(bitCount)))
                bits &= 1 << UInt32(bitCount) - 1
            }
        }
        return bits == 0
    }

    private static func digit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 0x41...0x5A: UInt32(byte - 0x41)
        case 0x61...0x7A: UInt32(byte - 0x61 + 26)
        case 0x30...0x39: UInt32(byte - 0x30 + 52)
        case UInt8(ascii: "-"): 62
        case UInt8(ascii: "_"): 63
        default: nil
        }
    }

    /// Values in the ranges of RFC 9113 section 6.5.2.
    private static func isValid(_ bytes: Span<UInt8>, from start: Int) -> Bool {
        let count = bytes.count - start
        guard count % 6 == 0, count / 6 <= countMax else { return false }
        var position = start
        while position < bytes.count {
            let identifier = UInt32(bytes[position]) << 8 | UInt32(bytes[position + 1])
            var value: UInt32 = 0
            for offset in 2..<6 { value = value << 8 | UInt32(bytes[position + offset]) }
            switch identifier {
            case 2, 8, 9: guard value <= 1 else { return false }
            case 4: guard value <= 0x7FFF_FFFF else { return false }
            case 5: guard value >= 1 << 14, value < 1 << 24 else { return false }
            default: break
            }
            position += 6
        }
        return true
    }
}
