"""Models of the classical operators (`ai.onnx.ml`) and of scikit-learn and CatBoost, for test_classical.py."""

import warnings

import numpy as np
import onnx
from onnx import helper, numpy_helper

from make_onnx_cases import F, I64, ML, S, Case, floats, integers, make, node

D = onnx.TensorProto.DOUBLE


def encoders():
    x = floats(6, 4)
    x[0, 0] = np.nan
    x[1] = 0
    for threshold in (0.0, 0.5):
        yield make(f"Binarizer-{threshold}", [node(
            "Binarizer", ["x"], domain=ML, threshold=threshold)], {"x": x[1:]}, {"y": F})
    for values in ([1.5], [1.0, 2.0, 3.0, 4.0]):
        for replaced in (float("nan"), 0.0):
            yield make(f"Imputer-{len(values)}-{replaced}", [node(
                "Imputer", ["x"], domain=ML, imputed_value_floats=values, replaced_value_float=replaced)],
                {"x": x}, {"y": F})
    yield make("Imputer-int64", [node(
        "Imputer", ["x"], domain=ML, imputed_value_int64s=[7], replaced_value_int64=-1)],
        {"x": integers(5, 3, low=-2, high=3)}, {"y": I64})
    names = np.array([["a", "b"], ["zz", "ä"], ["b", ""]], dtype=object)
    yield make("OneHotEncoder-strings", [node(
        "OneHotEncoder", ["x"], domain=ML, cats_strings=["a", "b", "ä"], zeros=1)], {"x": names}, {"y": F})
    for kind, array in (("int64", integers(5, 3, low=-1, high=4)), ("float", floats(5, 3))):
        yield make(f"OneHotEncoder-{kind}", [node(
            "OneHotEncoder", ["x"], domain=ML, cats_int64s=[0, 1, -1, 3], zeros=1)], {"x": array}, {"y": F})
    yield make("CategoryMapper-strings", [node(
        "CategoryMapper", ["x"], domain=ML, cats_strings=["a", "b"], cats_int64s=[3, 4], default_int64=-7)],
        {"x": names}, {"y": I64})
    yield make("CategoryMapper-integers", [node(
        "CategoryMapper", ["x"], domain=ML, cats_strings=["a", "b"], cats_int64s=[3, 4], default_string="?")],
        {"x": integers(4, 2, low=2, high=6)}, {"y": S})
    yield make("FeatureVectorizer", [node(
        "FeatureVectorizer", ["a", "b"], domain=ML, inputdimensions=[2, 3])], {"a": floats(4, 2), "b": floats(4, 3, seed=2)}, {"y": F})


def support_vectors():
    x = floats(7, 3)
    for kernel in ("LINEAR", "POLY", "RBF", "SIGMOID"):
        common = {"kernel_type": kernel, "kernel_params": [0.3, 0.4, 3.0]}
        yield make(f"SVMRegressor-{kernel}", [node(
            "SVMRegressor", ["x"], domain=ML, coefficients=floats(5, seed=2).tolist(), n_supports=5, rho=[0.25],
            support_vectors=floats(15, seed=3).tolist(), **common)], {"x": x}, {"y": F})
        yield make(f"SVMRegressor-{kernel}-one-class", [node(
            "SVMRegressor", ["x"], domain=ML, coefficients=floats(5, seed=2).tolist(), n_supports=5, rho=[0.25],
            support_vectors=floats(15, seed=3).tolist(), one_class=1, **common)], {"x": x}, {"y": F})
        for classes in (2, 4):
            counts = [2, 1, 3, 2][:classes]
            total, pairs = sum(counts), classes * (classes - 1) // 2
            for calibrated in (False, True):
                for transform in ("NONE", "SOFTMAX", "LOGISTIC"):
                    options = {}
                    if calibrated:
                        options = {"prob_a": (-np.abs(floats(pairs, seed=6))).tolist(), "prob_b": floats(pairs, seed=7).tolist()}
                    yield make(f"SVMClassifier-{kernel}-{classes}-{calibrated}-{transform}", [node(
                        "SVMClassifier", ["x"], ["label", "y"], domain=ML, classlabels_ints=list(range(3, 3 + classes)),
                        coefficients=floats((classes - 1) * total, seed=4).tolist(), rho=floats(pairs, seed=5).tolist(),
                        support_vectors=floats(total * 3, seed=8).tolist(), vectors_per_class=counts,
                        post_transform=transform, **options, **common)], {"x": x}, {"label": I64, "y": F})
    for classes in (2, 3):
        yield make(f"SVMClassifier-linear-{classes}", [node(
            "SVMClassifier", ["x"], ["label", "y"], domain=ML, classlabels_strings=list("abc"[:classes]),
            coefficients=floats(classes * 3, seed=4).tolist(), rho=[0.1], kernel_type="LINEAR",
            kernel_params=[0.0, 0.0, 0.0])],
            {"x": x}, {"label": S, "y": F})


