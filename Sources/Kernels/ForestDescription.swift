import Primitives

/// A tree ensemble as a model file says it, before it was checked.
///
/// Holds what ai.onnx.ml's TreeEnsemble operators, XGBoost and LightGBM can say of their trees.
public struct ForestDescription: Sendable {
    /// Columns of the input.
    public var featureCount: Int
    /// Scores of a row: regression targets or classes.
    public var targetCount: Int
    public var trees: [Tree]
    public var aggregate: ForestAggregate
    /// Added to the scores at the end: one a target, or none.
    public var baseValues: [Double]
    /// In which values and thresholds are compared. Thresholds are rounded to it.
    public var precision: ForestPrecision

    public init(
        featureCount: Int, targetCount: Int, trees: [Tree] = [],
        aggregate: ForestAggregate = .sum, baseValues: [Double] = [],
        precision: ForestPrecision = .float32
    ) {
        self.featureCount = featureCount
        self.targetCount = targetCount
        self.trees = trees
        self.aggregate = aggregate
        self.baseValues = baseValues
        self.precision = precision
    }

    public struct Tree: Sendable {
        /// Children are indices into this array.
        public var nodes: [Node]
        public var root: Int
        /// How many training rows came through each node, in any unit: what contributions need.
        /// Empty when the file does not say.
        public var covers: [Float]
        /// Nodes that no path leads to, as pruning leaves them in some files. More or fewer are an
        /// error.
        public var strayCount: Int

        public init(
            nodes: [Node], root: Int = 0, covers: [Float] = [], strayCount: Int = 0
        ) {
            self.nodes = nodes
            self.root = root
            self.covers = covers
            self.strayCount = strayCount
        }
    }

    public enum Node: Sendable {
        case branch(Branch)
        case leaf([ForestVote])
    }

    public struct Branch: Sendable {
        public var feature: Int
        public var test: Test
        public var trueChild: Int
        public var falseChild: Int
        /// A NaN goes to `trueChild` (missing_value_tracks_true); else to `falseChild`, but where
        /// the comparison is `notEqual`, which NaN always passes.
        public var missingGoesTrue: Bool
        /// A value of at most 1e-35, either side of zero, goes where a NaN goes.
        public var zeroIsMissing: Bool

        public init(
            feature: Int, test: Test, trueChild: Int, falseChild: Int,
            missingGoesTrue: Bool = false, zeroIsMissing: Bool = false
        ) {
            self.feature = feature
            self.test = test
            self.trueChild = trueChild
            self.falseChild = falseChild
            self.missingGoesTrue = missingGoesTrue
            self.zeroIsMissing = zeroIsMissing
        }

        public init(
            feature: Int, comparison: Comparison = .lessOrEqual, threshold: Double, trueChild: Int,
            falseChild: Int, missingGoesTrue: Bool = false
        ) {
            self.init(
                feature: feature, test: .compare(comparison, threshold), trueChild: trueChild,
                falseChild: falseChild, missingGoesTrue: missingGoesTrue)
        }
    }

    public enum Test: Sendable {
        /// feature (comparison) threshold
        case compare(Comparison, Double)
        /// The feature is a category of this set. Negative values, and those past the set, are in
        /// no set; `truncates` makes those between -1 and 0 category 0, as a cast in C does.
        case category(CategorySet, truncates: Bool)
        /// The feature equals one of these values (BRANCH_MEMBER of TreeEnsemble 5).
        case member([Double])
    }

    /// The test of a branch: feature (comparison) threshold.
    public enum Comparison: UInt8, Sendable, CaseIterable {
        case lessOrEqual, less, greaterOrEqual, greater, equal, notEqual
    }
}

/// In which a forest's values are compared with its thresholds.
public enum ForestPrecision: UInt8, Sendable, CaseIterable {
    case float32, float64
}

/// Categories by number: 32 a word, the lowest bit first.
public struct CategorySet: Sendable, Equatable {
    public private(set) var words: [UInt32]

    public init(words: [UInt32]) { self.words = words }

    /// The set of some numbers; nil when one is negative or above `limit`.
    public init?(_ categories: some Sequence<Int>, limit: Int) {
        words = []
        for category in categories {
            guard category >= 0, category <= limit else { return nil }
            while words.count <= category / 32 { words.append(0) }
            words[category / 32] |= 1 << UInt32(category % 32)
        }
    }

    public func contains(_ category: Int) -> Bool {
        category >= 0 && category < 32 * words.count
            && words[category / 32] >> UInt32(category % 32) & 1 != 0
    }
}
