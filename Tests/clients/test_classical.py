"""Differential tests of the classical operators: `martlet infer` and onnxruntime."""

import numpy as np
import pytest

from make_classical_cases import all_cases
from test_infer import expected, infer, output_name

CASES = list(all_cases())


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_classical_operators_agree_with_onnxruntime(case, tmp_path):
    done = infer(case, tmp_path)
    assert done.returncode == 0, done.stderr
    for name, want in expected(case).items():
        got = np.load(tmp_path / "out" / output_name(name), allow_pickle=False)
        if want.dtype.kind in "OU":
            assert got.tolist() == want.tolist()
        elif want.dtype.kind in "iub":
            np.testing.assert_array_equal(got, want)
        else:
            assert got.dtype == want.dtype
            np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-6)
