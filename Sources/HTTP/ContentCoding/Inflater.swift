import CZlib
import Primitives

/// Decompresses whole bodies, one after another. Belongs to one loop.
///
/// zlib's memory (10 KiB and a window of 32 KiB) is allocated with the first body and kept. Not
/// Sendable; costs about 3 ns a byte of the decompressed body.
public final class Inflater {
    /// On the heap: zlib's state points back to it.
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    private var isReady = false

    private let bytesMax: Int
    private let ratioMax: Int
    private let freeBytes: Int

    /// What one call of zlib may write before the limits are looked at again.
    private static let stepBytes = 256 << 10

    public init(limits: Limits) {
        bytesMax = limits.decompressedBytesMax
        ratioMax = limits.decompressionRatioMax
        freeBytes = limits.decompressionFreeBytes
        stream.initialize(to: z_stream())
    }

    deinit {
        if isReady { inflateEnd(stream) }
        stream.deallocate()
    }

    /// What a body of `byteCount` bytes may become: the limit, or less when its ratio says bomb. The
    /// whole body counts, so that a body which starts with zeros is not mistaken.
    private func allowance(_ byteCount: Int) -> Int {
        let (product, overflow) = byteCount.multipliedReportingOverflow(by: ratioMax)
        return min(bytesMax, max(freeBytes, overflow ? .max : product))
    }

    /// Appends the decompressed `body` to `output`. When it is refused, `output` is as before, and has
    /// never held more than the limits allow (its capacity doubles as it grows, so up to twice that).
    ///
    /// The checksum and the length at the end of the data are verified. Several gzip members behind
    /// each other are one body (RFC 1952 section 2.2). Other bytes behind the end are refused, since
    /// what reads past them elsewhere sees another body than this server does. An empty body is
    /// truncated.
    public func inflate(
        _ body: Span<UInt8>, coding: ContentCoding, into output: inout ByteBuffer
    ) throws(ContentCodingRefusal) {
        let start = output.count
        do throws(ContentCodingRefusal) {
            switch coding {
            case .identity: output.append(body)
            case .gzip: try run(body, windowBits: 15 + 16, into: &output)
            case .deflate: try run(body, windowBits: 15, into: &output)
            }
        } catch {
            output.truncate(to: start)
            throw error
        }
    }

    private func run(
        _ body: Span<UInt8>, windowBits: Int32, into output: inout ByteBuffer
    ) throws(ContentCodingRefusal) {
        reset(windowBits)
        let allowance = allowance(body.count)
        let start = output.count
        // Text of numbers is 2 to 4 times its compressed size.
        output.reserve(min(max(body.count, 256) * 3, allowance))
        var consumed = 0
        while true {
            let status = step(body, &consumed, &output, room: allowance - (output.count - start))
            guard output.count - start <= allowance else {
                throw allowance < bytesMax ? .ratioTooHigh : .tooLarge
            }
            switch status {
            case Z_OK: continue
            case Z_STREAM_END:
                if consumed == body.count { return }
                guard windowBits > 15, Self.beginsMember(body, consumed) else {
                    throw .trailingBytes
                }
                reset(windowBits)
            // No progress was possible although there was room to write: more input is wanted.
            case Z_BUF_ERROR: throw .truncated
            default: throw .corrupt
            }
        }
    }

    /// Whether a further gzip member may begin here (RFC 1952 section 2.3.1).
    private static func beginsMember(_ body: Span<UInt8>, _ index: Int) -> Bool {
        body[index] == 0x1F && (index + 1 == body.count || body[index + 1] == 0x8B)
    }

    private func reset(_ windowBits: Int32) {
        let status: Int32
        if isReady {
            status = inflateReset2(stream, windowBits)
        } else {
            status = martlet_inflate_init(stream, windowBits)
            isReady = true
        }
        precondition(status == Z_OK, "zlib has memory for its state")
    }

    /// One call of zlib: from what is left of the body, into at most a step and one byte more than
    /// there is room for (which shows that the body is too large).
    private func step(
        _ body: Span<UInt8>, _ consumed: inout Int, _ output: inout ByteBuffer, room: Int
    ) -> Int32 {
        let wanted = min(room + 1, Self.stepBytes)
        var status = Z_OK
        let stream = stream
        let offset = consumed
        let count = min(body.count - offset, Int(UInt32.max))
        body.withUnsafeBufferPointer { input in
            // zlib refuses a null pointer, which an empty body may have.
            var nothing: UInt8 = 0
            withUnsafePointer(to: &nothing) { nothing in
                stream.pointee.next_in = input.baseAddress.map { $0 + offset } ?? nothing
                stream.pointee.avail_in = UInt32(count)
                _ = output.write(atLeast: min(wanted, 4096)) { free in
                    let size = min(free.count, wanted)
                    stream.pointee.next_out = free.baseAddress
                    stream.pointee.avail_out = UInt32(size)
                    status = CZlib.inflate(stream, Z_NO_FLUSH)
                    return size - Int(stream.pointee.avail_out)
                }
                stream.pointee.next_in = nil
                stream.pointee.next_out = nil
            }
        }
        consumed += count - Int(stream.pointee.avail_in)
        return status
    }
}
