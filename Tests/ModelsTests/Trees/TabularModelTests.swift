import Models
import Primitives
import Testing

/// x0 below and at its threshold, x1 likewise, and missing values.
private let rows: [Double] = [1, 9, 1.5, 1, 1.5, 2, .nan, .nan, 2, .nan]

private func ask(_ model: any Model, _ values: [Double] = rows) throws -> [Double] {
    let shape = [values.count / 2, 2]
    let isWide = model.signature.inputs[0].dataType == .float64
    let input =
        isWide
        ? Tensor(.float64, shape: shape, values)
        : Tensor(.float32, shape: shape, values.map { Float($0) })
    let output = try model.run(rows: [input])[0]
    switch output.dataType {
    case .float64: return output.array(as: Double.self)
    case .int32: return output.array(as: Int32.self).map { Double($0) }
    default: return output.array(as: Float.self).map { Double($0) }
    }
}

@Test func oneXGBoostTreeIsTheSameInJSONAndUBJSON() throws {
    let files = [
        Array(TabularFixture.xgboost.utf8), try TabularFixture.ubjson(TabularFixture.xgboost),
    ]
    for file in files {
        let model = try TabularFixture.load(file).get()
        // < goes left; the base score is added. A missing x0 goes right, a missing x1 left.
        #expect(try ask(model) == [1.5, 2.5, 3.5, 2.5, 2.5])
        #expect(model.signature.inputs[0].features?.names == ["a", "b"])
        #expect(model.library == "XGBoost 3.2.0")
        #expect(model.views.map(\.name) == ["margin", "leaf", "contributions"])
        let leaf = try #require(model.answering(.leaf))
        #expect(try ask(leaf) == [1, 3, 4, 3, 3])
        let contributions = try #require(model.answering(.contributions))
        let parts = try ask(contributions, [1, 9])
        // The expected score is (4·1 + 3·2 + 3·3) / 10 + 0.5.
        #expect(abs(parts[2] - 2.4) < 1e-6)
        #expect(abs(parts[0] + parts[1] + parts[2] - 1.5) < 1e-6)
    }
}

@Test func aLightGBMTreeGoesLeftAtItsThreshold() throws {
    let model = try TabularFixture.load(TabularFixture.lightGBM).get()
    #expect(model.signature.inputs[0].dataType == .float64)
    // ≤ goes left. x0 has missing type NaN and no default, x1 defaults to the left.
    #expect(try ask(model) == [1, 1, 1, 2, 2])
    let above = (1.5).nextUp
    #expect(try ask(model, [above, 2, above, (2.0).nextUp]) == [2, 3])
    let leaf = try #require(model.answering(.leaf))
    #expect(try ask(leaf) == [0, 0, 0, 1, 1])
}

@Test func aFileIsWhatItsContentSays() {
    func kind(_ text: String) -> ModelFileKind { ModelFileKind(head: Array(text.utf8)[...]) }
    #expect(kind(TabularFixture.xgboost) == .xgboostJSON)
    #expect(kind(TabularFixture.lightGBM) == .lightGBMText)
    #expect(kind("{\"name\": \"tree\", \"tree_info\": []}") == .lightGBMJSON)
    #expect(kind("{\"labels\": []}") == .json)
    #expect(kind("") == .unknown)
    #expect(kind("hello") == .unknown)
    #expect(ModelFileKind(head: [0x7B, 0x4C, 0, 0, 0, 0, 0, 0, 0, 7]) == .xgboostUBJSON)
    #expect(ModelFileKind(head: [0x08, 0x08, 0x12, 0x04]) == .onnx)
    guard case .foreign(let pickle) = ModelFileKind(head: [0x80, 0x04, 0x95]) else {
        Issue.record("a pickle is known")
        return
    }
    #expect(pickle.contains("pickle"))
}

@Test func aPickleIsRefusedWithWhatToDoInstead() {
    guard case .failure(let error) = TabularFixture.load([0x80, 0x04, 0x95, 0]) else {
        Issue.record("a pickle does not load")
        return
    }
    #expect(error.description.contains("save it in the library's own format"))
}

