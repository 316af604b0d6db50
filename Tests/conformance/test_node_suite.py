"""The official node tests against martlet: what passing.txt lists must pass, what passes must be listed."""

import os

import onnx
import pytest

import node_suite

pytestmark = pytest.mark.skipif(
    onnx.__version__ != node_suite.ONNX_VERSION, reason="the lists are for another version of onnx")


@pytest.fixture(scope="module")
def verdicts():
    return node_suite.run_martlet(node_suite.all_cases())


def test_every_listed_node_test_passes(verdicts):
    listed = node_suite.names_in("passing.txt")
    assert len(listed) > 1000
    broken = {name: verdicts.get(name, "is no test of the suite") for name in listed if verdicts.get(name, "") is not None}
    assert not broken, "\n".join(f"{name}: {why}" for name, why in broken.items())


def test_every_node_test_that_passes_is_listed(verdicts):
    listed = set(node_suite.names_in("passing.txt"))
    new = sorted(name for name, why in verdicts.items() if why is None and name not in listed)
    assert not new, f"list these with node_suite.py --update: {new}"


def test_what_onnxruntime_passes_passes_here(verdicts):
    passing = [name for name, why in verdicts.items() if why is None]
    print(node_suite.summary(passing))
    reference = [name for name in node_suite.names_in("onnxruntime.txt") if not node_suite.is_training(name)]
    both = set(reference) & set(passing)
    assert len(both) >= 0.97 * len(reference), node_suite.summary(passing)


def test_no_node_test_crashes(verdicts):
    crashes = {name: why for name, why in verdicts.items() if why and why.startswith("crash")}
    assert not crashes


def test_the_backend_of_onnx_runs_a_model(tmp_path):
    import numpy as np
    from onnx import TensorProto, helper

    from martlet_backend import MartletBackend

    graph = helper.make_graph(
        [helper.make_node("Add", ["a", "b"], ["sum"])], "sum",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "ab"],
        [helper.make_tensor_value_info("sum", TensorProto.FLOAT, [2])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    a, b = np.array([1, 2], np.float32), np.array([3, 5], np.float32)
    (result,) = MartletBackend.run_model(model, [a, b])
    assert result.tolist() == [4, 7]
    assert MartletBackend.supports_device("CPU") and not MartletBackend.supports_device("CUDA")
    assert os.listdir(tmp_path) == []
