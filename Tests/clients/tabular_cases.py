"""Models trained with XGBoost and LightGBM: every booster, objective and option that their files can hold."""

import functools
import json
import os

import lightgbm
import numpy as np
import pandas as pd
import xgboost
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

ROWS = int(os.environ.get("MARTLET_TEST_ROWS", 200))
"""Rows compared a model; `make differential` compares 100,000."""


class Case:
    """A trained model, how to save it, and the rows to compare."""

    def __init__(self, name, library, model, suffixes, rows, objective, frame=None):
        self.name, self.library, self.model, self.suffixes = name, library, model, suffixes
        self.rows, self.objective, self.frame = rows, objective, frame

    def __repr__(self):
        return f"{self.library}-{self.name}"

    def save(self, path):
        if self.library == "lightgbm" and path.suffix == ".json":
            path.write_text(json.dumps(self.model.dump_model()))
        else:
            self.model.save_model(path)

    # What the library answers.

    def _iterations(self):
        best = getattr(self.model, "best_iteration", None)
        return (0, best + 1) if best is not None else (0, 0)

    def ask(self, **options):
        if self.library == "lightgbm":
            return self.model.predict(self.rows, **options)
        names = self.model.feature_names
        types = self.model.feature_types
        matrix = xgboost.DMatrix(self.rows, feature_names=names, feature_types=types, missing=np.nan)
        # Only gbtree has iterations to choose from.
        if "linear" not in self.name:
            options["iteration_range"] = self._iterations()
        return self.model.predict(matrix, **options)

    def margin(self):
        return self.ask(raw_score=True) if self.library == "lightgbm" else self.ask(output_margin=True)

    def prediction(self):
        return self.ask()

    def leaf(self):
        return self.ask(pred_leaf=True)

    def contributions(self):
        return self.ask(pred_contrib=True) if self.library == "lightgbm" else self.ask(pred_contribs=True)


def thresholds(text):
    """Every threshold of a saved model, as float64."""
    if text.startswith("{"):
        tree = json.loads(text)
        found = []
        stack = [tree]
        while stack:
            value = stack.pop()
            if isinstance(value, dict):
                found += value.get("split_conditions", [])
                stack += value.values()
            elif isinstance(value, list) and value and isinstance(value[0], dict):
                stack += value
        return np.array(found)
    lines = [line for line in text.splitlines() if line.startswith("threshold=")]
    return np.array([float(word) for line in lines for word in line[10:].split()])


def edge_rows(rows, values, count, dtype, missing=True):
    """Rows like those given, with values on thresholds and beside them, zeros and missing ones."""
    random = np.random.default_rng(7)
    result = rows[random.integers(len(rows), size=count)].astype(dtype)
    if len(values):
        chosen = random.choice(values, size=result.shape).astype(dtype)
        beside = np.nextafter(chosen, random.choice([-np.inf, np.inf], size=result.shape).astype(dtype))
        result = np.where(random.random(result.shape) < 0.3, chosen, result)
        result = np.where(random.random(result.shape) < 0.1, beside, result)
    result = np.where(random.random(result.shape) < 0.05, dtype(0), result)
    result = np.where(random.random(result.shape) < 0.02, dtype(-0.0), result)
    if missing:
        result = np.where(random.random(result.shape) < 0.1, dtype(np.nan), result)
    return result.astype(dtype)


def holes(rows, share=0.1, seed=1):
    random = np.random.default_rng(seed)
    return np.where(random.random(rows.shape) < share, np.nan, rows)


@functools.cache
def data(kind):
    if kind == "binary":
        rows, labels = load_breast_cancer(return_X_y=True)
    elif kind == "classes":
        rows, labels = load_wine(return_X_y=True)
    else:
        rows, labels = load_diabetes(return_X_y=True)
        rows = rows * 20
    return rows.astype(np.float32), labels.astype(np.float64)


