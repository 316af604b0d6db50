/// A number that forests compare and add up: float32 or float64, as the library compares that
/// trained the forest.
public protocol ForestValue: BinaryFloatingPoint, BitwiseCopyable, Sendable {
    /// The value in float64, exactly.
    var wide: Double { get }
    /// The nearest value.
    init(rounding value: Double)
    /// A value that stands for a number from 0 to `UInt32.max`, as its bits.
    init(index: UInt32)
    /// The number that the bits are; only of a value made by `init(index:)`.
    var index: Int { get }
}

extension Float: ForestValue {
    @inlinable @inline(__always) public var wide: Double { Double(self) }
    @inlinable @inline(__always) public init(rounding value: Double) { self = Float(value) }
    @inlinable public init(index: UInt32) { self = Float(bitPattern: index) }
    @inlinable public var index: Int { Int(bitPattern) }
}

extension Double: ForestValue {
    @inlinable @inline(__always) public var wide: Double { self }
    @inlinable @inline(__always) public init(rounding value: Double) { self = value }
    @inlinable public init(index: UInt32) { self = Double(bitPattern: UInt64(index)) }
    @inlinable public var index: Int { Int(truncatingIfNeeded: bitPattern) }
}

/// A node as the forest kernels read it: a quarter of a cache line in float32.
///
/// A row goes to `child` when its feature is ≤ the threshold, else to `child + step`. A leaf has
/// step 0 and is its own child, so that a traversal may walk on while its neighbours finish; where
/// every leaf has one vote, its threshold is that vote's weight.
public struct ForestNode<Value: ForestValue>: BitwiseCopyable, Sendable {
    public var threshold: Value
    public var feature: Int32
    /// Where the test leads when it holds, in nodes from the beginning of the forest.
    public var child: Int32
    public var step: Int16
    public var rule: ForestRule

    @inlinable
    public init(threshold: Value, feature: Int32, child: Int32, step: Int16, rule: ForestRule) {
        self.threshold = threshold
        self.feature = feature
        self.child = child
        self.step = step
        self.rule = rule
    }
}

/// Departures of a node from the plain ≤.
public struct ForestRule: OptionSet, BitwiseCopyable, Sendable {
    public let rawValue: UInt16
    @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// NaN passes the test (it fails otherwise).
    @inlinable public static var missingPasses: ForestRule { ForestRule(rawValue: 1) }
    /// The test is = instead of ≤.
    @inlinable public static var equal: ForestRule { ForestRule(rawValue: 2) }
    /// A value of (almost) zero counts as NaN (LightGBM's missing type zero: ± 1e-35).
    @inlinable public static var zeroIsMissing: ForestRule { ForestRule(rawValue: 4) }
    /// The value is a category, and passes when it is in a set. The set is in `sets`, from the
    /// index that the threshold's bits are: how many words, then 32 categories a word.
    @inlinable public static var category: ForestRule { ForestRule(rawValue: 8) }
    /// Of a `category`: values between -1 and 0 are category 0, as a cast to an integer has it.
    @inlinable public static var truncates: ForestRule { ForestRule(rawValue: 16) }
    /// The value passes when it equals one of a list. The list is in `sets` like a category's:
    /// how many values, then the bits of each in float64, the lower word first.
    @inlinable public static var member: ForestRule { ForestRule(rawValue: 32) }

    /// Whether the test needs `sets`.
    @inlinable public var usesSets: Bool { rawValue & 0x28 != 0 }
}

/// What a leaf adds to a target's score.
public struct ForestVote: BitwiseCopyable, Sendable, Equatable {
    public var target: Int32
    public var weight: Double

    @inlinable
    public init(target: Int32, weight: Double) {
        self.target = target
        self.weight = weight
    }
}
