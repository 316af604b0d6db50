"""Small ONNX models, one or a few an operator, with inputs: what test_infer.py compares against onnxruntime.

Run alone it writes them into a folder: python make_onnx_cases.py FOLDER
"""

import pathlib
import sys
import warnings

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

F, D, I64, I32, B, S = (
    TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL,
    TensorProto.STRING)
TYPES = {np.dtype("float32"): F, np.dtype("float64"): D, np.dtype("int64"): I64, np.dtype("int32"): I32,
         np.dtype("bool"): B}
ML = "ai.onnx.ml"


class Case:
    """A model and its inputs by name."""

    def __init__(self, name, model, inputs):
        self.name, self.model, self.inputs = name, model, inputs

    def __repr__(self):
        return self.name


def element_type(array):
    return S if array.dtype.kind in "OU" else TYPES[array.dtype]


def make(name, nodes, inputs, outputs, constants=(), opset=17, ml=3, dynamic=True):
    """A model from nodes; the first dimension of every input is free when `dynamic`."""

    def shape(array):
        sizes = list(array.shape)
        return ["batch", *sizes[1:]] if dynamic and sizes else sizes

    graph = helper.make_graph(
        nodes, name,
        [helper.make_tensor_value_info(key, element_type(array), shape(array))
         for key, array in inputs.items()],
        [helper.make_tensor_value_info(key, kind, None) for key, kind in outputs.items()],
        [numpy_helper.from_array(array, key) for key, array in dict(constants).items()])
    imports = [helper.make_opsetid("", opset), helper.make_opsetid(ML, ml)]
    return Case(name, helper.make_model(graph, opset_imports=imports, ir_version=8), inputs)


def node(kind, inputs, outputs=("y",), domain="", **attributes):
    return helper.make_node(kind, list(inputs), list(outputs), domain=domain, **attributes)


def floats(*shape, seed=0, scale=2.0):
    return np.asarray(np.random.default_rng(seed).standard_normal(shape) * scale, np.float32)


def integers(*shape, seed=0, low=-9, high=10, kind=np.int64):
    return np.asarray(np.random.default_rng(seed).integers(low, high, shape), kind)


def elementwise():
    x = floats(5, 7)
    for kind in ("Abs Ceil Exp Floor Identity Neg Reciprocal Relu Round Sigmoid Sign Softplus Tanh").split():
        yield make(kind, [node(kind, ["x"])], {"x": x}, {"y": F})
    for kind in ("Log", "Sqrt"):
        yield make(kind, [node(kind, ["x"])], {"x": np.abs(x) + 0.1}, {"y": F})
    for kind in ("Abs", "Neg", "Sign", "Relu"):
        kinds = {"Relu": np.int32}
        array = integers(4, 3, kind=kinds.get(kind, np.int64))
        yield make(f"{kind}-integers", [node(kind, ["x"])], {"x": array}, {"y": element_type(array)})
    for kind in ("Exp", "Sqrt", "Abs"):
        yield make(f"{kind}-double", [node(kind, ["x"])], {"x": np.abs(x).astype(np.float64)}, {"y": D})
    shapes = [((5, 7), (5, 7)), ((5, 7), (7,)), ((7,), (5, 7)), ((5, 7), ()), ((), (5, 7)),
              ((5, 1), (1, 7)), ((2, 3, 4), (3, 1)), ((2, 1, 4, 1), (3, 1, 5)), ((5, 7), (5, 1))]
    for kind in ("Add", "Sub", "Mul", "Div", "Max", "Min"):
        for index, (a, b) in enumerate(shapes):
            inputs = {"a": floats(*a), "b": np.asarray(floats(*b, seed=1) + 3, np.float32)}
            yield make(f"{kind}-{index}", [node(kind, ["a", "b"])], inputs, {"y": F}, dynamic=False)
        inputs = {"a": integers(4, 3), "b": integers(3, low=1, seed=1)}
        yield make(f"{kind}-integers", [node(kind, ["a", "b"])], inputs, {"y": I64}, dynamic=False)
    yield make("Not", [node("Not", ["x"])], {"x": integers(3, 4) > 0}, {"y": B})


