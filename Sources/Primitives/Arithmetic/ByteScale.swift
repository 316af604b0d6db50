/// How the bytes of a list stand for numbers: (byte − zero) · scale.
public struct ByteScale: Sendable, Equatable {
    public var scale: Float
    /// Counted from the least byte on, 0 to 255: for signed bytes 128 more than the zero point.
    public var zero: Int32
    /// 0x80 for signed bytes: turns them into unsigned ones, 128 greater. Else 0.
    public var flip: UInt8

    /// - Parameter zeroPoint: as the byte's own type counts it.
    public init(scale: Float, zeroPoint: Int, isSigned: Bool) {
        self.scale = scale
        zero = Int32(truncatingIfNeeded: zeroPoint) &+ (isSigned ? 128 : 0)
        flip = isSigned ? 0x80 : 0
    }

    public var isSigned: Bool { flip != 0 }
    public var zeroPoint: Int { Int(zero) - (isSigned ? 128 : 0) }
    /// The range of a quantized number before the zero point is added, as floats.
    public var low: Float { Float(-zero) }
    public var high: Float { Float(255 - zero) }
}
