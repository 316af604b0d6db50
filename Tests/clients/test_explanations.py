"""Contributions of the trees of ONNX models: against Shapley values from all subsets of features."""

import itertools
import math
import warnings

import numpy as np
import onnx
import pytest
import requests
from onnx import helper, numpy_helper

from martlet_process import run

warnings.filterwarnings("ignore")


def estimators():
    from sklearn import datasets, ensemble, tree

    x, y = datasets.load_iris(return_X_y=True)
    x = x.astype(np.float32)
    return x, {
        "forest of three classes": ensemble.RandomForestClassifier(5, max_depth=5, random_state=0).fit(x, y),
        "forest of two classes": ensemble.RandomForestClassifier(5, max_depth=5, random_state=0).fit(x, y == 1),
        "forest of numbers": ensemble.RandomForestRegressor(4, max_depth=4, random_state=0).fit(x, x[:, 1] * y),
        "boosting": ensemble.GradientBoostingRegressor(n_estimators=5, random_state=0).fit(x, x[:, 1] * y),
        "boosting of classes": ensemble.GradientBoostingClassifier(n_estimators=4, random_state=0).fit(x, y),
        "tree": tree.DecisionTreeClassifier(random_state=0).fit(x, y),
    }


X, MODELS = estimators()


def members(model):
    """scikit-learn's trees in the order in which skl2onnx writes them."""
    if hasattr(model, "estimators_"):
        return [member.tree_ for member in np.asarray(model.estimators_, object).ravel()]
    return [model.tree_]


def convert(model, sample, with_rates=True, average=None):
    from skl2onnx import to_onnx

    proto = to_onnx(model, sample, target_opset={"": 21, "ai.onnx.ml": 3}, options={id(model): {"zipmap": False}}
                    if hasattr(model, "predict_proba") else None)
    node = next(node for node in proto.graph.node if node.op_type.startswith("TreeEnsemble"))
    attributes = {item.name: item for item in node.attribute}
    trees = members(model)
    if with_rates:
        # What docs/trees.md tells people to do: the converter writes a 1 for every node.
        rates = attributes["nodes_hitrates"].floats
        ids = zip(attributes["nodes_treeids"].ints, attributes["nodes_nodeids"].ints)
        for place, (tree, index) in enumerate(ids):
            rates[place] = trees[tree].weighted_n_node_samples[index]
    if average:
        node.attribute.append(helper.make_attribute("aggregate_function", average))
    return proto


def structure(proto):
    """The ensemble of a model as nested tuples: (feature, threshold, yes, no, cover) or ({target: weight}, cover)."""
    node = next(node for node in proto.graph.node if node.op_type.startswith("TreeEnsemble"))
    values = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    prefix = "class" if node.op_type.endswith("Classifier") else "target"
    votes = {}
    for tree, leaf, target, weight in zip(*(values[f"{prefix}_{part}"] for part in ("treeids", "nodeids", "ids", "weights"))):
        votes.setdefault((tree, leaf), {})[target] = weight
    places = {key: place for place, key in enumerate(zip(values["nodes_treeids"], values["nodes_nodeids"]))}

    def build(tree, index):
        place = places[tree, index]
        cover = values["nodes_hitrates"][place]
        if values["nodes_modes"][place] == b"LEAF":
            return votes[tree, index], cover
        assert values["nodes_modes"][place] == b"BRANCH_LEQ"
        children = (build(tree, values[f"nodes_{side}nodeids"][place]) for side in ("true", "false"))
        return values["nodes_featureids"][place], np.float32(values["nodes_values"][place]), *children, cover

    return [build(tree, 0) for tree in dict.fromkeys(values["nodes_treeids"])], values.get("base_values", [0.0])


def score(node, row, known, target):
    """What is expected of a row of which only some features are known."""
    if len(node) == 2:
        return node[0].get(target, 0.0)
    feature, threshold, yes, no, cover = node
    if feature in known:
        return score(yes if row[feature] <= threshold else no, row, known, target)
    return sum(score(child, row, known, target) * child[-1] for child in (yes, no)) / cover


def shapley(trees, row, target):
    count = len(row)
    features = range(count)
    worth = {
        known: sum(score(tree, row, known, target) for tree in trees)
        for size in range(count + 1) for known in itertools.combinations(features, size)}
    result = []
    for feature in features:
        total = 0.0
        for known in worth:
            if feature not in known:
                share = math.factorial(len(known)) * math.factorial(count - len(known) - 1) / math.factorial(count)
                total += share * (worth[tuple(sorted((*known, feature)))] - worth[known])
        result.append(total)
    return [*result, worth[()]]


def infer(proto, rows, folder, answer):
    onnx.save(proto, folder / "model.onnx")
    np.save(folder / "rows.npy", rows)
    return run("infer", folder / "model.onnx", "--input", folder / "rows.npy", "--output-dir", folder, "--answer", answer)


