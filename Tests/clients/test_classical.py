"""Differential tests of the classical operators: `martlet infer` and onnxruntime."""

import numpy as np
import onnx.reference
import pytest

from make_classical_cases import all_cases
from test_infer import expected, infer, output_name

CASES = list(all_cases())


def answers(case):
    """What onnxruntime computes; but it has the transforms 1 and 2 of TreeEnsemble the wrong way round, and onnx's
    reference leaves them out."""
    if not case.name.startswith("TreeEnsemble-transform"):
        return expected(case)
    scores = onnx.reference.ReferenceEvaluator(case.model).run(None, case.inputs)[0]
    if case.name.endswith("2"):
        return {"y": 1 / (1 + np.exp(-scores))}
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    if case.name.endswith("3"):
        # SOFTMAX_ZERO leaves zeros out of the sum.
        shares = np.where(np.abs(scores) > 1e-7, shares, 0)
    return {"y": shares / shares.sum(axis=1, keepdims=True)}


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_classical_operators_agree_with_onnxruntime(case, tmp_path):
    done = infer(case, tmp_path)
    assert done.returncode == 0, done.stderr
    for name, want in answers(case).items():
        got = np.load(tmp_path / "out" / output_name(name), allow_pickle=False)
        if want.dtype.kind in "OU":
            assert got.tolist() == want.tolist()
        elif want.dtype.kind in "iub":
            np.testing.assert_array_equal(got, want)
        else:
            assert got.dtype == want.dtype
            # The sums of a one-class machine are a hundred times their difference to rho.
            atol = 1e-4 if case.name == "sklearn-one-class" else 2e-6
            np.testing.assert_allclose(got, want, rtol=2e-5, atol=atol)
