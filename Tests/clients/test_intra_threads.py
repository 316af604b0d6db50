"""Threads that compute one call together change no bit of its answer."""

import json
import os
import subprocess

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from martlet_process import BINARY


def network(path):
    """Convolutions of every kind, an LSTM over the rows of the image, a softmax."""
    random = np.random.default_rng(4)
    constants = []

    def constant(*shape):
        name = f"c{len(constants)}"
        constants.append(numpy_helper.from_array(
            random.standard_normal(shape).astype(np.float32) * 0.1, name))
        return name

    steps = [
        ("Conv", ["x", constant(32, 16, 3, 3)], ["a"], {"pads": [1, 1, 1, 1]}),
        ("Relu", ["a"], ["b"], {}),
        ("Conv", ["b", constant(32, 1, 3, 3)], ["c"], {"pads": [1, 1, 1, 1], "group": 32}),
        ("Add", ["b", "c"], ["d"], {}),
        ("Conv", ["d", constant(48, 32, 5, 5)], ["e"], {"strides": [2, 2], "pads": [2, 2, 2, 2]}),
        ("Conv", ["e", constant(64, 48, 1, 1)], ["f"], {}),
        ("MaxPool", ["f"], ["g"], {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ("ReduceMean", ["g"], ["h"], {"axes": [3], "keepdims": 0}),
        ("Transpose", ["h"], ["i"], {"perm": [2, 0, 1]}),
        ("LSTM", ["i", constant(2, 256, 64), constant(2, 256, 64)], ["j"],
         {"direction": "bidirectional", "hidden_size": 64}),
        ("Transpose", ["j"], ["k"], {"perm": [2, 0, 1, 3]}),
        ("Flatten", ["k"], ["l"], {}),
        ("MatMul", ["l", constant(8 * 128, 500)], ["m"], {}),
        ("Softmax", ["m"], ["y"], {"axis": 1}),
    ]
    graph = helper.make_graph(
        [helper.make_node(kind, ins, outs, **rest) for kind, ins, outs, rest in steps], "threads",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 16, 32, 32])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 500])], constants)
    onnx.save(helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


def attention(path):
    """A layer of six heads over 300 places (more than a block of keys), each seeing what lies before it."""
    random = np.random.default_rng(6)
    constants, steps = [], []

    def constant(name, array):
        constants.append(numpy_helper.from_array(array, name))
        return name

    heads = constant("heads", np.array([0, 0, 6, 16], np.int64))
    for part, order in [("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])]:
        weights = constant("w" + part, random.standard_normal((96, 96)).astype(np.float32) * 0.2)
        steps += [("MatMul", ["x", weights], [part + "1"], {}),
                  ("Reshape", [part + "1", heads], [part + "2"], {}),
                  ("Transpose", [part + "2"], [part], {"perm": order})]
    hidden = np.triu(np.full((300, 300), -np.inf, np.float32), 1)
    steps += [
        ("MatMul", ["q", "k"], ["s"], {}),
        ("Mul", ["s", constant("scale", np.float32(0.25))], ["t"], {}),
        ("Add", ["t", constant("mask", hidden)], ["u"], {}),
        ("Softmax", ["u"], ["p"], {"axis": -1}),
        ("MatMul", ["p", "v"], ["o"], {}),
        ("Transpose", ["o"], ["r"], {"perm": [0, 2, 1, 3]}),
        ("Reshape", ["r", constant("flat", np.array([0, 0, 96], np.int64))], ["y"], {}),
    ]
    graph = helper.make_graph(
        [helper.make_node(kind, ins, outs, **rest) for kind, ins, outs, rest in steps], "attention",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 300, 96])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 300, 96])], constants)
    onnx.save(helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


def quantized_network(path):
    """Convolutions of bytes of every kind, a sum, a pool and layers, between QuantizeLinear and DequantizeLinear."""
    random = np.random.default_rng(6)
    constants, nodes = [], []

    def constant(array):
        constants.append(numpy_helper.from_array(np.asarray(array), f"c{len(constants)}"))
        return constants[-1].name

    def node(kind, *inputs, **attributes):
        nodes.append(helper.make_node(kind, list(inputs), [f"v{len(nodes)}"], **attributes))
        return nodes[-1].output[0]

    def rounded(x, scale):
        point = [constant(np.float32(scale)), constant(np.int8(-7))]
        return node("DequantizeLinear", node("QuantizeLinear", x, *point), *point)

    def weights(*shape):
        values = random.integers(-127, 128, shape).astype(np.int8)
        scales = random.uniform(0.001, 0.002, shape[0]).astype(np.float32)
        return node("DequantizeLinear", constant(values), constant(scales),
                    constant(np.zeros(shape[0], np.int8)), axis=0)

    x = rounded("x", 0.01)
    a = rounded(node("Relu", node("Conv", x, weights(32, 16, 3, 3), pads=[1, 1, 1, 1])), 0.02)
    b = rounded(node("Conv", a, weights(32, 1, 3, 3), pads=[1, 1, 1, 1], group=32), 0.02)
    c = rounded(node("Add", a, b), 0.03)
    d = rounded(node("Conv", c, weights(80, 32, 5, 5), strides=[2, 2], pads=[2, 2, 2, 2]), 0.05)
    e = rounded(node("MaxPool", d, kernel_shape=[2, 2], strides=[2, 2]), 0.05)
    f = rounded(node("Sigmoid", node("Flatten", e)), 0.004)
    g = node("Gemm", f, weights(500, 80 * 64), transB=1)
    nodes.append(helper.make_node("Softmax", [g], ["y"], axis=1))
    graph = helper.make_graph(
        nodes, "threads", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 16, 32, 32])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 500])], constants)
    onnx.save(helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


def answers(model, rows, folder, threads):
    folder.mkdir()
    np.save(folder / "in.npy", rows)
    subprocess.run(
        [BINARY, "infer", model, "--input", folder / "in.npy", "--output-dir", folder,
         "--intra-threads", str(threads)], check=True, stdin=subprocess.DEVNULL, timeout=120,
        capture_output=True)
    return np.load(folder / "y.npy")


@pytest.mark.parametrize("make, shape, tolerance", [
    (network, (7, 16, 32, 32), {"rtol": 1e-4, "atol": 1e-7}),
    (attention, (7, 300, 96), {"rtol": 1e-4, "atol": 1e-5}),
    (quantized_network, (7, 16, 32, 32), {"rtol": 0.05, "atol": 1e-7})])
def test_threads_and_batches_change_no_bit_of_an_answer(tmp_path, make, shape, tolerance):
    model = tmp_path / "model.onnx"
    make(model)
    rows = np.random.default_rng(5).random(shape, np.float32)
    alone = answers(model, rows, tmp_path / "one", 1)
    assert alone.std() > 0
    for threads in (2, 3):
        together = answers(model, rows, tmp_path / str(threads), threads)
        assert together.tobytes() == alone.tobytes()
        single = answers(model, rows[4:5], tmp_path / f"single{threads}", threads)
        assert single[0].tobytes() == alone[4].tobytes()
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(
        alone, session.run(None, {"x": rows})[0], **tolerance)


def test_bench_measures_each_number_of_threads(tmp_path):
    model = tmp_path / "model.onnx"
    network(model)
    done = subprocess.run(
        [BINARY, "bench", model, "--batch", "1,2", "--intra-threads", "1,2", "--seconds", "0.05",
         "--json"], check=True, stdin=subprocess.DEVNULL, timeout=120, capture_output=True)
    results = json.loads(done.stdout)["results"]
    assert [(r["intra_threads"], r["batch"]) for r in results] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert all(r["median_us"] > 0 for r in results)


@pytest.mark.parametrize("count", ["-1", "65", "x", "1,"])
def test_a_number_of_threads_that_cannot_be_is_refused(count):
    done = subprocess.run(
        [BINARY, "bench", "model.onnx", f"--intra-threads={count}"], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60, env=os.environ | {"MARTLET_MODEL": ""})
    assert done.returncode == 64 and "--intra-threads" in done.stderr
