"""Differential tests: `martlet infer` and onnxruntime on the same models and inputs."""

import re

import numpy as np
import onnx
import onnxruntime
import pytest

from make_onnx_cases import all_cases
from martlet_process import MODELS, run

CASES = list(all_cases())


def expected(case):
    """What onnxruntime computes; maps of a ZipMap become a matrix."""
    session = onnxruntime.InferenceSession(case.model.SerializeToString(), providers=["CPUExecutionProvider"])
    results = {}
    for output, value in zip(session.get_outputs(), session.run(None, case.inputs)):
        if isinstance(value, list):
            value = np.array([list(row.values()) for row in value], np.float32)
        results[output.name] = value
    return results


def infer(case, folder):
    onnx.save(case.model, folder / "model.onnx")
    arguments = ["infer", folder / "model.onnx", "--output-dir", folder / "out"]
    for index, (name, array) in enumerate(case.inputs.items()):
        path = folder / f"input{index}.npy"
        np.save(path, array.astype(str) if array.dtype == object else array)
        arguments += ["--input", f"{name}={path}"]
    return run(*arguments)


def output_name(name):
    """The file that infer writes an output to."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name) + ".npy"


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_infer_agrees_with_onnxruntime(case, tmp_path):
    done = infer(case, tmp_path)
    assert done.returncode == 0, done.stderr
    for name, want in expected(case).items():
        path = tmp_path / "out" / output_name(name)
        got = np.load(path, allow_pickle=False)
        assert got.shape == want.shape
        if want.dtype.kind in "OU":
            assert got.dtype.kind == "U" and got.tolist() == want.tolist()
        elif want.dtype.kind in "iub":
            assert got.dtype == want.dtype
            np.testing.assert_array_equal(got, want)
        else:
            assert got.dtype == want.dtype
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_a_broken_model_is_refused_with_its_place(tmp_path):
    case = next(case for case in CASES if case.name == "Relu")
    case.model.graph.node[0].op_type = "Frobnicate"
    try:
        done = infer(case, tmp_path)
    finally:
        case.model.graph.node[0].op_type = "Relu"
    assert done.returncode == 1
    assert "model.onnx" in done.stderr and "Frobnicate" in done.stderr and "ai.onnx 17" in done.stderr


@pytest.mark.parametrize("name", ["iris", "breast-cancer", "digits"])
def test_damaged_models_are_refused_or_run_but_never_crash(name, tmp_path):
    original = (MODELS / name / "1" / "model.onnx").read_bytes()
    rows = MODELS / name / "1" / "reference" / "input.npy"
    random = np.random.default_rng(1)
    path = tmp_path / "model.onnx"
    for attempt in range(80):
        damaged = bytearray(original)
        if attempt % 4 == 0:
            del damaged[random.integers(len(damaged)):]
        else:
            # Most of a file are weights; its structure is at the ends.
            for _ in range(random.integers(1, 4)):
                end = int(random.choice([400, 4000, len(damaged)]))
                place = int(random.integers(min(end, len(damaged))))
                place = place if random.random() < 0.5 else len(damaged) - 1 - place
                damaged[place] = int(random.integers(256))
        path.write_bytes(damaged)
        done = run("infer", path, "--input", rows, "--output-dir", tmp_path / "out")
        assert done.returncode in (0, 1, 64), (attempt, done.returncode, done.stderr[-500:])
        assert done.returncode == 0 or done.stderr.startswith("martlet: error: ")
