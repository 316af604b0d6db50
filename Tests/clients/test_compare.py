"""`martlet infer --compare`, `--passes`, `inspect --profile`."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
import onnx

from martlet_process import MODELS, run

X = np.linspace(-3, 3, 21, dtype=np.float32).reshape(3, 7)


def gelu(x):
    """GELU as exporters write it, in parts."""
    half, one, root = (helper.make_tensor(n, TensorProto.FLOAT, [], [v]) for n, v in (("half", 0.5), ("one", 1), ("root", 2 ** 0.5)))
    nodes = [
        helper.make_node("Div", ["x", "root"], ["a"]), helper.make_node("Erf", ["a"], ["b"]),
        helper.make_node("Add", ["b", "one"], ["c"]), helper.make_node("Mul", ["x", "c"], ["d"]),
        helper.make_node("Mul", ["d", "half"], ["y"]), helper.make_node("ArgMax", ["x"], ["best"], axis=1, keepdims=0)]
    return helper.make_graph(
        nodes, "gelu", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 7])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 7]), helper.make_tensor_value_info("best", TensorProto.INT64, ["n"])],
        [half, one, root])


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(gelu(X), ir_version=9, opset_imports=[helper.make_opsetid("", 17)]), path)
    np.save(tmp_path / "x.npy", X)
    done = run("infer", path, "--input", tmp_path / "x.npy", "--output-dir", tmp_path / "reference", "--passes", "none")
    assert done.returncode == 0, done.stderr
    return path


def compare(model, *options):
    return run("infer", model, "--input", model.parent / "x.npy", "--compare", model.parent / "reference", *options)


def test_outputs_that_agree_are_status_0(model, tmp_path):
    done = compare(model)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2 and "ulp" in done.stdout and "FAIL" not in done.stdout
    # Nothing is written unless asked for.
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.onnx", "reference", "x.npy"]
    assert compare(model, "--output-dir", tmp_path / "out").returncode == 0
    assert (tmp_path / "out/y.npy").is_file()


def test_an_error_above_the_tolerance_is_status_1(model, tmp_path):
    path = tmp_path / "reference/y.npy"
    values = np.load(path)
    values[2, 6] += 0.01
    np.save(path, values)
    done = compare(model)
    assert done.returncode == 1 and "FAIL y" in done.stdout and "the first at 20" in done.stdout
    assert "max error 0.0" in done.stdout and "1 of 2 outputs" in done.stderr
    assert compare(model, "--atol", "0.02").returncode == 0
    assert compare(model, "--rtol", "0.01").returncode == 0
    assert compare(model, "--rtol", "-1").returncode == 64


def test_integers_must_be_equal(model, tmp_path):
    path = tmp_path / "reference/best.npy"
    np.save(path, np.load(path) + np.array([0, 1, 0]))
    done = compare(model, "--atol", "9")
    assert done.returncode == 1 and "FAIL best" in done.stdout


def test_another_shape_and_a_missing_file_are_status_1(model, tmp_path):
    np.save(tmp_path / "reference/best.npy", np.zeros((3, 1), np.int64))
    (tmp_path / "reference/y.npy").unlink()
    done = compare(model)
    assert done.returncode == 1 and "[3, 1]" in done.stdout and "y.npy" in done.stdout


def test_passes_are_chosen_by_name_and_shown(model):
    fused = run("inspect", model)
    assert fused.returncode == 0, fused.stderr
    assert "fuse-gelu -4" in fused.stdout and "steps       2 " in fused.stdout
    plain = run("inspect", model, "--passes", "none")
    assert "steps       6 " in plain.stdout and "fuse-gelu" not in plain.stdout
    assert "steps       6 " in run("inspect", model, "--passes", "-fuse-gelu").stdout
    named = run("inspect", model, env={"MARTLET_PASSES": "fuse-gelu"})
    assert "steps       2 " in named.stdout
    wrong = run("inspect", model, "--passes", "fuse-everything")
    assert wrong.returncode == 64 and "fuse-gelu" in wrong.stderr


def test_the_server_takes_passes_too(start):
    server = start(MODELS, "--passes", "none")
    assert server.process.poll() is None


def test_a_profile_names_operators_and_fusions(model):
    done = run("inspect", model, "--batch", "4", "--profile")
    assert done.returncode == 0, done.stderr
    profile = done.stdout[done.stdout.index("profile"):]
    assert "Gelu × 1" in profile and "ArgMax × 1" in profile and "%" in profile
    digits = run("inspect", MODELS / "digits", "--batch", "4", "--profile").stdout
    assert "martlet.Linear" in digits and "Relu" in digits[digits.index("profile"):]
