import Kernels
import Primitives

/// A LightGBM model as either of its files says it, before it was checked.
struct LightGBMContents {
    var version = ""
    var classCount = 1
    var treesPerIteration = 1
    var featureCount = 0
    var objective = ""
    var averages = false
    var featureNames: [String] = []
    /// Whether each feature is categorical, where the file says it.
    var isCategorical: [Bool] = []
    /// `pandas_categorical`: the categories of each categorical column of the data frame.
    var categories: [[String]] = []
    var trees: [LightGBMTree] = []

    /// The model. `failure` makes an error of a place in the file and a reason.
    func tabular(
        _ failure: (String, String) -> ModelLoadError
    ) throws(ModelLoadError) -> TabularContents {
        guard treesPerIteration > 0, trees.count % treesPerIteration == 0 else {
            throw failure(
                "num_tree_per_iteration",
                "\(trees.count) trees are no whole number of iterations of \(treesPerIteration)")
        }
        let iterations = trees.count / treesPerIteration
        let descriptions = trees.enumerated().map { index, tree in
            tree.description(target: index % treesPerIteration)
        }
        let forest: Forest
        do throws(ForestError) {
            forest = try Forest(
                ForestDescription(
                    featureCount: featureCount, targetCount: treesPerIteration,
                    trees: descriptions, precision: .float64))
        } catch {
            throw failure(error.tree.map { "Tree=\($0)" } ?? "", error.description)
        }
        return TabularContents(
            library: "LightGBM \(version)", objective: objective,
            scorer: try scorer(forest, failure), link: try link(failure),
            precision: .float64, featureCount: featureCount, features: try features(failure),
            leafOffsets: trees.map { $0.features.count },
            divisor: averages ? Double(max(iterations, 1)) : 1)
    }

    private func scorer(
        _ forest: Forest, _ failure: (String, String) -> ModelLoadError
    ) throws(ModelLoadError) -> TabularScorer {
        guard trees.contains(where: { !$0.linear.isEmpty }) else { return .forest(forest) }
        var leaves: [[LinearLeaves.Leaf]] = []
        for (index, tree) in trees.enumerated() {
            var list: [LinearLeaves.Leaf] = []
            for (position, value) in tree.leafValues.enumerated() {
                guard position < tree.linear.count else {
                    list.append(.init(fallback: value, constant: value, terms: []))
                    continue
                }
                let leaf = tree.linear[position]
                guard leaf.terms.allSatisfy({ $0.feature >= 0 && $0.feature < featureCount })
                else {
                    throw failure(
                        "Tree=\(index)", "leaf \(position) uses a feature that is not there")
                }
                list.append(leaf)
            }
            leaves.append(list)
        }
        return .linearLeaves(
            forest,
            LinearLeaves(
                trees: leaves, branchCounts: trees.map { $0.features.count },
                targets: trees.indices.map { $0 % treesPerIteration }))
    }

    /// The objective's ConvertOutput in LightGBM's src/objective.
    private func link(
        _ failure: (String, String) -> ModelLoadError
    ) throws(ModelLoadError) -> ScoreLink {
        let words = objective.split(separator: " ")
        func sigmoid() throws(ModelLoadError) -> Double {
            guard let word = words.first(where: { $0.hasPrefix("sigmoid:") }) else { return 1 }
            guard let slope = Double(word.dropFirst(8)), slope.isFinite, slope > 0 else {
                throw failure("objective", "'\(word)' is no positive number")
            }
            return slope
        }
        switch words.first.map({ String($0) }) ?? "" {
        // A model of a custom objective names none: its answers are the margins.
        case "", "custom", "none": return .identity
        case "binary": return .binary(try sigmoid())
        case "multiclass", "softmax": return .softmax
        case "multiclassova", "multiclass_ova", "ova", "ovr": return .sigmoidEach(try sigmoid())
        case "regression", "regression_l2", "l2", "mean_squared_error", "mse", "regression_l1",
            "l1", "mae", "huber", "fair", "quantile", "mape":
            return words.contains("sqrt") ? .signedSquare : .identity
        case "lambdarank", "rank_xendcg", "xendcg": return .identity
        case "poisson", "gamma", "tweedie": return .exponential
        case "cross_entropy", "xentropy": return .sigmoid(1)
        case "cross_entropy_lambda", "xentlambda": return .softplus
        case let other:
            throw failure(
                "objective", "the objective '\(other)' is not known; its answers would be guesses")
        }
    }

    private func features(
        _ failure: (String, String) -> ModelLoadError
    ) throws(ModelLoadError) -> FeatureList {
        guard featureNames.count == featureCount else {
            throw failure(
                "feature_names", "it has \(featureNames.count) names for \(featureCount) features")
        }
        var lists = featureNames.map { _ in [String]() }
        let columns = isCategorical.indices.filter { isCategorical[$0] }
        if columns.count == categories.count {
            for (column, list) in zip(columns, categories) where column < lists.count {
                lists[column] = list
            }
        }
        guard
            let list = FeatureList(
                names: featureNames, categories: lists, unknownCategoriesAreMissing: true)
        else { throw failure("feature_names", "a feature or a category has a name twice") }
        return list
    }
}