def dense():
    for index, (a, b) in enumerate([
            ((5, 7), (7, 9)), ((1, 64), (64, 33)), ((2, 3, 4), (4, 5)), ((4,), (4, 5)), ((3, 4), (4,)),
            ((2, 3, 4), (2, 4, 5)), ((2, 1, 3, 4), (5, 4, 2)), ((4,), (4,)), ((13, 17), (17, 16))]):
        yield make(f"MatMul-{index}", [node("MatMul", ["a", "b"])],
                   {"a": floats(*a), "b": floats(*b, seed=1)}, {"y": F}, dynamic=False)
        yield make(f"MatMul-constant-{index}", [node("MatMul", ["a", "b"])], {"a": floats(*a)}, {"y": F},
                   {"b": floats(*b, seed=1)}, dynamic=False)
    yield make("MatMul-double", [node("MatMul", ["a", "b"])], {"a": floats(3, 4).astype(np.float64)},
               {"y": D}, {"b": floats(4, 5, seed=1).astype(np.float64)})
    for ta in (0, 1):
        for tb in (0, 1):
            for index, c in enumerate([None, (5,), (1, 5), (3, 1), (3, 5), ()]):
                a, b = (4, 3) if ta else (3, 4), (5, 4) if tb else (4, 5)
                constants = {"b": floats(*b, seed=1)}
                names = ["a", "b"]
                if c is not None:
                    constants["c"] = floats(*c, seed=2)
                    names.append("c")
                gemm = node("Gemm", names, transA=ta, transB=tb, alpha=0.5, beta=1.5)
                yield make(f"Gemm-{ta}{tb}-{index}", [gemm], {"a": floats(*a)}, {"y": F}, constants,
                           dynamic=not ta and c not in ((3, 1), (3, 5)))
    inputs = {"a": floats(3, 4), "b": floats(4, 5, seed=1), "c": floats(5, seed=2)}
    yield make("Gemm-all-inputs", [node("Gemm", ["a", "b", "c"])], inputs, {"y": F}, dynamic=False)
    for kind in ("Relu", "Sigmoid", "Tanh"):
        nodes = [node("MatMul", ["x", "w"], ["p"]), node("Add", ["b", "p"], ["s"]), node(kind, ["s"])]
        yield make(f"layer-{kind}", nodes, {"x": floats(6, 11)}, {"y": F},
                   {"w": floats(11, 19, seed=1), "b": floats(19, seed=2)})
    nodes = [node("MatMul", ["x", "w"], ["p"]), node("Add", ["p", "b"], ["s"]), node("Relu", ["s"])]
    yield make("layer-bias-of-two-dimensions", nodes, {"x": floats(11)}, {"y": F},
               {"w": floats(11, 19, seed=1), "b": floats(1, 19, seed=2)}, dynamic=False)
    nodes = [node("MatMul", ["x", "w"], ["p"]), node("Relu", ["p"], ["y"]), node("Neg", ["p"], ["z"])]
    yield make("layer-read-twice", nodes, {"x": floats(6, 11)}, {"y": F, "z": F},
               {"w": floats(11, 19, seed=1)})


