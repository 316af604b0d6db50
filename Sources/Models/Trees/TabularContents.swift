import Kernels

/// What a model file of a library for tabular data holds, checked: the same for all libraries.
struct TabularContents: Sendable {
    /// Who wrote the file, for people: `XGBoost 3.2.0`.
    var library: String
    /// The objective it was trained with, in the library's words.
    var objective: String
    var scorer: TabularScorer
    var link: ScoreLink
    var precision: ForestPrecision
    var featureCount: Int
    var features: FeatureList
    /// For each tree, how many nodes of its description come before the leaves that the library
    /// counts from 0; all zero where it counts leaves as nodes.
    var leafOffsets: [Int] = []
    /// What margins are divided by before the link function: the iterations of a random forest of
    /// LightGBM's, whose raw scores are sums. 1 elsewhere.
    var divisor = 1.0
}
