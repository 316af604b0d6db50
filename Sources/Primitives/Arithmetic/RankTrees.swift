/// A forest as the rank kernel reads it: rows are first translated, each value into its rank among the
/// thresholds that the forest compares its feature with, which is a byte. Sixty-four rows then go
/// through a branch at once, and every branch of a tree is computed.
///
/// A row goes left at a branch when its rank is at most the branch's, which is so exactly when its
/// value is at most the threshold. Missing values have a rank of their own, and a feature with branches
/// that treat them differently has several columns.
@safe public struct RankTrees<Value: ForestValue> {
    /// Rows in a block: bytes in a column or a slot.
    public static var blockRows: Int { 64 }
    /// Thresholds of one feature: their ranks, and one beyond, fit a byte.
    public static var thresholdsMax: Int { 255 }
    /// Columns and slots there is room for on the stack of the kernel.
    public static var columnsMax: Int { 96 }
    public static var slotsMax: Int { 128 }
    /// Leaves of a tree: their numbers fit a byte.
    public static var leavesMax: Int { 256 }

    public var features: UnsafePointer<RankFeature>
    public var featureCount: Int
    public var thresholds: UnsafePointer<Value>
    /// The trees of target 0 in their order, then those of target 1, and so on.
    public var trees: UnsafePointer<RankTree>
    /// Where the trees of each target begin, and the end.
    public var targetStarts: UnsafePointer<Int32>
    public var units: UnsafePointer<RankUnit>
    public var steps: UnsafePointer<RankStep>
    public var leaves: UnsafePointer<Double>
    /// The first slots hold numbers of leaves: slot i the number i.
    public var constants: Int
    /// In blocks of fewer rows other layouts are faster.
    public var rowsMin: Int

    public init(
        features: UnsafePointer<RankFeature>, featureCount: Int, thresholds: UnsafePointer<Value>,
        trees: UnsafePointer<RankTree>, targetStarts: UnsafePointer<Int32>,
        units: UnsafePointer<RankUnit>, steps: UnsafePointer<RankStep>,
        leaves: UnsafePointer<Double>, constants: Int, rowsMin: Int
    ) {
        self.features = features
        self.featureCount = featureCount
        self.thresholds = thresholds
        self.trees = trees
        self.targetStarts = targetStarts
        self.units = units
        self.steps = steps
        self.leaves = leaves
        self.constants = constants
        self.rowsMin = rowsMin
    }
}

/// How a feature's values become ranks. Its thresholds lie in ascending blocks of 16, the last filled
/// up with infinity; where there is more than one block, another with the last of each lies before.
public struct RankFeature: BitwiseCopyable, Sendable {
    public var feature: Int32
    /// Where its thresholds begin.
    public var start: Int32
    /// Whether there is more than one block.
    public var hasPivots: Bool
    /// The columns it fills, by `RankFeature.variant`; -1 is none.
    public var columns: (Int16, Int16, Int16, Int16)

    @inlinable
    public init(feature: Int32, start: Int32, hasPivots: Bool) {
        self.feature = feature
        self.start = start
        self.hasPivots = hasPivots
        columns = (-1, -1, -1, -1)
    }

    /// Which column a branch reads: 1 for those that NaN passes, and 2 for those that take zero for NaN.
    @inlinable
    public static func variant(_ rule: ForestRule) -> Int {
        (rule.contains(.missingPasses) ? 1 : 0) + (rule.contains(.zeroIsMissing) ? 2 : 0)
    }
}

/// Where the parts of a tree lie.
public struct RankTree: BitwiseCopyable, Sendable {
    public var unitStart, unitCount: Int32
    public var stepStart, stepCount: Int32
    public var leafStart: Int32
    /// The slot that holds the number of the leaf in the end, in eights of bytes.
    public var result: Int32

    @inlinable
    public init(
        unitStart: Int32, unitCount: Int32, stepStart: Int32, stepCount: Int32, leafStart: Int32,
        result: Int32
    ) {
        self.unitStart = unitStart
        self.unitCount = unitCount
        self.stepStart = stepStart
        self.stepCount = stepCount
        self.leafStart = leafStart
        self.result = result
    }
}

/// A branch: a row goes right when its byte in the column is above the rank.
public struct RankBranch: BitwiseCopyable, Sendable {
    /// Where the column begins, in eights of bytes.
    public var column: UInt16
    public var rank: Int8

    @inlinable
    public init(column: UInt16, rank: Int8) {
        self.column = column
        self.rank = rank
    }
}

/// Three levels of a tree: the root, its children, their four children from left to right, and eight
/// leaves numbered from `leaf` on. The i-th unit of a tree writes the i-th slot behind the constants.
public struct RankUnit: BitwiseCopyable, Sendable {
    public var root, left, right: RankBranch
    public var low0, low1, low2, low3: RankBranch
    public var leaf: Int8

    @inlinable
    public init(_ branches: [RankBranch], leaf: Int8) {
        (root, left, right) = (branches[1], branches[2], branches[3])
        (low0, low1, low2, low3) = (branches[4], branches[5], branches[6], branches[7])
        self.leaf = leaf
    }
}

/// A branch above units and leaves: copies the left or the right slot into its own.
public struct RankStep: BitwiseCopyable, Sendable {
    public var branch: RankBranch
    /// Slots, in eights of bytes.
    public var left, right, target: UInt16

    @inlinable
    public init(_ branch: RankBranch, left: UInt16, right: UInt16, target: UInt16) {
        self.branch = branch
        self.left = left
        self.right = right
        self.target = target
    }
}
