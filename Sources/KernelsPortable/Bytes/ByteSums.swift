import CVector

/// Sums of one row over one panel, 16 columns: with VNNI a lane a column, else two, since
/// neighbouring products are added in pairs.
struct ByteSums {
    #if MARTLET_VNNI
        private var lanes = SIMD16<Int32>(repeating: 0)
    #else
        private var lanes = SIMD32<Int32>(repeating: 0)
    #endif

    @inline(__always)
    init() {}

    /// Adds four products a column. The 64 bytes of `b` are four of each column.
    @inline(__always)
    mutating func add(_ a: ByteWord, _ b: BytePanel) {
        #if MARTLET_VNNI
            lanes = martlet_dot_add(lanes, a.lanes, b.lanes)
        #else
            lanes &+= martlet_pair_products(a.lanes, b.lanes)
        #endif
    }

    @inline(__always)
    var columns: SIMD16<Int32> {
        #if MARTLET_VNNI
            lanes
        #else
            martlet_pair_sums(lanes)
        #endif
    }
}

/// Four bytes of A, unsigned, for every column of a panel.
struct ByteWord {
    #if MARTLET_VNNI
        let lanes: SIMD16<Int32>
    #else
        let lanes: SIMD64<Int16>
    #endif

    @inline(__always)
    init(_ word: UInt32) {
        #if MARTLET_VNNI
            lanes = SIMD16(repeating: Int32(bitPattern: word))
        #else
            lanes = martlet_repeat(unsafeBitCast(word, to: SIMD4<UInt8>.self))
        #endif
    }
}

/// Four signed bytes of each of a panel's 16 columns.
struct BytePanel {
    #if MARTLET_VNNI
        let lanes: SIMD16<Int32>
    #else
        let lanes: SIMD64<Int8>
    #endif

    @inline(__always)
    init(_ source: UnsafePointer<Int8>) {
        #if MARTLET_VNNI
            lanes = UnsafeRawPointer(source).loadUnaligned(as: SIMD16<Int32>.self)
        #else
            lanes = UnsafeRawPointer(source).loadUnaligned(as: SIMD64<Int8>.self)
        #endif
    }
}

/// Four neighbouring bytes.
@inline(__always)
func word(_ source: UnsafePointer<UInt8>) -> UInt32 {
    UnsafeRawPointer(source).loadUnaligned(as: UInt32.self)
}

/// The first `count` of four bytes, 1 to 3; nothing behind them is read.
@inline(__always)
func word(_ source: UnsafePointer<UInt8>, count: Int) -> UInt32 {
    switch count {
    case 1: UInt32(source[0])
    case 2: UInt32(UnsafeRawPointer(source).loadUnaligned(as: UInt16.self))
    default:
        UInt32(UnsafeRawPointer(source).loadUnaligned(as: UInt16.self))
            | UInt32(source[2]) << 16
    }
}
