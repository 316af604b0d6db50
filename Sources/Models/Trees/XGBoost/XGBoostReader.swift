import Kernels
import Primitives

/// Reads a model that XGBoost saved as JSON or UBJSON (1.0 to 3.x): gbtree, dart and gblinear.
///
/// The members are those of doc/model.schema in XGBoost's sources. Trees after `best_iteration` are
/// left out, as XGBoost's scikit-learn interface does it.
struct XGBoostReader {
    let learner: DocumentPlace
    let booster: DocumentPlace
    let objective: XGBoostObjective
    let featureCount: Int
    let targetCount: Int
    let limits: Limits

    static func read(
        _ root: DocumentPlace, limits: Limits
    ) throws(ModelLoadError) -> TabularContents {
        guard try root.optional("learner") != nil else {
            throw root.failure(ModelFileKind.json.refusal)
        }
        return try XGBoostReader(root, limits: limits).contents(root)
    }

    private init(_ root: DocumentPlace, limits: Limits) throws(ModelLoadError) {
        self.limits = limits
        learner = try root.member("learner")
        booster = try learner.member("gradient_booster")
        objective = try XGBoostObjective(try learner.member("objective"))
        let parameters = try learner.member("learner_model_param")
        featureCount = try parameters.member("num_feature").integer(0...limits.modelFeaturesMax)
        let classes = try parameters.member("num_class").integer(0...limits.modelTargetsMax)
        let targets =
            try parameters.optional("num_target")?.integer(1...limits.modelTargetsMax) ?? 1
        guard classes < 2 || targets == 1 else {
            throw parameters.failure("it has \(classes) classes and \(targets) targets")
        }
        targetCount = max(classes, targets)
    }

    private func contents(_ root: DocumentPlace) throws(ModelLoadError) -> TabularContents {
        let bases = try baseScores()
        let name = try booster.member("name")
        var library = "XGBoost"
        if let version = try root.optional("version") {
            let parts = try version.integers(0...1_000_000)
            library += " " + parts.map { String($0) }.joined(separator: ".")
        }
        var contents = TabularContents(
            library: library, objective: objective.name,
            scorer: .linear(
                LinearScorer(featureCount: 0, targetCount: 1, weights: [], biases: [0])),
            link: objective.link, precision: .float32, featureCount: featureCount,
            features: try features())
        switch try name.text() {
        case "gbtree":
            let forest = try forest(try booster.member("model"), weights: nil, bases)
            contents.scorer = .forest(forest)
            contents.leafOffsets = Array(repeating: 0, count: forest.treeCount)
        case "dart":
            let weights = try booster.member("weight_drop").numbers()
            let model = try booster.member("gbtree").member("model")
            let forest = try forest(model, weights: weights, bases)
            contents.scorer = .forest(forest)
            contents.leafOffsets = Array(repeating: 0, count: forest.treeCount)
        case "gblinear": contents.scorer = .linear(try linear(bases))
        case let other: throw name.failure("the booster '\(other)' is none of XGBoost")
        }
        return contents
    }

    // MARK: The learner

    /// The margin every row starts with, one a target.
    private func baseScores() throws(ModelLoadError) -> [Double] {
        let place = try learner.member("learner_model_param").member("base_score")
        // A number as text, since 3.1 a list as text.
        var text = try place.text()[...]
        if text.first == "[", text.last == "]" { text = text.dropFirst().dropLast() }
        var values: [Double] = []
        for part in text.split(separator: ",") {
            guard let value = Float(part.filter { $0 != " " }), value.isFinite else {
                throw place.failure("'\(part.prefix(40))' is no number")
            }
            values.append(Double(objective.margin(ofPrediction: value)))
        }
        if values.count == 1 { values = Array(repeating: values[0], count: targetCount) }
        guard values.count == targetCount, values.allSatisfy({ $0.isFinite }) else {
            throw place.failure("it is not one finite margin for each of \(targetCount) targets")
        }
        return values
    }

    private func features() throws(ModelLoadError) -> FeatureList {
        guard let place = try learner.optional("feature_names") else {
            return .unnamed(featureCount)
        }
        let names = try place.texts()
        if names.isEmpty { return .unnamed(featureCount) }
        guard names.count == featureCount else {
            throw place.failure("it has \(names.count) names for \(featureCount) features")
        }
        let categories = try XGBoostCategories.read(booster, featureCount: featureCount)
        guard let list = FeatureList(names: names, categories: categories) else {
            throw place.failure("a feature or a category has a name twice")
        }
        return list
    }

    // MARK: Boosters

    private func linear(_ bases: [Double]) throws(ModelLoadError) -> LinearScorer {
        let place = try booster.member("model").member("weights")
        let (count, overflow) = (featureCount + 1).multipliedReportingOverflow(by: targetCount)
        guard !overflow else { throw place.failure("its size overflows") }
        let weights = try place.numbers(count: count)
        guard weights.allSatisfy({ Float($0).isFinite }) else {
            throw place.failure("a weight is not finite")
        }
        let biases = weights.suffix(targetCount)
        return LinearScorer(
            featureCount: featureCount, targetCount: targetCount,
            weights: weights.prefix(featureCount * targetCount).map { Float($0) },
            // gblinear.cc adds the first base score to every class.
            biases: biases.map { Float($0) + Float(bases[0]) })
    }

    private func forest(
        _ model: DocumentPlace, weights: [Double]?, _ bases: [Double]
    ) throws(ModelLoadError) -> Forest {
        let places = try model.member("trees").elements()
        let groups = try model.member("tree_info").integers(
            0...targetCount - 1, count: places.count)
        if let weights, weights.count != places.count {
            throw booster.failure("'weight_drop' has \(weights.count) for \(places.count) trees")
        }
        let used = try usedTrees(model, count: places.count)
        var trees: [ForestDescription.Tree] = []
        var nodes = 0
        for index in 0..<used {
            let tree = try XGBoostTree(places[index], targetCount: targetCount, limits: limits)
            nodes += tree.nodeCount
            guard nodes <= limits.treeNodesMax else {
                throw places[index].failure("more than \(limits.treeNodesMax) nodes in all trees")
            }
            trees.append(
                try tree.description(group: groups[index], weight: weights?[index] ?? 1))
        }
        do throws(ForestError) {
            return try Forest(
                ForestDescription(
                    featureCount: featureCount, targetCount: targetCount, trees: trees,
                    baseValues: bases))
        } catch {
            let place = error.tree.map { places[$0] } ?? model
            throw place.failure(error.description)
        }
    }

    /// How many trees count: those up to the best iteration, if early stopping noted one.
    private func usedTrees(
        _ model: DocumentPlace, count: Int
    ) throws(ModelLoadError) -> Int {
        guard let attributes = try learner.optional("attributes"),
            let best = try attributes.optional("best_iteration")
        else { return count }
        let iterations = try best.integer(0...Int(Int32.max)) + 1
        if let place = try model.optional("iteration_indptr") {
            let starts = try place.integers(0...count)
            return iterations < starts.count ? starts[iterations] : count
        }
        let parameters = try model.member("gbtree_model_param")
        let parallel =
            try parameters.optional("num_parallel_tree")?.integer(1...max(count, 1)) ?? 1
        let (perIteration, overflow) = parallel.multipliedReportingOverflow(by: targetCount)
        guard !overflow, perIteration > 0, iterations <= count / perIteration else { return count }
        return iterations * perIteration
    }
}