@Test(arguments: [
    ("\"left_children\":[1,-1,3,-1,-1]", "\"left_children\":[1,-1,0,-1,-1]", "two paths lead here"),
    ("\"left_children\":[1,-1,3,-1,-1]", "\"left_children\":[1,-1,9,-1,-1]", "child 9"),
    (
        "\"left_children\":[1,-1,3,-1,-1]", "\"left_children\":[1,-1,3,-1]",
        "4 elements instead of 5"
    ),
    ("\"left_children\":[1,-1,3,-1,-1]", "\"left_children\":[1,-1,3,-1,1e300]", "whole number"),
    ("\"num_nodes\":\"5\"", "\"num_nodes\":\"99999999999\"", "num_nodes"),
    ("\"num_nodes\":\"5\"", "\"num_nodes\":\"-1\"", "num_nodes"),
    (
        "\"num_feature\":\"2\",\"num_target\"", "\"num_feature\":\"-2\",\"num_target\"",
        "num_feature"
    ),
    ("\"split_indices\":[0,0,1,0,0]", "\"split_indices\":[0,0,7,0,0]", "tests feature 7"),
    ("\"split_indices\":[0,0,1,0,0]", "\"split_indices\":[0,0,0.5,0,0]", "whole number"),
    ("\"tree_info\":[0]", "\"tree_info\":[1]", "tree_info"),
    ("\"tree_info\":[0]", "\"tree_info\":[0,0]", "2 elements instead of 1"),
    ("reg:squarederror", "reg:guess", "the objective 'reg:guess' is not known"),
    ("[5E-1]", "[5E-1,1]", "one finite margin for each of 1"),
    ("[5E-1]", "nan", "is no number"),
    ("\"name\":\"gbtree\"", "\"name\":\"gbbush\"", "the booster 'gbbush'"),
    ("\"split_type\":[0,0,0,0,0]", "\"split_type\":[1,0,0,0,0]", "has no categories"),
    ("[\"a\",\"b\"]", "[\"a\",\"a\"]", "twice"),
    ("[\"a\",\"b\"]", "[\"a\"]", "1 names for 2 features"),
    ("\"learner\":{", "\"learner\":{\"x\":[[", "m: byte "),
    ("\"num_deleted\":\"0\"", "\"num_deleted\":\"1\"", "no path leads to 0 nodes instead of 1"),
    ("\"split_conditions\":[1.5,", "\"split_conditions\":[\"NaN\",", "array of numbers"),
])
func damagedXGBoostFilesAreRefusedByPlace(from: String, to: String, expected: String) {
    let text = TabularFixture.xgboost.replacing(from, with: to)
    #expect(text != TabularFixture.xgboost)
    let refusal = TabularFixture.refusal(text)
    #expect(refusal?.contains(expected) == true, "\(refusal ?? "it loads")")
}

@Test func thePlaceOfAFaultIsThePathToIt() {
    let text = TabularFixture.xgboost.replacing("[1,-1,3,-1,-1]", with: "[1,-1,3,-1]")
    #expect(
        TabularFixture.refusal(text)
            == "m: learner.gradient_booster.model.trees[0].left_children: "
            + "it has 4 elements instead of 5")
}

@Test(arguments: [
    ("left_child=-1 -2", "left_child=0 -2", "two paths lead here"),
    ("left_child=-1 -2", "left_child=-1 5", "left_child"),
    ("left_child=-1 -2", "left_child=-1", "1 numbers instead of 2"),
    ("right_child=1 -3", "right_child=1 -2", "two paths lead here"),
    ("threshold=1.5 2", "threshold=nan 2", "not a number"),
    ("threshold=1.5 2", "threshold=1.5 x", "'x' is no number"),
    ("num_leaves=3", "num_leaves=99999999999", "num_leaves"),
    ("num_leaves=3", "num_leaves=4", "leaf_value: it has 3 numbers instead of 4"),
    ("split_feature=0 1", "split_feature=0 2", "tests feature 2"),
    ("decision_type=8 10", "decision_type=1 10", "categories that are not there"),
    ("decision_type=8 10", "decision_type=12 10", "missing type 3"),
    ("num_tree_per_iteration=1", "num_tree_per_iteration=2", "no whole number of iterations"),
    ("objective=regression", "objective=guess", "the objective 'guess' is not known"),
    ("end of trees", "", "expected a tree, found 'pandas_categorical"),
    ("max_feature_idx=1", "max_feature_idx=99999999999", "max_feature_idx"),
    ("version=v4", "version=v9", "none of v2, v3 and v4"),
    ("leaf_value=1 2 3", "leaf_value=1 nan 3", "a weight is not a number"),
    ("is_linear=0", "is_linear=1", "leaf_const"),
    ("shrinkage=1", "leaf_value=1 2 3", "stands twice"),
    ("pandas_categorical:null", "pandas_categorical:[[", "pandas_categorical"),
])
func damagedLightGBMFilesAreRefusedByPlace(from: String, to: String, expected: String) {
    let text = TabularFixture.lightGBM.replacing(from, with: to)
    #expect(text != TabularFixture.lightGBM)
    let refusal = TabularFixture.refusal(text)
    #expect(refusal?.contains(expected) == true, "\(refusal ?? "it loads")")
}

