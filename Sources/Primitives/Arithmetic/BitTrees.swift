/// Trees of at most 32 leaves as the bit-vector kernel reads them. The nodes of tree t are those from
/// starts[t] to starts[t + 1], its leaves, one more, those from starts[t] + t on, from left to right.
@safe public struct BitTrees {
    /// As many columns as have eight values each in 1 KiB.
    public static let featuresMax = 32

    public var nodes: UnsafePointer<BitNode>
    public var starts: UnsafePointer<Int32>
    public var leaves: UnsafePointer<Float>
    /// The features that any tree tests.
    public var features: UnsafePointer<Int32>
    public var featureCount: Int

    public init(
        nodes: UnsafePointer<BitNode>, starts: UnsafePointer<Int32>,
        leaves: UnsafePointer<Float>, features: UnsafePointer<Int32>, featureCount: Int
    ) {
        self.nodes = nodes
        self.starts = starts
        self.leaves = leaves
        self.features = features
        self.featureCount = featureCount
    }
}

/// A branch: rows above the threshold cannot reach the leaves whose bits are 0 in the mask.
public struct BitNode: BitwiseCopyable, Sendable {
    public var threshold: Float
    /// Where the feature's eight values begin.
    public var column: Int32
    public var mask: UInt32

    @inlinable
    public init(threshold: Float, column: Int32, mask: UInt32) {
        self.threshold = threshold
        self.column = column
        self.mask = mask
    }
}