def rows():
    for opset in (11, 13, 17):
        for kind in ("Softmax", "LogSoftmax"):
            for axis in (None, 0, 1, 2, -1):
                attributes = {} if axis is None else {"axis": axis}
                yield make(f"{kind}-{opset}-{axis}", [node(kind, ["x"], **attributes)],
                           {"x": floats(3, 4, 5, scale=8)}, {"y": F}, opset=opset, dynamic=False)
    yield make("Softmax-double", [node("Softmax", ["x"])], {"x": floats(3, 5).astype(np.float64)}, {"y": D})
    for axis in (0, 1, -1):
        for keep in (0, 1):
            for last in (0, 1):
                for kind in ("ArgMax", "ArgMin"):
                    yield make(f"{kind}-{axis}-{keep}-{last}", [
                        node(kind, ["x"], axis=axis, keepdims=keep, select_last_index=last)],
                        {"x": np.round(floats(4, 6))}, {"y": I64}, dynamic=False)
    for kind in ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin"):
        for axes in (None, [0], [1], [-1], [0, 2], [1, 2], [0, 1, 2]):
            for keep in (0, 1):
                name = f"{kind}-{'all' if axes is None else '_'.join(map(str, axes))}-{keep}"
                old = node(kind, ["x"], keepdims=keep, **({} if axes is None else {"axes": axes}))
                yield make(f"{name}-old", [old], {"x": floats(3, 4, 5)}, {"y": F}, opset=11, dynamic=False)
                names = ["x"] if axes is None else ["x", "axes"]
                constants = {} if axes is None else {"axes": np.array(axes, np.int64)}
                yield make(name, [node(kind, names, keepdims=keep)], {"x": floats(3, 4, 5)}, {"y": F},
                           constants, opset=18, dynamic=False)
        yield make(f"{kind}-integers", [node(kind, ["x"])], {"x": integers(3, 4)}, {"y": I64},
                   opset=18, dynamic=False)
    yield make("ReduceSum-nothing", [node("ReduceSum", ["x"], noop_with_empty_axes=1)],
               {"x": floats(3, 4)}, {"y": F}, opset=18)
    for low, high in ((-1.0, 1.0), (-np.inf, 0.5), (0.25, 0.25)):
        yield make(f"Clip-{low}-{high}", [node("Clip", ["x", "low", "high"])], {"x": floats(4, 5)}, {"y": F},
                   {"low": np.float32(low), "high": np.float32(high)})
    yield make("Clip-open", [node("Clip", ["x", "", "high"])], {"x": floats(4, 5)}, {"y": F},
               {"high": np.float32(0.5)})
    yield make("Clip-old", [node("Clip", ["x"], min=-0.5, max=0.5)], {"x": floats(4, 5)}, {"y": F}, opset=10)
    yield make("Clip-integers", [node("Clip", ["x", "low", "high"])], {"x": integers(4, 5)}, {"y": I64},
               {"low": np.int64(-3), "high": np.int64(4)})


