import CNghttp2
import Primitives

#if canImport(Glibc)
    import Glibc
#endif

/// What the HTTP/2 sessions of one loop share: memory for nghttp2 from free lists, and records of
/// streams with their buffers. Owned by the loop's thread; sessions keep it alive.
///
/// nghttp2 allocates a few small blocks a stream and a frame. They come in four sizes a doubling, each
/// with 16 bytes before it that name its size; freed ones are kept, up to a limit. Powers of two alone
/// would nearly double what an idle connection holds: nghttp2's own are 16,394, 4,096 and 1,024 bytes.
public final class HTTP2Allocator {
    /// 64 bytes to 32 KiB: the largest is nghttp2's frame buffer. Larger blocks are malloc's.
    private static let classCount = 37
    private static let smallestShift = 6
    private static let headerBytes = 16

    private var free: [UnsafeMutableRawPointer?] = Array(repeating: nil, count: classCount)
    /// Bytes in free blocks.
    public private(set) var keptBytes = 0
    private let keptBytesMax: Int

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
        keptBytesMax = limits.http2KeptBytesMax
        streamsMax = keptBytesMax / (2 * HTTP2Allocator.smallBufferBytes)
        bodies = BufferPool(
            capacity: 0, countMax: 64, capacityMax: keptBytesMax, byteCountMax: keptBytesMax)
        callbacks = HTTP2Session.makeCallbacks()
    }

    deinit {
        nghttp2_session_callbacks_del(callbacks)
        for index in free.indices {
            while let block = pop(index) { Glibc.free(block) }
        }
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
    var memory: nghttp2_mem {
        nghttp2_mem(
            mem_user_data: Unmanaged.passUnretained(self).toOpaque(),
            malloc: { size, user in HTTP2Allocator.of(user).allocate(size) },
            free: { block, user in HTTP2Allocator.of(user).deallocate(block) },
            calloc: { count, size, user in HTTP2Allocator.of(user).allocate(count, size) },
            realloc: { block, size, user in HTTP2Allocator.of(user).reallocate(block, size) })
    }

    private static func of(_ user: UnsafeMutableRawPointer?) -> HTTP2Allocator {
        Unmanaged<HTTP2Allocator>.fromOpaque(user.unsafelyUnwrapped).takeUnretainedValue()
    }

    /// The class of a block with `byteCount` usable bytes; `classCount` when it has none.
    private static func sizeClass(_ byteCount: Int) -> Int {
        let last = byteCount + headerBytes - 1
        guard last >= 1 << smallestShift else { return 0 }
        let shift = Int.bitWidth - 1 - last.leadingZeroBitCount
        let quarter = (last - (1 << shift)) >> (shift - 2)
        return min((shift - smallestShift) * 4 + quarter + 1, classCount)
    }

    private static func blockBytes(_ index: Int) -> Int {
        guard index > 0 else { return 1 << smallestShift }
        let (doubling, quarter) = (index - 1).quotientAndRemainder(dividingBy: 4)
        return (5 + quarter) << (doubling + smallestShift - 2)
    }

    private func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer? {
        guard byteCount <= 1 << 30 else { return nil }
        let index = Self.sizeClass(byteCount)
        let block: UnsafeMutableRawPointer
        if index < Self.classCount {
            guard let found = pop(index) ?? malloc(Self.blockBytes(index)) else { return nil }
            block = found
        } else {
            guard let found = malloc(byteCount + Self.headerBytes) else { return nil }
            block = found
        }
        block.storeBytes(of: index, as: Int.self)
        block.storeBytes(of: byteCount, toByteOffset: 8, as: Int.self)
        return block + Self.headerBytes
    }

    private func allocate(_ count: Int, _ size: Int) -> UnsafeMutableRawPointer? {
        let (byteCount, overflow) = count.multipliedReportingOverflow(by: size)
        guard !overflow, byteCount >= 0, let block = allocate(byteCount) else { return nil }
        memset(block, 0, byteCount)
        return block
    }

    private func deallocate(_ pointer: UnsafeMutableRawPointer?) {
        guard let pointer else { return }
        let block = pointer - Self.headerBytes
        let index = block.load(as: Int.self)
        guard index < Self.classCount, keptBytes + Self.blockBytes(index) <= keptBytesMax else {
            Glibc.free(block)
            return
        }
        block.storeBytes(of: free[index], as: UnsafeMutableRawPointer?.self)
        free[index] = block
        keptBytes += Self.blockBytes(index)
    }

    private func pop(_ index: Int) -> UnsafeMutableRawPointer? {
        guard let block = free[index] else { return nil }
        free[index] = block.load(as: UnsafeMutableRawPointer?.self)
        keptBytes -= Self.blockBytes(index)
        return block
    }

    private func reallocate(
        _ pointer: UnsafeMutableRawPointer?, _ byteCount: Int
    ) -> UnsafeMutableRawPointer? {
        guard let pointer else { return allocate(byteCount) }
        let block = pointer - Self.headerBytes
        let index = block.load(as: Int.self)
        if index < Self.classCount, Self.sizeClass(byteCount) == index {
            block.storeBytes(of: byteCount, toByteOffset: 8, as: Int.self)
            return pointer
        }
        let used = block.load(fromByteOffset: 8, as: Int.self)
        guard let grown = allocate(byteCount) else { return nil }
        memcpy(grown, pointer, min(used, byteCount))
        deallocate(pointer)
        return grown
    }
}
