import CNghttp2
import Primitives

/// What the HTTP/2 sessions of one loop share: memory for nghttp2 from free lists, and records of
/// streams with their buffers. Owned by the loop's thread; sessions keep it alive.
public final class HTTP2Allocator {
    private let blocks: HTTP2Blocks
    /// Bytes in free blocks.
    public var keptBytes: Int { blocks.keptBytes }

    /// Bytes of requests that are arriving, of all sessions of the loop.
    public internal(set) var bufferedBytes = 0
    /// Records of streams for reuse: as many as their small buffers are allowed, since 64 busy
    /// connections have more than 500 at a time.
    private var streams: [HTTP2Stream] = []
    private let streamsMax: Int
    /// What a record of a stream keeps; larger buffers go to `bodies` as soon as they are empty.
    private static let smallBufferBytes = 4 << 10
    private var bodies: BufferPool
    /// Scratch for the field list of one answer.
    let block = HTTP2FieldBlock()
    let callbacks: OpaquePointer

    public init(limits: Limits) {
        let keptBytesMax = limits.http2KeptBytesMax
        blocks = HTTP2Blocks(keptBytesMax: keptBytesMax)
        streamsMax = keptBytesMax / (2 * HTTP2Allocator.smallBufferBytes)
        bodies = BufferPool(
            capacity: 0, countMax: 64, capacityMax: keptBytesMax, byteCountMax: keptBytesMax)
        callbacks = HTTP2Session.makeCallbacks()
    }

    deinit {
        nghttp2_session_callbacks_del(callbacks)
        blocks.free()
    }

    // MARK: Streams

    func takeStream() -> HTTP2Stream { streams.popLast() ?? HTTP2Stream() }

    func recycle(_ stream: HTTP2Stream) {
        releaseBuffers(stream)
        guard streams.count < streamsMax else { return }
        stream.recycle(keepingUpTo: Self.smallBufferBytes)
        streams.append(stream)
    }

    /// Gives a stream that begins a large body a buffer that has been one before: a body of 1 MiB on
    /// fresh memory costs more in page faults than in copying. What the client only says of its
    /// length takes no memory.
    func prepareBody(_ stream: HTTP2Stream) {
        guard stream.intake.bodyBytes == 0, let length = stream.intake.head.contentLength,
            length > Self.smallBufferBytes
        else { return }
        var buffer = bodies.take()
        guard buffer.capacity > stream.intake.bytes.capacity else {
            bodies.reclaim(&buffer)
            return
        }
        buffer.append(contentsOf: stream.intake.bytes)
        swap(&buffer, &stream.intake.bytes)
    }

    /// The same for an answer.
    func prepareAnswer(_ stream: HTTP2Stream, byteCount: Int) {
        guard byteCount > Self.smallBufferBytes, stream.answer.isEmpty,
            byteCount > stream.answer.capacity
        else { return }
        stream.answer = bodies.take()
    }

    /// Takes a large buffer from a stream whose request was handed out.
    func releaseBody(_ stream: HTTP2Stream) {
        if stream.intake.bytes.capacity > Self.smallBufferBytes {
            bodies.reclaim(&stream.intake.bytes)
        }
    }

    /// Takes the large buffers of a stream that is answered.
    func releaseBuffers(_ stream: HTTP2Stream) {
        releaseBody(stream)
        if stream.answer.capacity > Self.smallBufferBytes { bodies.reclaim(&stream.answer) }
    }

    // MARK: Memory

    /// nghttp2's view of this allocator, valid while it lives.
    var memory: nghttp2_mem { blocks.interface }
}
