"""Differential tests: martlet and the libraries on the same model files and rows."""

import numpy as np
import pytest

from martlet_process import run
from tabular_cases import all_cases

CASES = dict(all_cases())
CLASSIFIERS = {
    "binary:logistic", "binary:hinge", "multi:softprob", "multi:softmax", "binary", "multiclass", "multiclassova",
}  # fmt: skip


def infer(path, rows, folder, answer="prediction"):
    """What `martlet infer` gives, by output."""
    np.save(folder / "rows.npy", rows)
    out = folder / answer
    done = run("infer", path, "--input", folder / "rows.npy", "--output-dir", out, "--answer", answer)
    assert done.returncode == 0, done.stderr
    return {file.stem: np.load(file) for file in out.iterdir()}


def close(got, want, tolerance=1e-5, terms=1):
    """Within the tolerance, and what float32 loses when so many terms are added up: sums that nearly cancel
    out have no more digits than that in XGBoost."""
    want = np.asarray(want, np.float64)
    scale = np.maximum(np.abs(want), np.abs(want).mean() * 0.01 + 1e-6)
    lost = terms * 2.0**-24 * np.abs(want).max(initial=0)
    worst = np.max((np.abs(got.reshape(want.shape) - want) - lost) / scale, initial=0)
    assert worst <= tolerance, f"off by {worst}"


def check_prediction(case, got):
    want = np.asarray(case.prediction(), np.float64)
    if case.objective not in CLASSIFIERS:
        close(got["prediction"], want)
    elif case.objective == "binary:hinge" or case.objective == "multi:softmax":
        np.testing.assert_array_equal(got["label"], want)
    elif want.ndim == 1:
        close(got["probabilities"][:, 1], want)
        np.testing.assert_array_equal(got["label"], want > 0.5)
    else:
        close(got["probabilities"], want)
        np.testing.assert_array_equal(got["label"], np.argmax(want, axis=1))


@pytest.mark.parametrize("name", CASES)
def test_answers_agree_with_the_library(name, tmp_path):
    case = CASES[name]()
    for suffix in case.suffixes:
        folder = tmp_path / suffix[1:]
        folder.mkdir()
        path = folder / f"model{suffix}"
        case.save(path)
        check_prediction(case, infer(path, case.rows, folder))
        terms = case.leaf().reshape(len(case.rows), -1).shape[1] if case.library == "xgboost" and "linear" not in case.name else 1
        close(infer(path, case.rows, folder, "margin")["margin"], case.margin(), terms=terms)
        if "linear" not in case.name or case.library == "lightgbm":
            leaf = infer(path, case.rows, folder, "leaf")["leaf"]
            np.testing.assert_array_equal(leaf, case.leaf().reshape(leaf.shape))


@pytest.mark.parametrize("name", [name for name in CASES if "linear trees" not in name and "vector" not in name])
def test_contributions_agree_with_the_library(name, tmp_path):
    case = CASES[name]()
    case.rows = case.rows[:60]
    path = tmp_path / f"model{case.suffixes[0]}"
    case.save(path)
    got = infer(path, case.rows, tmp_path, "contributions")["contributions"]
    want = np.asarray(case.contributions(), np.float64)
    scale = np.abs(want).max()
    assert np.max(np.abs(got.reshape(want.shape) - want)) <= 1e-4 * scale
    # They add up to the margin.
    margin = infer(path, case.rows, tmp_path, "margin")["margin"]
    assert np.max(np.abs(got.sum(axis=-1) - margin)) <= 1e-4 * max(scale, np.abs(margin).max())


def test_a_dump_has_its_infinite_thresholds_back(tmp_path):
    """LightGBM writes them as 1e300; infinity as a value must then not go the way of what is missing."""
    import json

    import lightgbm

    x = np.random.default_rng(0).random((400, 1)) - 0.5
    x[::3] = np.nan
    model = lightgbm.train(
        {"objective": "regression", "num_leaves": 2, "verbose": -1, "num_threads": 1},
        lightgbm.Dataset(x, label=np.isnan(x[:, 0]).astype(float)), 2)
    assert "threshold=inf" in model.model_to_string()
    (tmp_path / "model.json").write_text(json.dumps(model.dump_model()))
    rows = np.array([[0.5], [np.nan], [np.inf], [-np.inf]])
    np.testing.assert_array_equal(
        infer(tmp_path / "model.json", rows, tmp_path)["prediction"], model.predict(rows))