def shapes():
    x = floats(2, 3, 4)
    for index, target in enumerate([[6, 4], [-1], [0, -1], [2, 0, 2, -1], [1, 2, 3, 4, 1]]):
        yield make(f"Reshape-{index}", [node("Reshape", ["x", "s"])], {"x": x}, {"y": F},
                   {"s": np.array(target, np.int64)}, dynamic=False)
    for axis in (0, 1, 2, 3, -1):
        yield make(f"Flatten-{axis}", [node("Flatten", ["x"], axis=axis)], {"x": x}, {"y": F}, dynamic=False)
    yield make("Transpose", [node("Transpose", ["x"])], {"x": x}, {"y": F}, dynamic=False)
    for order in ([0, 2, 1], [1, 0, 2], [2, 0, 1], [0, 1, 2]):
        yield make(f"Transpose-{order}", [node("Transpose", ["x"], perm=order)], {"x": x}, {"y": F},
                   dynamic=False)
    yield make("Transpose-integers", [node("Transpose", ["x"])], {"x": integers(3, 5, kind=np.int32)},
               {"y": I32}, dynamic=False)
    for axis in (0, 1, 2, -1):
        yield make(f"Concat-{axis}", [node("Concat", ["x", "z", "x"], axis=axis)],
                   {"x": x, "z": floats(2, 3, 4, seed=1)}, {"y": F}, dynamic=False)
    for index, (shape, axis) in enumerate([((2,), 0), ((3, 2), 1), ((), 2), ((1,), -1)]):
        picks = integers(*shape, low=-2, high=2)
        yield make(f"Gather-{index}", [node("Gather", ["x", "i"], axis=axis)], {"x": x, "i": picks}, {"y": F},
                   dynamic=False)
    column = floats(1, 3, 1, 4)
    yield make("Squeeze", [node("Squeeze", ["x"])], {"x": column}, {"y": F}, dynamic=False)
    yield make("Squeeze-axes", [node("Squeeze", ["x", "a"])], {"x": column}, {"y": F},
               {"a": np.array([-2], np.int64)}, dynamic=False)
    yield make("Squeeze-old", [node("Squeeze", ["x"], axes=[0])], {"x": column}, {"y": F}, opset=11,
               dynamic=False)
    yield make("Unsqueeze", [node("Unsqueeze", ["x", "a"])], {"x": x}, {"y": F},
               {"a": np.array([0, -1], np.int64)}, dynamic=False)
    yield make("Unsqueeze-old", [node("Unsqueeze", ["x"], axes=[1])], {"x": x}, {"y": F}, opset=11)
    yield make("Shape", [node("Shape", ["x"])], {"x": x}, {"y": I64})
    yield make("Shape-part", [node("Shape", ["x"], start=-2, end=3)], {"x": x}, {"y": I64})
    yield make("Dropout", [node("Dropout", ["x"]), ], {"x": x}, {"y": F})
    yield make("Constant", [node("Constant", [], ["c"], value_floats=[1.0, 2.0, 3.0, 4.0]),
                            node("Add", ["x", "c"])], {"x": x}, {"y": F})
    yield make("ConstantOfShape", [node("Shape", ["x"], ["s"]), node(
        "ConstantOfShape", ["s"], value=numpy_helper.from_array(np.array([2.5], np.float32)))],
        {"x": x}, {"y": F})
    nodes = [node("Shape", ["x"], ["s"]), node("Gather", ["s", "zero"], ["n"]),
             node("Unsqueeze", ["n", "axis"], ["u"]), node("Concat", ["u", "rest"], ["t"], axis=0),
             node("Reshape", ["x", "t"])]
    yield make("exporter-shape-chain", nodes, {"x": x}, {"y": F}, {
        "zero": np.int64(0), "axis": np.array([0], np.int64), "rest": np.array([-1], np.int64)})
    for source, array in (("float", floats(3, 4, scale=5)), ("double", floats(3, 4).astype(np.float64)),
                          ("int64", integers(3, 4)), ("int32", integers(3, 4, kind=np.int32)),
                          ("bool", integers(3, 4) > 0)):
        for target in (F, D, I64, I32, B, TensorProto.INT8, TensorProto.UINT8):
            # Negative floats to unsigned types are undefined.
            safe = np.abs(array) if target == TensorProto.UINT8 and array.dtype.kind != "b" else array
            back = [node("Cast", ["x"], ["t"], to=target), node("Cast", ["t"], to=D)]
            yield make(f"Cast-{source}-{target}", back, {"x": safe}, {"y": D})
    for target in (TensorProto.FLOAT16, TensorProto.BFLOAT16):
        back = [node("Cast", ["x"], ["t"], to=target), node("Cast", ["t"], to=F)]
        yield make(f"Cast-half-{target}", back, {"x": floats(64, 8, scale=100)}, {"y": F})


def trees(rng, count, features, targets, depth, modes):
    """Random trees as attribute lists, with a list of (tree, node, target, weight)."""
    lists = {key: [] for key in ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids",
                                 "falsenodeids", "missing_value_tracks_true")}
    votes = []

    def grow(tree, level, ids):
        own = ids[0]
        ids[0] += 1
        place = len(lists["nodeids"])
        for values in lists.values():
            values.append(0)
        lists["treeids"][place], lists["nodeids"][place] = tree, own
        lists["values"][place] = float(np.float32(rng.standard_normal()))
        if level == depth or rng.random() < 0.15:
            lists["modes"][place] = "LEAF"
            for target in targets(rng):
                votes.append((tree, own, target, float(np.float32(rng.standard_normal()))))
            return own
        lists["modes"][place] = modes[rng.integers(len(modes))]
        lists["featureids"][place] = int(rng.integers(features))
        lists["missing_value_tracks_true"][place] = int(rng.integers(2))
        lists["truenodeids"][place] = grow(tree, level + 1, ids)
        lists["falsenodeids"][place] = grow(tree, level + 1, ids)
        return own

    for tree in range(count):
        grow(tree, 0, [0])
    return {f"nodes_{key}": values for key, values in lists.items()}, votes


