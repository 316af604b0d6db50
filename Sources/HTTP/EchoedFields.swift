import Primitives

/// What an answer tells of its request so that both can be found again: `X-Request-Id` and
/// `traceparent`.
///
/// Made once and filled again and again: nothing is allocated after its first use. Owned by one
/// loop.
public final class EchoedFields {
    /// Empty for an answer that has none.
    public private(set) var requestID: [UInt8] = []
    /// `TraceParent.byteCount` bytes, or empty.
    public private(set) var traceParent: [UInt8] = []

    public init() {
        requestID.reserveCapacity(64)
        traceParent.reserveCapacity(TraceParent.byteCount)
    }

    /// Ready for another request.
    public func removeAll() {
        requestID.removeAll(keepingCapacity: true)
        traceParent.removeAll(keepingCapacity: true)
    }

    /// Takes over what the request says of itself, as far as it is valid: an identifier of letters,
    /// digits and `-._~:/+=@,`, of at most `Limits.requestIDBytesMax` bytes; a valid `traceparent`.
    /// What is not is treated as missing: a client must not write our log lines.
    public func take(_ head: RequestHead, in bytes: Span<UInt8>, limits: Limits) {
        if let value = head.requestID, Self.isRequestID(bytes, value, limits: limits) {
            for index in value { requestID.append(bytes[index]) }
        }
        if let value = head.traceParent, TraceParent.isValid(bytes, value) {
            for index in value.prefix(TraceParent.byteCount) { traceParent.append(bytes[index]) }
        }
    }

    /// Makes an identifier of 32 hexadecimal digits out of two random numbers, where there is none.
    public func makeRequestID(_ random: (UInt64, UInt64)) {
        guard requestID.isEmpty else { return }
        appendHex(random.0)
        appendHex(random.1)
    }

    private func appendHex(_ value: UInt64) {
        for shift in stride(from: 60, through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(shift)) & 15
            requestID.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
        }
    }

    private static func isRequestID(
        _ bytes: Span<UInt8>, _ range: Range<Int>, limits: Limits
    ) -> Bool {
        guard !range.isEmpty, range.count <= limits.requestIDBytesMax else { return false }
        for index in range {
            switch bytes[index] {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: continue
            case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"),
                UInt8(ascii: ":"), UInt8(ascii: "/"), UInt8(ascii: "+"), UInt8(ascii: "="),
                UInt8(ascii: "@"), UInt8(ascii: ","):
                continue
            default: return false
            }
        }
        return true
    }
}
