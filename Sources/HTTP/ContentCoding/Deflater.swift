import CZlib
import Primitives

/// Compresses whole answers with gzip, one after another. Belongs to one loop.
///
/// zlib's memory (260 KiB) is allocated with the first answer and kept. Not Sendable.
public final class Deflater {
    /// On the heap: zlib's state points back to it.
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    private var isReady = false
    private let level: Int32
    private let sizes: ClosedRange<Int>

    /// What one call of zlib may read before it is asked whether it is of use.
    private static let stepBytes = 128 << 10
    /// What zlib has read and may not have written yet: a block of 16,384 symbols, and some more.
    private static let lagBytes = 32 << 10

    /// `level` is zlib's, 1 (fast) to 9 (small). Answers in JSON: level 1 takes 6 µs and 6 ns a byte for
    /// 30 % of the size, level 6 takes 30 ns a byte for 25 %.
    public init(limits: Limits, level: Int = 1) {
        precondition((1...9).contains(level), "zlib compresses at levels 1 to 9")
        self.level = Int32(level)
        sizes = limits.compressionBytesMin...limits.compressionBytesMax
        stream.initialize(to: z_stream())
    }

    deinit {
        if isReady { deflateEnd(stream) }
        stream.deallocate()
    }

    /// Whether an answer of this size is worth compressing, and bearable for the others on the loop.
    public func isWorthwhile(byteCount: Int) -> Bool { sizes.contains(byteCount) }

    /// Appends the gzip of `body` to `output`. False, and `output` as before, when that does not save
    /// an eighth; for a long body this shows after its beginning (1 MiB of random floats: after 3 ms of
    /// 26). The same bytes give the same answer: the header has no time.
    public func deflate(_ body: Span<UInt8>, into output: inout ByteBuffer) -> Bool {
        reset()
        let start = output.count
        output.reserve(body.count / 4 + 64)
        var consumed = 0
        while true {
            let room = body.count - body.count / 8 - (output.count - start)
            let status = step(body, &consumed, &output, room: room)
            let produced = output.count - start
            switch status {
            case Z_STREAM_END: return true
            // Z_BUF_ERROR: nothing moved, since the room was used up.
            case Z_OK, Z_BUF_ERROR:
                let seen = consumed - Self.lagBytes
                if produced <= max(seen - seen / 8, Self.lagBytes),
                    produced < body.count - body.count / 8
                {
                    continue
                }
            default: preconditionFailure("zlib compresses any bytes")
            }
            output.truncate(to: start)
            return false
        }
    }

    private func reset() {
        let status: Int32
        if isReady {
            status = deflateReset(stream)
        } else {
            status = martlet_deflate_init(stream, level, 15 + 16, 8)
            isReady = true
        }
        precondition(status == Z_OK, "zlib has memory for its state")
    }

    private func step(
        _ body: Span<UInt8>, _ consumed: inout Int, _ output: inout ByteBuffer, room: Int
    ) -> Int32 {
        var status = Z_OK
        let stream = stream
        let offset = consumed
        let count = min(body.count - offset, Self.stepBytes)
        let flush = offset + count == body.count ? Z_FINISH : Z_NO_FLUSH
        body.withUnsafeBufferPointer { input in
            stream.pointee.next_in = input.baseAddress.map { $0 + offset }
            stream.pointee.avail_in = UInt32(count)
            _ = output.write(atLeast: min(max(room, 0), 4096)) { free in
                let size = min(free.count, room, Int(UInt32.max))
                stream.pointee.next_out = free.baseAddress
                stream.pointee.avail_out = UInt32(size)
                status = CZlib.deflate(stream, flush)
                return size - Int(stream.pointee.avail_out)
            }
            stream.pointee.next_in = nil
            stream.pointee.next_out = nil
        }
        consumed += count - Int(stream.pointee.avail_in)
        return status
    }
}