def tree_rows(seed, features):
    x = floats(37, features, seed=seed, scale=1.0)
    x[3, 0] = np.nan
    return x


def ensembles():
    every = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]
    for mode in every:
        rng = np.random.default_rng(5)
        nodes, votes = trees(rng, 5, 4, lambda rng: [0], 4, [mode])
        yield regressor(f"TreeRegressor-{mode}", nodes, votes, 1, {})
    for aggregate in ("SUM", "AVERAGE", "MIN", "MAX"):
        for targets in (1, 3):
            rng = np.random.default_rng(6)
            nodes, votes = trees(rng, 7, 4, lambda rng: list(range(targets)), 4, every[:2])
            base = {"base_values": [0.5, -1.0, 2.0][:targets]}
            yield regressor(f"TreeRegressor-{aggregate}-{targets}", nodes, votes, targets,
                            {"aggregate_function": aggregate, **base})
    for transform in ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"):
        for base in (None, [0.25, -0.5, 0.1]):
            rng = np.random.default_rng(7)
            nodes, votes = trees(rng, 9, 4, lambda rng: [0, 1, 2], 4, ["BRANCH_LEQ"])
            extra = {"post_transform": transform, **({"base_values": base} if base else {})}
            yield classifier(f"TreeClassifier-{transform}-{base}", nodes, votes, [10, 20, 30], extra)
        for positive in (False, True):
            for base in (None, [0.25]):
                rng = np.random.default_rng(8)
                nodes, votes = trees(rng, 9, 4, lambda rng: [0], 4, ["BRANCH_LEQ"])
                if positive:
                    votes = [(t, n, k, abs(w) / 9) for t, n, k, w in votes]
                extra = {"post_transform": transform, **({"base_values": base} if base else {})}
                yield classifier(f"TreeClassifier-binary-{transform}-{positive}-{base}", nodes, votes,
                                 [0, 1], extra)
        # Weights of two classes are left out: there onnxruntime's labels are none of the model's.
        for base, target in ((None, 0), (None, 1), ([0.25, -0.5], 0)):
            rng = np.random.default_rng(11)
            nodes, votes = trees(rng, 9, 4, lambda rng: [target], 4, ["BRANCH_LEQ"])
            extra = {"post_transform": transform, **({"base_values": base} if base else {})}
            yield classifier(f"TreeClassifier-two-{transform}-{target}-{base}", nodes, votes, [3, 4], extra)
    rng = np.random.default_rng(9)
    nodes, votes = trees(rng, 9, 4, lambda rng: [0, 1, 2], 4, ["BRANCH_LEQ"])
    yield classifier("TreeClassifier-strings", nodes, votes, ["ä", "long class name", "c"], {})


def regressor(name, nodes, votes, targets, extra):
    attributes = dict(nodes, n_targets=targets, **extra)
    for index, key in enumerate(("treeids", "nodeids", "ids", "weights")):
        attributes[f"target_{key}"] = [vote[index] for vote in votes]
    return make(name, [node("TreeEnsembleRegressor", ["x"], domain=ML, **attributes)],
                {"x": tree_rows(1, 4)}, {"y": F})


