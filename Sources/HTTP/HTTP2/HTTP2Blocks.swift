import CNghttp2

#if canImport(Glibc)
    import Glibc
#endif

/// Memory for nghttp2 from free lists. Owned by one loop's thread.
///
/// nghttp2 allocates a few small blocks a stream and a frame. They come in four sizes a doubling, each
/// with 16 bytes before it that name its size; freed ones are kept, up to a limit. Powers of two alone
/// would nearly double what an idle connection holds: nghttp2's own are 16,394, 4,096 and 1,024 bytes.
///
/// The state is a plain struct behind a pointer, since nghttp2 asks a dozen times a request: a class and
/// an array would count references each time.
@safe struct HTTP2Blocks {
    private let state: UnsafeMutablePointer<State>

    init(keptBytesMax: Int) {
        state = .allocate(capacity: 1)
        state.initialize(to: State(keptBytesMax: keptBytesMax))
    }

    /// Bytes in free blocks.
    var keptBytes: Int { state.pointee.keptBytes }

    /// Gives all of it back. Nothing may be used after.
    func free() {
        state.pointee.removeAll()
        state.deallocate()
    }

    /// nghttp2's view, valid until `free`.
    var interface: nghttp2_mem {
        nghttp2_mem(
            mem_user_data: state,
            malloc: { size, user in HTTP2Blocks.of(user).pointee.allocate(size) },
            free: { block, user in HTTP2Blocks.of(user).pointee.deallocate(block) },
            calloc: { count, size, user in HTTP2Blocks.of(user).pointee.allocate(count, size) },
            realloc: { block, size, user in HTTP2Blocks.of(user).pointee.reallocate(block, size) })
    }

    private static func of(_ user: UnsafeMutableRawPointer?) -> UnsafeMutablePointer<State> {
        user.unsafelyUnwrapped.assumingMemoryBound(to: State.self)
    }

    private struct State: ~Copyable {
        /// 64 bytes to 32 KiB: the largest is nghttp2's frame buffer. Larger blocks are malloc's.
        private static let classCount = 37
        private static let smallestShift = 6
        private static let headerBytes = 16

        private var lists = InlineArray<37, UnsafeMutableRawPointer?>(repeating: nil)
        private(set) var keptBytes = 0
        private let keptBytesMax: Int

        init(keptBytesMax: Int) { self.keptBytesMax = keptBytesMax }

        mutating func removeAll() {
            for index in 0..<Self.classCount {
                while let block = pop(index) { Glibc.free(block) }
            }
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

        mutating func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer? {
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

        mutating func allocate(_ count: Int, _ size: Int) -> UnsafeMutableRawPointer? {
            let (byteCount, overflow) = count.multipliedReportingOverflow(by: size)
            guard !overflow, byteCount >= 0, let block = allocate(byteCount) else { return nil }
            memset(block, 0, byteCount)
            return block
        }

        mutating func deallocate(_ pointer: UnsafeMutableRawPointer?) {
            guard let pointer else { return }
            let block = pointer - Self.headerBytes
            let index = block.load(as: Int.self)
            guard index < Self.classCount, keptBytes + Self.blockBytes(index) <= keptBytesMax else {
                Glibc.free(block)
                return
            }
            block.storeBytes(of: lists[index], as: UnsafeMutableRawPointer?.self)
            lists[index] = block
            keptBytes += Self.blockBytes(index)
        }

        private mutating func pop(_ index: Int) -> UnsafeMutableRawPointer? {
            guard let block = lists[index] else { return nil }
            lists[index] = block.load(as: UnsafeMutableRawPointer?.self)
            keptBytes -= Self.blockBytes(index)
            return block
        }

        mutating func reallocate(
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
}
