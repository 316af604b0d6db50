"""Differential tests of what skl2onnx and CatBoost export: martlet, onnxruntime and the library itself."""

import numpy as np
import pytest

from make_estimator_cases import all_estimators
from test_infer import expected, infer, output_name

CASES = list(all_estimators())

# What the exporters write down differently from what the library computes: only onnxruntime is asked there.
EXPORTED_OTHERWISE = {
    "nearest neighbours by distance (classes)": "votes are weighted otherwise",
    "nearest neighbours by distance (binary)": "votes are weighted otherwise",
    "stochastic gradient (classes)": "the probabilities of modified_huber are another function",
    "linear discriminant (binary)": "the probability of the second class is given for both",
    "catboost one against all": "a softmax stands in the place of the sigmoids",
    "catboost poisson": "the exponential is left out: it is the margin",
}


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_estimators_agree_with_onnxruntime_and_their_library(case, tmp_path):
    done = infer(case, tmp_path)
    assert done.returncode == 0, done.stderr
    answers = []
    for name, want in expected(case).items():
        got = np.load(tmp_path / "out" / output_name(name), allow_pickle=False)
        assert got.shape == want.shape
        if want.dtype.kind in "OUiub":
            assert got.tolist() == want.tolist()
        else:
            assert got.dtype == want.dtype
            np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-5 * max(1, np.abs(want).max()))
        answers.append(got)
    if case.name not in EXPORTED_OTHERWISE:
        check_library(case, answers)


def check_library(case, answers):
    """The labels are the library's; scores are as close as float32 brings the converted arithmetic."""
    labels = case.labels().reshape(-1)
    if labels.dtype.kind == "f":
        np.testing.assert_allclose(answers[0].reshape(-1), labels, rtol=2e-3, atol=2e-3 * np.abs(labels).max())
        return
    assert np.asarray(answers[0]).reshape(-1).astype(str).tolist() == labels.astype(str).tolist()
    wanted = case.probabilities()
    if wanted is not None and len(answers) > 1 and answers[1].shape == wanted.shape:
        np.testing.assert_allclose(answers[1], wanted, atol=1e-3)