def classifier(name, nodes, votes, labels, extra):
    attributes = dict(nodes, **extra)
    for index, key in enumerate(("treeids", "nodeids", "ids", "weights")):
        attributes[f"class_{key}"] = [vote[index] for vote in votes]
    strings = isinstance(labels[0], str)
    attributes["classlabels_strings" if strings else "classlabels_int64s"] = labels
    return make(name, [node("TreeEnsembleClassifier", ["x"], ["label", "y"], domain=ML, **attributes)],
                {"x": tree_rows(2, 4)}, {"label": S if strings else I64, "y": F})


def classical():
    x = floats(9, 4)
    for norm in ("MAX", "L1", "L2"):
        yield make(f"Normalizer-{norm}", [node("Normalizer", ["x"], domain=ML, norm=norm)],
                   {"x": np.abs(x) if norm == "MAX" else x}, {"y": F})
    for kind in (np.float32, np.float64, np.int64, np.int32):
        yield make(f"Scaler-{np.dtype(kind)}", [
            node("Scaler", ["x"], domain=ML, offset=[1.0, 2.0, 3.0, 4.0], scale=[0.5, 2.0, 1.0, 0.1])],
            {"x": (x * 3).astype(kind)}, {"y": F})
        yield make(f"LinearClassifier-{np.dtype(kind)}", [node(
            "LinearClassifier", ["x"], ["label", "y"], domain=ML, coefficients=floats(12, seed=3).tolist(),
            intercepts=[0.1, 0.2, 0.3], classlabels_ints=[7, 8, 9], post_transform="SOFTMAX")],
            {"x": (x * 3).astype(kind)}, {"label": I64, "y": F})
    yield make("Scaler-one", [node("Scaler", ["x"], domain=ML, offset=[1.0], scale=[0.5])], {"x": x}, {"y": F})
    for transform in ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"):
        for count, labels in ((3, 3), (2, 2), (1, 2)):
            yield make(f"LinearClassifier-{transform}-{count}-{labels}", [node(
                "LinearClassifier", ["x"], ["label", "y"], domain=ML,
                coefficients=floats(4 * count, seed=3).tolist(), intercepts=floats(count, seed=4).tolist(),
                classlabels_ints=list(range(5, 5 + labels)), post_transform=transform)],
                {"x": x}, {"label": I64, "y": F})
    yield make("LinearClassifier-strings", [node(
        "LinearClassifier", ["x"], ["label", "y"], domain=ML, coefficients=floats(8, seed=3).tolist(),
        intercepts=[0.0, 0.1], classlabels_strings=["no", "yes"], post_transform="LOGISTIC")],
        {"x": x}, {"label": S, "y": F})
    for transform in ("NONE", "SOFTMAX", "LOGISTIC"):
        yield make(f"LinearRegressor-{transform}", [node(
            "LinearRegressor", ["x"], domain=ML, coefficients=floats(8, seed=3).tolist(),
            intercepts=[0.5, -0.5], targets=2, post_transform=transform)], {"x": x}, {"y": F})
    for array, kind in ((x, F), (integers(5, 4), I64)):
        yield make(f"ArrayFeatureExtractor-{kind}", [node("ArrayFeatureExtractor", ["x", "i"], domain=ML)],
                   {"x": array}, {"y": kind}, {"i": np.array([[2, 0, 2]], np.int64)})
    names = np.array([["a", "b"], ["zz", "ä"], ["b", ""]], dtype=object)
    yield make("LabelEncoder-strings", [node(
        "LabelEncoder", ["x"], domain=ML, keys_strings=["a", "b", "ä"], values_int64s=[5, 6, 7],
        default_int64=-3)], {"x": names}, {"y": I64})
    yield make("LabelEncoder-integers", [node(
        "LabelEncoder", ["x"], domain=ML, keys_int64s=[0, 1, -2], values_strings=["zero", "one", "ß"],
        default_string="?")], {"x": integers(4, 3, low=-3, high=3)}, {"y": S})
    yield make("LabelEncoder-floats", [node(
        "LabelEncoder", ["x"], domain=ML, keys_floats=[0.0, 1.5], values_floats=[3.0, 4.0],
        default_float=-1.0)], {"x": np.array([[0, -0.0], [1.5, 2]], np.float32)}, {"y": F})
    yield make("string-labels-by-index", [
        node("ArgMax", ["x"], ["i"], axis=1), node("ArrayFeatureExtractor", ["names", "i"], ["l"], domain=ML),
        node("Reshape", ["l", "flat"])], {"x": x}, {"y": S},
        {"names": np.array(["a", "bb", "ccc", "dddd"], dtype=object), "flat": np.array([-1], np.int64)})


