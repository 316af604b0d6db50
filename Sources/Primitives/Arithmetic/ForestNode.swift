/// A node as the forest kernels read it: a quarter of a cache line.
///
/// A row goes to `child` when its feature is ≤ the threshold, else to `child + step`. A leaf has
/// step 0 and is its own child, so that a traversal may walk on while its neighbours finish.
public struct ForestNode: BitwiseCopyable, Sendable {
    public var threshold: Float
    public var feature: Int32
    /// Where the test leads when it holds, in nodes from the beginning of the forest.
    public var child: Int32
    public var step: Int16
    public var rule: Rule

    /// Departures from the plain ≤.
    public struct Rule: OptionSet, BitwiseCopyable, Sendable {
        public let rawValue: UInt16
        public init(rawValue: UInt16) { self.rawValue = rawValue }
        /// NaN passes the test (it fails otherwise).
        public static var missingPasses: Rule { Rule(rawValue: 1) }
        /// The test is = instead of ≤.
        public static var equal: Rule { Rule(rawValue: 2) }
    }

    public init(threshold: Float, feature: Int32, child: Int32, step: Int16, rule: Rule) {
        self.threshold = threshold
        self.feature = feature
        self.child = child
        self.step = step
        self.rule = rule
    }
}

/// What a leaf adds to a target's score.
public struct ForestVote: BitwiseCopyable, Sendable {
    public var target: Int32
    public var weight: Float

    public init(target: Int32, weight: Float) {
        self.target = target
        self.weight = weight
    }
}