def frame(count=600):
    """A data frame with categories: few (one against all) and many (sets)."""
    random = np.random.default_rng(3)
    cities = [f"city {index}" for index in range(70)]
    table = pd.DataFrame(
        {
            "city": pd.Categorical(random.choice(cities, count), categories=cities),
            "grade": pd.Categorical(random.choice([10, 20, 30], count)),
            "age": random.normal(40, 10, count).astype(np.float32),
            "income": random.lognormal(3, 1, count).astype(np.float32),
        }
    )
    code = table["city"].cat.codes.to_numpy()
    target = np.sin(code * 1.7) + (table["grade"].cat.codes.to_numpy() == 1) + table["age"].to_numpy() / 40
    return table, target


# XGBoost

GROUPED = {"rank:pairwise", "rank:ndcg", "rank:map"}

XGBOOST = {
    "binary:logistic": ("binary", {}),
    "binary:logitraw": ("binary", {}),
    "binary:hinge": ("binary", {}),
    "reg:logistic": ("binary", {}),
    "multi:softprob": ("classes", {"num_class": 3}),
    "multi:softmax": ("classes", {"num_class": 3}),
    "reg:squarederror": ("numbers", {}),
    "reg:squaredlogerror": ("numbers", {}),
    "reg:pseudohubererror": ("numbers", {"huber_slope": 50}),
    "reg:absoluteerror": ("numbers", {}),
    "reg:quantileerror": ("numbers", {"quantile_alpha": 0.7}),
    "reg:gamma": ("numbers", {}),
    "reg:tweedie": ("numbers", {"tweedie_variance_power": 1.3}),
    "count:poisson": ("numbers", {}),
    "survival:cox": ("numbers", {}),
    "survival:aft": ("numbers", {"aft_loss_distribution": "logistic"}),
    "rank:pairwise": ("binary", {}),
    "rank:ndcg": ("binary", {}),
    "rank:map": ("binary", {}),
}