def tree_ensembles():
    """TreeEnsemble of version 5: every mode and aggregate, membership, float64, a tree of one leaf."""

    def model(name, kind, modes, transform=0, aggregate=1):
        dtype = np.float64 if kind == D else np.float32
        values = np.array([0.5, 0.1, -0.5, 1.0, 0.0, 2.0, 1.0], dtype)
        count = len(modes)
        # A chain: node i goes to leaf i, else to node i + 1.
        members = [] if 6 not in modes else [1.0, 2.0, float("nan"), 0.5, float("nan")][: 3 if modes.count(6) == 1 else 5]
        attributes = {
            "n_targets": 2, "aggregate_function": aggregate, "post_transform": transform,
            "tree_roots": [0],
            "nodes_featureids": [index % 2 for index in range(count)],
            "nodes_splits": numpy_helper.from_array(values[:count]),
            "nodes_modes": numpy_helper.from_array(np.array(modes, np.uint8)),
            "nodes_truenodeids": list(range(count)), "nodes_trueleafs": [1] * count,
            "nodes_falsenodeids": [*range(1, count), count], "nodes_falseleafs": [0] * (count - 1) + [1],
            "nodes_missing_value_tracks_true": [index % 2 for index in range(count)],
            "leaf_targetids": [index % 2 for index in range(count + 1)],
            "leaf_weights": numpy_helper.from_array(np.linspace(-1, 2, count + 1).astype(dtype)),
        }  # fmt: skip
        if members:
            attributes["membership_values"] = numpy_helper.from_array(np.array(members, dtype))
        x = np.array([[a, b] for a in (-1, 0, 0.5, 1, 2, np.nan) for b in (-0.5, 0.1, 1, 2, np.nan)], dtype)
        return make(name, [node("TreeEnsemble", ["x"], domain=ML, **attributes)], {"x": x}, {"y": kind}, opset=21, ml=5)

    for mode in range(6):
        yield model(f"TreeEnsemble-mode-{mode}", F, [mode, mode, 0])
    yield model("TreeEnsemble-modes", F, [0, 1, 2, 3, 4, 5])
    yield model("TreeEnsemble-members", F, [6, 0, 6, 1])
    for aggregate in range(4):
        yield model(f"TreeEnsemble-aggregate-{aggregate}", F, [0, 3, 1], aggregate=aggregate)
    for transform in (1, 2):
        yield model(f"TreeEnsemble-transform-{transform}", F, [0, 3, 1], transform=transform)
    yield model("TreeEnsemble-double", D, [0, 1, 2, 3])
    for transform in (1, 2, 3):
        yield model(f"TreeEnsemble-transform-double-{transform}", D, [0, 3, 1], transform=transform)


def double_ensembles():
    """Versions 1 and 3 with float64 inputs: values that only float64 tells from a threshold; and integers."""
    modes = ["LEQ", "LT", "GTE", "GT", "EQ", "NEQ"]
    for version, tensors in ((1, False), (3, False), (3, True)):
        values = np.array([0.1, 0.1, 0.1, 0.1, 0.1, 0.1] + [0.0] * 7)
        if not tensors:
            values = values.astype(np.float32).astype(np.float64)
        near = values[0] * (1 + np.array([-1e-6, -1e-12, 0, 1e-12, 1e-6]))
        for kind in ("Regressor", "Classifier"):
            for mode in modes:
                # A chain: node i goes to leaf 6 + i or to node i + 1.
                chain = ["BRANCH_" + mode] + ["BRANCH_LEQ"] * 5 + ["LEAF"] * 7
                votes = "target" if kind == "Regressor" else "class"
                lists = {
                    "nodes_treeids": [0] * 13, "nodes_nodeids": list(range(13)), "nodes_modes": chain,
                    "nodes_featureids": [0, 1, 2, 3, 0, 1] + [0] * 7,
                    "nodes_truenodeids": [6, 7, 8, 9, 10, 11] + [0] * 7,
                    "nodes_falsenodeids": [1, 2, 3, 4, 5, 12] + [0] * 7,
                    f"{votes}_treeids": [0] * 7, f"{votes}_nodeids": list(range(6, 13)),
                    f"{votes}_ids": [index % 3 for index in range(7)],
                }  # fmt: skip
                weights = np.linspace(0.5, 3.5, 7)
                if tensors:
                    lists["nodes_values_as_tensor"] = numpy_helper.from_array(values)
                    lists[f"{votes}_weights_as_tensor"] = numpy_helper.from_array(weights)
                else:
                    lists["nodes_values"] = values.tolist()
                    lists[f"{votes}_weights"] = weights.tolist()
                lists |= {"n_targets": 3} if kind == "Regressor" else {"classlabels_int64s": [5, 6, 7]}
                outputs = ["y"] if kind == "Regressor" else ["label", "y"]
                x = np.random.default_rng(1).choice([*near, 1.0, -1.0], (200, 4))
                yield make(
                    f"TreeEnsemble{kind}-double-{version}-{tensors}-{mode}",
                    [node(f"TreeEnsemble{kind}", ["x"], outputs, domain=ML, **lists)], {"x": x},
                    {"y": F} if kind == "Regressor" else {"label": I64, "y": F}, ml=version)