@Test func deepNestingIsRefusedAndNotRecursedInto() {
    let json = "{\"learner\":" + String(repeating: "[", count: 1_000_000)
    #expect(TabularFixture.refusal(json)?.contains("too deep") == true)
    var ubjson = Array("{".utf8)
    TabularFixture.appendText("learner", to: &ubjson)
    ubjson += [UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)
    guard case .failure(let error) = TabularFixture.load(ubjson) else {
        Issue.record("it does not load")
        return
    }
    #expect(error.description.contains("nested deeper"))
}

@Test func absurdCountsOfUBJSONMakeNoMemory() {
    for header in ["[$d#L", "[#L", "[$Z#L", "S L"] {
        var bytes = Array("{".utf8)
        TabularFixture.appendText("learner", to: &bytes)
        bytes += Array(header.utf8) + TabularFixture.bigEndian(UInt64(Int64.max))
        guard case .failure(let error) = TabularFixture.load(bytes) else {
            Issue.record("\(header) does not load")
            continue
        }
        #expect(error.place.hasPrefix("byte "), "\(error)")
    }
}

@Test func everyCutOfAFileIsRefused() throws {
    let ubjson = try TabularFixture.ubjson(TabularFixture.xgboost)
    for end in 0..<ubjson.count {
        guard case .failure = TabularFixture.load(Array(ubjson[..<end])) else {
            Issue.record("a file cut at \(end) loads")
            continue
        }
    }
    for end in stride(from: 0, to: TabularFixture.xgboost.utf8.count - 1, by: 3) {
        #expect(TabularFixture.refusal(String(TabularFixture.xgboost.prefix(end))) != nil)
    }
}

@Test func aChainOfAMillionBranchesLoadsAndAnswers() throws {
    // As deep as it gets: every left child is a leaf.
    let depth = 1_000_000
    let count = 2 * depth + 1
    func list(_ value: (Int) -> Int) -> String {
        (0..<count).map { String(value($0)) }.joined(separator: ",")
    }
    let isBranch = { (node: Int) in node % 2 == 0 && node < count - 1 }
    let text =
        "{\"learner\":{\"gradient_booster\":{\"name\":\"gbtree\",\"model\":{\"tree_info\":[0],"
        + "\"trees\":[{\"tree_param\":{\"num_nodes\":\"\(count)\"},"
        + "\"left_children\":[\(list { isBranch($0) ? $0 + 1 : -1 })],"
        + "\"right_children\":[\(list { isBranch($0) ? $0 + 2 : -1 })],"
        + "\"split_indices\":[\(list { _ in 0 })],\"default_left\":[\(list { _ in 1 })],"
        + "\"sum_hessian\":[\(list { count - $0 })],\"split_conditions\":[\(list { $0 })]}]}},"
        + "\"learner_model_param\":{\"base_score\":\"0\",\"num_class\":\"0\",\"num_feature\":\"2\"},"
        + "\"objective\":{\"name\":\"reg:squarederror\"}}}"
    let model = try TabularFixture.load(text).get()
    #expect(try ask(model, [-1, 0, 999, 0]) == [1, 1001])
    // Its contributions would take 10^12 steps a row.
    #expect(model.answering(.contributions) == nil)
}

/// The seeds of the fuzzer and every input that once was a crash (see Fuzz/run.sh).
@Test(arguments: ["tabular-json", "tabular-ubjson", "tabular-lightgbm"])
func everyFileOfTheTabularCorpusIsHandled(name: String) throws {
    let root = "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
    let folder = "\(root)/Fuzz/corpus/\(name)"
    let files = try FileSystem.names(in: folder)
    #expect(files.count >= 5)
    for file in files {
        let bytes = try FileSystem.contents(of: "\(folder)/\(file)", byteCountMax: 1 << 20)
        TabularModelExercise.run(bytes.span)
    }
}