def scikit_learn():
    """What skl2onnx makes of the usual estimators, with and without ZipMap."""
    from skl2onnx import to_onnx
    from sklearn import datasets, ensemble, linear_model, neural_network, pipeline, preprocessing

    warnings.filterwarnings("ignore")
    iris, cancer, diabetes = (
        getattr(datasets, f"load_{name}")(return_X_y=True) for name in ("iris", "breast_cancer", "diabetes"))
    named = (iris[0], np.array(["setosa", "versicolor", "virginica"])[iris[1]])
    logistic = linear_model.LogisticRegression
    models = {
        "logistic": (logistic(max_iter=300), iris), "logistic-names": (logistic(max_iter=300), named),
        "logistic-binary": (logistic(max_iter=50), (cancer[0] / 100, cancer[1])),
        "sgd": (linear_model.SGDClassifier(loss="log_loss", random_state=0), iris),
        "pipeline": (pipeline.make_pipeline(preprocessing.StandardScaler(), logistic(max_iter=300)), iris),
        "pipeline-minmax": (pipeline.make_pipeline(
            preprocessing.MinMaxScaler(), preprocessing.Normalizer(), logistic(max_iter=300)), iris),
        "forest": (ensemble.RandomForestClassifier(10, random_state=0), iris),
        "forest-names": (ensemble.RandomForestClassifier(10, random_state=0), named),
        "forest-binary": (ensemble.RandomForestClassifier(10, random_state=0), cancer),
        "forest-regression": (ensemble.RandomForestRegressor(10, random_state=0), diabetes),
        "boosting": (ensemble.GradientBoostingClassifier(n_estimators=8, random_state=0), iris),
        "boosting-binary": (ensemble.GradientBoostingClassifier(n_estimators=8, random_state=0), cancer),
        "boosting-regression": (ensemble.GradientBoostingRegressor(n_estimators=8, random_state=0), diabetes),
        "mlp": (neural_network.MLPClassifier((16, 16), max_iter=60, random_state=0), iris),
        "mlp-names": (neural_network.MLPClassifier((16,), max_iter=60, random_state=0), named),
        "mlp-binary": (neural_network.MLPClassifier((16,), max_iter=30, random_state=0), (
            cancer[0] / 100, cancer[1])),
        "mlp-regression": (neural_network.MLPRegressor(
            hidden_layer_sizes=(16,), activation="tanh", max_iter=30, random_state=0), diabetes),
        "linear": (linear_model.LinearRegression(), diabetes),
        "ridge": (linear_model.RidgeClassifier(), iris),
    }
    for name, (model, (x, y)) in models.items():
        x = x.astype(np.float32)
        model.fit(x, y)
        classifies = hasattr(model, "predict_proba")
        for zipmap in (True, False) if classifies else (None,):
            options = None if zipmap is None else {"zipmap": zipmap}
            proto = to_onnx(model, x[:1], options=options)
            suffix = {None: "", True: "-zipmap", False: "-plain"}[zipmap]
            yield Case(f"sklearn-{name}{suffix}", proto, {proto.graph.input[0].name: x})


def all_cases():
    for group in (elementwise, dense, rows, shapes, ensembles, classical, scikit_learn):
        yield from group()


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for case in all_cases():
        onnx.save(case.model, folder / f"{case.name}.onnx")
        for key, array in case.inputs.items():
            np.save(folder / f"{case.name}.{key}.npy", array.astype(str) if array.dtype == object else array)