def estimators():
    """What skl2onnx makes of estimators whose operators are here."""
    from skl2onnx import to_onnx
    from sklearn import compose, datasets, ensemble, impute, linear_model, pipeline
    from sklearn import preprocessing, svm, tree

    warnings.filterwarnings("ignore")
    iris, cancer, diabetes = (
        getattr(datasets, f"load_{name}")(return_X_y=True) for name in ("iris", "breast_cancer", "diabetes"))
    holed = iris[0].copy()
    holed[::5, 1] = np.nan
    scale = preprocessing.StandardScaler
    models = {
        "svc-probability": (pipeline.make_pipeline(scale(), svm.SVC(probability=True, random_state=0)), iris),
        "svc-binary": (pipeline.make_pipeline(scale(), svm.SVC(kernel="poly")), cancer),
        "svr": (pipeline.make_pipeline(scale(), svm.SVR()), diabetes),
        "linear-svc": (svm.LinearSVC(max_iter=200), iris),
        "one-class": (svm.OneClassSVM(), iris),
        "extra-trees": (ensemble.ExtraTreesClassifier(10, random_state=0), iris),
        "tree": (tree.DecisionTreeClassifier(random_state=0), iris),
        "tree-regression": (tree.DecisionTreeRegressor(max_depth=5, random_state=0), diabetes),
        "imputer": (pipeline.make_pipeline(impute.SimpleImputer(), scale(), linear_model.LogisticRegression()), (holed, iris[1])),
        "binarizer": (pipeline.make_pipeline(preprocessing.Binarizer(threshold=3.0), linear_model.LogisticRegression()), iris),
        "bagging": (ensemble.BaggingClassifier(tree.DecisionTreeClassifier(max_depth=3), 4, random_state=0), iris),
    }
    for name, (model, (x, y)) in models.items():
        x = x.astype(np.float32)
        model.fit(x, y)
        options = {"zipmap": False} if hasattr(model, "predict_proba") else None
        # Training rows lie on the edge of a one-class machine, where the last bit decides.
        rows = x + np.float32(0.03) if name == "one-class" else x
        yield Case(f"sklearn-{name}", to_onnx(model, x[:1], options=options), {"X": rows})
    yield columns(to_onnx, compose, linear_model, pipeline, preprocessing)


def columns(to_onnx, compose, linear_model, pipeline, preprocessing):
    """A data frame with strings: one input a column."""
    import pandas
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    random = np.random.default_rng(0)
    table = pandas.DataFrame({"city": random.choice(["Rome", "Oslo", "Bern"], 80), "age": random.normal(40, 9, 80)})
    model = pipeline.make_pipeline(
        compose.ColumnTransformer([
            ("c", preprocessing.OneHotEncoder(handle_unknown="ignore"), ["city"]),
            ("n", preprocessing.StandardScaler(), ["age"]),
        ]),
        linear_model.LogisticRegression(),
    )
    model.fit(table, table["age"] > 40)
    proto = to_onnx(
        model, initial_types=[("city", StringTensorType([None, 1])), ("age", FloatTensorType([None, 1]))],
        options={"zipmap": False})
    return Case("sklearn-columns", proto, {
        "city": table[["city"]].to_numpy().astype(object), "age": table[["age"]].to_numpy().astype(np.float32)})


def catboost():
    """CatBoost through its own export."""
    import tempfile

    from catboost import CatBoostClassifier, CatBoostRegressor
    from sklearn import datasets

    for name, kind, load in [
        ("binary", CatBoostClassifier, datasets.load_breast_cancer),
        ("classes", CatBoostClassifier, datasets.load_iris),
        ("regression", CatBoostRegressor, datasets.load_diabetes),
    ]:
        x, y = load(return_X_y=True)
        model = kind(iterations=15, depth=4, verbose=False, thread_count=1, random_seed=0, allow_writing_files=False)
        model.fit(x.astype(np.float32), y)
        with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
            model.save_model(file.name, format="onnx")
            proto = onnx.load(file.name)
        yield Case(f"catboost-{name}", proto, {proto.graph.input[0].name: x.astype(np.float32)})


def all_cases():
    for group in (encoders, support_vectors, tree_ensembles, double_ensembles, estimators, catboost):
        yield from group()
