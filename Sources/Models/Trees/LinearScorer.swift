import Primitives

/// A linear function a target: margin = bias + Σ weight · value over the values that are there.
///
/// XGBoost's gblinear, whose weights stand feature after feature, a target each.
struct LinearScorer: Sendable {
    let featureCount: Int
    let targetCount: Int
    /// featureCount × targetCount.
    let weights: [Float]
    /// One a target, with the base score.
    let biases: [Float]

    func scores<Value: TabularValue>(
        _ x: Span<Value>, rows: Int, features: Int, _ y: inout MutableSpan<Value>
    ) {
        for row in 0..<rows {
            for target in 0..<targetCount {
                // In float32 and in this order, as XGBoost adds them.
                var sum = biases[target]
                for feature in 0..<featureCount {
                    let value = Float(x[row * features + feature])
                    if value.isNaN { continue }
                    sum += value * weights[feature * targetCount + target]
                }
                y[row * targetCount + target] = Value(sum)
            }
        }
    }

    /// What each feature adds, and the bias behind them: exact, since nothing interacts.
    func contributions<Value: TabularValue>(
        _ x: Span<Value>, rows: Int, features: Int, _ y: inout MutableSpan<Value>
    ) {
        let width = featureCount + 1
        for row in 0..<rows {
            for target in 0..<targetCount {
                let first = (row * targetCount + target) * width
                for feature in 0..<featureCount {
                    let value = x[row * features + feature]
                    let weight = Double(weights[feature * targetCount + target])
                    y[first + feature] = value.isNaN ? 0 : Value(rounding: value.wide * weight)
                }
                y[first + featureCount] = Value(biases[target])
            }
        }
    }
}

/// What stands in each leaf of a forest of linear trees, in the order of the trees' descriptions.
struct LinearLeaves: Sendable {
    struct Term: Sendable {
        let feature: Int
        let coefficient: Double
    }

    struct Leaf: Sendable {
        /// The answer when one of the features is missing.
        let fallback: Double
        let constant: Double
        let terms: [Term]
    }

    /// For each tree its leaves, and how many nodes of its description are in front of them.
    let trees: [[Leaf]]
    let branchCounts: [Int]
    let targets: [Int]

    func scores<Value: TabularValue>(
        _ x: Span<Value>, row: Int, features: Int, places: (Int) -> Int,
        targetCount: Int, _ y: inout MutableSpan<Value>
    ) {
        for target in 0..<targetCount {
            var sum = 0.0
            for tree in trees.indices where targets[tree] == target {
                let leaf = trees[tree][places(tree) - branchCounts[tree]]
                sum += value(leaf, x, row * features)
            }
            y[row * targetCount + target] = Value(rounding: sum)
        }
    }

    private func value<Value: TabularValue>(
        _ leaf: Leaf, _ x: Span<Value>, _ start: Int
    ) -> Double {
        var sum = leaf.constant
        for term in leaf.terms {
            let value = x[start + term.feature].wide
            if value.isNaN { return leaf.fallback }
            sum += value * term.coefficient
        }
        return sum
    }
}