def xgboost_case(name, objective, options, kind=None, rounds=12, suffixes=(".json", ".ubj"), labels=None, **train):
    kind = kind or XGBOOST[objective][0]
    rows, given = data(kind)
    labels = given if labels is None else labels
    if objective == "reg:squaredlogerror":
        labels = labels / 100
    matrix = xgboost.DMatrix(holes(rows), label=labels)
    if objective in GROUPED:
        matrix.set_group([40] * (len(rows) // 40) + [len(rows) % 40])
    if objective == "survival:aft":
        matrix = xgboost.DMatrix(holes(rows))
        matrix.set_float_info("label_lower_bound", labels)
        matrix.set_float_info("label_upper_bound", labels * 1.5)
    parameters = {"objective": objective, "max_depth": 4, "seed": 1, "nthread": 1, **options}
    model = xgboost.train(parameters, matrix, rounds, verbose_eval=False, **train)
    text = bytes(model.save_raw("json")).decode()
    compared = edge_rows(rows, thresholds(text), ROWS, np.float32)
    return Case(name, "xgboost", model, suffixes, compared, objective)


def early_stopping(**options):
    rows, labels = data("binary")
    flipped = xgboost.DMatrix(rows, label=1 - labels)
    return xgboost_case(
        "early stopping", "binary:logistic", options, evals=[(flipped, "worse")], early_stopping_rounds=3
    )


def xgboost_frame(objective, **options):
    table, target = frame()
    labels = {"multi:softprob": (target * 2).astype(int) % 3, "binary:logistic": target > 1.5}.get(objective, target)
    classes = {"num_class": 3} if objective == "multi:softprob" else {}
    model = xgboost.train(
        {"objective": objective, "max_depth": 5, "nthread": 1, **classes, **options},
        xgboost.DMatrix(table, label=labels, enable_categorical=True),
        10,
    )
    rows = np.stack(
        [table["city"].cat.codes, table["grade"].cat.codes, table["age"], table["income"]], axis=1
    ).astype(np.float32)
    text = bytes(model.save_raw("json")).decode()
    # Codes on thresholds are no integers; half of the rows keep their own.
    compared = edge_rows(rows, thresholds(text), ROWS, np.float32)
    compared[:, :2] = rows[np.arange(len(compared)) % len(rows), :2]
    random = np.random.default_rng(5)
    compared[random.random(len(compared)) < 0.1, 0] = np.nan
    compared[random.random(len(compared)) < 0.1, 0] = 63
    case = Case(f"categories {objective} {options}", "xgboost", model, (".json", ".ubj"), compared, objective, table)
    return case


def xgboost_cases():
    for objective, (_, options) in XGBOOST.items():
        yield objective, lambda o=objective, p=options: xgboost_case(o, o, p)
    for booster, more in {
        "dart": {"rate_drop": 0.3, "skip_drop": 0.2},
        "gblinear": {"updater": "coord_descent"},
    }.items():
        for objective in ["binary:logistic", "multi:softprob", "reg:squarederror"]:
            options = {"booster": booster, **more, **XGBOOST[objective][1]}
            if booster == "gblinear":
                options.pop("max_depth", None)
            yield f"{booster} {objective}", lambda b=booster, o=objective, p=options: xgboost_case(f"{b} {o}", o, p)
    yield "forest", lambda: xgboost_case(
        "forest", "multi:softprob", {"num_class": 3, "num_parallel_tree": 3, "subsample": 0.7}, rounds=3
    )
    yield "base score", lambda: xgboost_case("base score", "binary:logistic", {"base_score": 0.2})
    yield "base score poisson", lambda: xgboost_case("base score", "count:poisson", {"base_score": 3.5})
    yield "pruned", lambda: xgboost_case(
        "pruned", "reg:squarederror", {"gamma": 2e4, "tree_method": "exact", "max_depth": 6}
    )
    yield "deep", lambda: xgboost_case("deep", "reg:squarederror", {"max_depth": 0, "grow_policy": "lossguide", "max_leaves": 60})
    yield "one node", lambda: xgboost_case("one node", "reg:squarederror", {"gamma": 1e9})
    yield "several quantiles", lambda: xgboost_case(
        "several quantiles", "reg:quantileerror", {"quantile_alpha": [0.1, 0.5, 0.9]}
    )
    yield "several targets", lambda: xgboost_case(
        "several targets", "reg:squarederror", {}, labels=np.stack([data("numbers")[1], -data("numbers")[1]], axis=1)
    )
    yield "vector leaves", lambda: xgboost_case(
        "vector leaves",
        "reg:squarederror",
        {"multi_strategy": "multi_output_tree", "tree_method": "hist"},
        labels=np.stack([data("numbers")[1], -data("numbers")[1] ** 0.5], axis=1),
    )
    yield "vector classes", lambda: xgboost_case(
        "vector classes", "multi:softprob", {"num_class": 3, "multi_strategy": "multi_output_tree"}
    )
    yield "early stopping", early_stopping
    yield "early stopping dart", lambda: early_stopping(booster="dart", rate_drop=0.1)
    for objective in ["binary:logistic", "multi:softprob", "reg:squarederror"]:
        for onehot in [1, 100]:
            yield f"categories {objective} {onehot}", lambda o=objective, h=onehot: xgboost_frame(o, max_cat_to_onehot=h)


# LightGBM

LIGHTGBM = {
    "binary": ("binary", {"sigmoid": 1.7}),
    "cross_entropy": ("binary", {}),
    "cross_entropy_lambda": ("binary", {}),
    "multiclass": ("classes", {"num_class": 3}),
    "multiclassova": ("classes", {"num_class": 3, "sigmoid": 0.8}),
    "regression": ("numbers", {}),
    "regression_l1": ("numbers", {}),
    "huber": ("numbers", {}),
    "fair": ("numbers", {}),
    "poisson": ("numbers", {}),
    "quantile": ("numbers", {"alpha": 0.3}),
    "mape": ("numbers", {}),
    "gamma": ("numbers", {}),
    "tweedie": ("numbers", {}),
    "lambdarank": ("binary", {}),
    "rank_xendcg": ("binary", {}),
}


def lightgbm_case(name, objective, options, kind=None, rounds=12, fill=None):
    kind = kind or LIGHTGBM[objective][0]
    rows, labels = data(kind)
    rows = rows.astype(np.float64) * 1.1
    if fill == "zeros":
        rows = np.where(np.random.default_rng(2).random(rows.shape) < 0.3, 0, rows)
    group = [40] * (len(rows) // 40) + [len(rows) % 40] if objective in ("lambdarank", "rank_xendcg") else None
    training = rows if fill in ("whole", "zeros") else holes(rows)
    parameters = {
        "objective": objective, "num_leaves": 15, "min_data_in_leaf": 5, "seed": 1, "num_threads": 1,
        "verbose": -1, **options,
    }  # fmt: skip
    model = lightgbm.train(parameters, lightgbm.Dataset(training, label=labels, group=group), rounds)
    values = thresholds(model.model_to_string())
    if options.get("linear_tree"):
        # Infinity times a coefficient is no number to compare.
        values = values[np.isfinite(values)]
    compared = edge_rows(rows, values, ROWS, np.float64)
    compared[::17, 0] = 1e-36
    return Case(name, "lightgbm", model, (".txt", ".json"), compared, objective)


def lightgbm_frame(objective, **options):
    table, target = frame()
    labels = {"multiclass": (target * 2).astype(int) % 3, "binary": target > 1.5}.get(objective, target)
    classes = {"num_class": 3} if objective == "multiclass" else {}
    model = lightgbm.train(
        {"objective": objective, "verbose": -1, "min_data_in_leaf": 5, "num_threads": 1, **classes, **options},
        lightgbm.Dataset(table, label=labels),
        10,
    )
    rows = np.stack(
        [table["city"].cat.codes, table["grade"].cat.codes, table["age"], table["income"]], axis=1
    ).astype(np.float64)
    compared = edge_rows(rows, thresholds(model.model_to_string()), ROWS, np.float64)
    compared[:, :2] = rows[np.arange(len(compared)) % len(rows), :2]
    random = np.random.default_rng(5)
    for value in [np.nan, -1.0, -0.5, 63.0, 1000.0, 2.7, 1e12]:
        compared[random.random(len(compared)) < 0.04, 0] = value
    return Case(f"categories {objective} {options}", "lightgbm", model, (".txt", ".json"), compared, objective, table)


def lightgbm_cases():
    for objective, (_, options) in LIGHTGBM.items():
        yield objective, lambda o=objective, p=options: lightgbm_case(o, o, p)
    for name, objective, options, fill in [
        ("sqrt", "regression", {"reg_sqrt": True}, None),
        ("no missing", "regression", {}, "whole"),
        ("missing is zero", "binary", {"zero_as_missing": True}, "zeros"),
        ("missing unused", "binary", {"use_missing": False}, "whole"),
        ("random forest", "binary", {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}, None),
        ("random forest of classes", "multiclass", {"num_class": 3, "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}, None),
        ("dart", "regression", {"boosting": "dart", "drop_rate": 0.3}, None),
        ("linear trees", "regression", {"linear_tree": True}, None),
        ("linear trees of classes", "multiclass", {"num_class": 3, "linear_tree": True}, None),
        ("stump", "regression", {"min_data_in_leaf": 400}, None),
        ("many leaves", "regression", {"num_leaves": 200, "min_data_in_leaf": 1}, None),
        ("extra", "regression", {"extra_trees": True, "max_depth": 3}, None),
    ]:
        yield name, lambda n=name, o=objective, p=options, f=fill: lightgbm_case(n, o, p, fill=f)
    for objective in ["binary", "multiclass", "regression"]:
        for onehot in [1, 100]:
            yield f"categories {objective} {onehot}", lambda o=objective, h=onehot: lightgbm_frame(o, max_cat_to_onehot=h)


def all_cases():
    """Names, and functions that train: training is part of the test that needs it."""
    for name, make in xgboost_cases():
        yield f"xgboost {name}", functools.cache(make)
    for name, make in lightgbm_cases():
        yield f"lightgbm {name}", functools.cache(make)
