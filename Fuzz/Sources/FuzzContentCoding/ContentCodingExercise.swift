import HTTP
import Primitives

/// Takes any bytes as a coded body, as a plain one and as a header value, and checks that limits hold,
/// that state does not leak from one body to the next and that what was compressed comes back. Traps
/// when not. Run by the fuzzer, and by HTTPTests on the corpus.
///
/// The first byte chooses the coding and the limits, the rest is the body.
enum ContentCodingExercise {
    static func run(_ bytes: Span<UInt8>) {
        guard bytes.count > 0 else { return }
        let coding: ContentCoding = bytes[0] & 1 == 0 ? .gzip : .deflate
        let limits = bytes[0] & 2 == 0 ? Limits() : tight
        let body = bytes.extracting(1...)
        decode(body, coding, limits)
        roundTrip(body)
        negotiate(body)
    }

    private static let tight: Limits = {
        var limits = Limits()
        limits.decompressedBytesMax = 2000
        limits.decompressionFreeBytes = 500
        limits.decompressionRatioMax = 4
        return limits
    }()

    private static func inflate(
        _ body: Span<UInt8>, _ coding: ContentCoding, _ inflater: Inflater
    ) -> Result<[UInt8], ContentCodingRefusal> {
        var output = ByteBuffer(capacity: 64)
        output.append("*")
        do throws(ContentCodingRefusal) {
            try inflater.inflate(body, coding: coding, into: &output)
        } catch {
            precondition(output.count == 1, "a refused body leaves nothing")
            return .failure(error)
        }
        output.consume(1)
        let span = output.span
        return .success(span.indices.map { span[$0] })
    }

    private static func decode(_ body: Span<UInt8>, _ coding: ContentCoding, _ limits: Limits) {
        let inflater = Inflater(limits: limits)
        let first = inflate(body, coding, inflater)
        // The other coding in between leaves no trace.
        _ = inflate(body, coding == .gzip ? .deflate : .gzip, inflater)
        precondition(inflate(body, coding, inflater) == first, "bodies do not know each other")
        guard case .success(let plain) = first else { return }
        precondition(plain.count <= limits.decompressedBytesMax, "the limit holds")
        precondition(
            plain.count
                <= max(
                    limits.decompressionFreeBytes, body.count * limits.decompressionRatioMax),
            "the ratio holds")
        let all = body.indices.map { body[$0] }
        let more = inflate((all + [0]).span, coding, inflater)
        precondition(more == .failure(.trailingBytes), "nothing may follow")
        for missing in 1...4 {
            let part = inflate(body.extracting(..<(body.count - missing)), coding, inflater)
            precondition(
                part == .failure(.truncated) || part == .failure(.ratioTooHigh), "all must be there"
            )
        }
    }

    private static func roundTrip(_ body: Span<UInt8>) {
        let deflater = Deflater(limits: Limits())
        var coded = ByteBuffer()
        for _ in 0..<2 {
            coded.removeAll()
            guard deflater.deflate(body, into: &coded) else {
                precondition(coded.isEmpty, "what is not worth it leaves nothing")
                return
            }
            precondition(coded.count <= body.count - body.count / 8, "it saves an eighth")
            let plain = inflate(coded.span, .gzip, Inflater(limits: Limits()))
            precondition(plain == .success(body.indices.map { body[$0] }), "it comes back")
        }
    }

    private static func negotiate(_ value: Span<UInt8>) {
        let answer = ContentCoding.negotiated(acceptEncoding: 0..<value.count, in: value)
        precondition(answer != .deflate, "answers are gzip or as they are")
        do throws(ContentCodingRefusal) {
            _ = try ContentCoding(contentEncoding: 0..<value.count, in: value)
        } catch {
            precondition(error.status == 415, "a coding is known or not")
        }
    }
}