def contributions(proto, rows, folder):
    done = infer(proto, rows, folder, "contributions")
    assert done.returncode == 0, done.stderr
    return np.load(folder / "contributions.npy")


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("type_", [np.float32, np.float64])
def test_contributions_are_shapley_values(name, type_, tmp_path):
    rows = X[::12].astype(type_)
    proto = convert(MODELS[name], rows[:1])
    got = contributions(proto, rows, tmp_path)
    assert got.dtype == type_
    trees, base = structure(proto)
    targets = sorted({target for tree in trees for target in leaves(tree)})
    got = got.reshape(len(rows), -1, 5)
    assert got.shape[1] == (1 if targets == [0] else max(targets) + 1)
    for row, values in zip(rows, got):
        for target in targets:
            want = shapley(trees, row, target)
            want[-1] += base[target if len(base) > 1 else 0]
            np.testing.assert_allclose(values[target if len(values) > 1 else 0], want, atol=1e-5 * max(1, np.abs(want).max()))
    done = infer(proto, rows, tmp_path, "margin")
    assert done.returncode == 0, done.stderr
    margin = np.load(tmp_path / "margin.npy").reshape(len(rows), -1)
    np.testing.assert_allclose(got.sum(axis=2), margin, rtol=1e-5, atol=1e-5)


def leaves(node):
    return set(node[0]) if len(node) == 2 else leaves(node[2]) | leaves(node[3])


def test_averages_are_explained_as_averages(tmp_path):
    model = MODELS["forest of numbers"]
    sums = contributions(convert(model, X[:1]), X[:20], tmp_path)
    averages = contributions(convert(model, X[:1], average="AVERAGE"), X[:20], tmp_path)
    np.testing.assert_allclose(averages * 4, sums, rtol=1e-5, atol=1e-6)


def test_leaves_are_numbered_as_in_scikit_learn(tmp_path):
    model = MODELS["forest of three classes"]
    done = infer(convert(model, X[:1]), X, tmp_path, "leaf")
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "leaf.npy"), model.apply(X))


def pipeline():
    from sklearn import linear_model, pipeline, preprocessing, tree

    x, y = X, X[:, 0] > 5.8
    return {
        "scaled": pipeline.make_pipeline(preprocessing.StandardScaler(), tree.DecisionTreeClassifier(max_depth=3)).fit(x, y),
        "linear": linear_model.LogisticRegression(max_iter=300).fit(x, y),
    }


REFUSALS = {
    "rates that say nothing": (
        lambda: convert(MODELS["tree"], X[:1], with_rates=False), "how many training rows came through each node"),
    "a maximum": (
        lambda: convert(MODELS["forest of numbers"], X[:1], average="MAX"), "least or greatest leaf"),
    "trees behind a scaler": (lambda: simple(pipeline()["scaled"]), "what ai.onnx.ml.Scaler makes of it"),
    "no trees": (lambda: simple(pipeline()["linear"]), "cannot explain its predictions"),
}


def simple(model):
    from skl2onnx import to_onnx

    return to_onnx(model, X[:1], options={id(model): {"zipmap": False}})


def test_what_cannot_be_explained_is_refused_with_the_reason(start, tmp_path):
    import lightgbm

    for index, (make, _) in enumerate(REFUSALS.values()):
        folder = tmp_path / f"model{index}/1"
        folder.mkdir(parents=True)
        onnx.save(make(), folder / "model.onnx")
    folder = tmp_path / "linear/1"
    folder.mkdir(parents=True)
    lightgbm.train(
        {"objective": "regression", "linear_tree": True, "verbose": -1, "num_threads": 1},
        lightgbm.Dataset(X.astype(np.float64), label=X[:, 0] * 2), 3).save_model(folder / "model.txt")
    reasons = [reason for _, reason in REFUSALS.values()]
    server = start(tmp_path)
    for name, reason in [*((f"model{index}", reason) for index, reason in enumerate(reasons)), ("linear", "linear_tree")]:
        url = f"{server.url}/models/{name}/predict"
        body = {"instances": X[:1].tolist()}
        assert requests.post(url, json=body, timeout=20).status_code == 200
        answer = requests.post(f"{url}?explain=contributions", json=body, timeout=20)
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"]["code"] == "unknown_explanation" and reason in answer.text, answer.text


def test_contributions_of_trees_with_float64_thresholds(tmp_path):
    """Inputs and thresholds in float64: rows that only float64 tells apart go different ways."""
    rates, values = [4.0, 1.0, 3.0], [0.1, 0.0, 0.0]
    node = helper.make_node(
        "TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", n_targets=1, nodes_treeids=[0] * 3,
        nodes_nodeids=[0, 1, 2], nodes_featureids=[1, 0, 0], nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"],
        nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 0, 0],
        nodes_values_as_tensor=numpy_helper.from_array(np.array(values)),
        nodes_hitrates_as_tensor=numpy_helper.from_array(np.array(rates)), target_treeids=[0, 0], target_nodeids=[1, 2],
        target_ids=[0, 0], target_weights_as_tensor=numpy_helper.from_array(np.array([1.0, 5.0])))  # fmt: skip
    graph = helper.make_graph(
        [node], "g", [helper.make_tensor_value_info("x", onnx.TensorProto.DOUBLE, [None, 3])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)])
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    rows = np.array([[9, 0.1, 9], [9, np.nextafter(0.1, 1), 9]])
    got = contributions(helper.make_model(graph, opset_imports=imports, ir_version=8), rows, tmp_path)
    np.testing.assert_allclose(got, [[0, -3, 0, 4], [0, 1, 0, 4]], atol=1e-12)
