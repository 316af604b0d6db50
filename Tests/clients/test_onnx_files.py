"""ONNX files as exporters and as strangers write them: external data, functions, control flow, absurd nesting."""

import json
import os

import numpy as np
import onnx
import pytest
import requests
from onnx import TensorProto, helper, numpy_helper

from martlet_process import run

F, I64, B = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def save(folder, nodes, inputs, outputs, constants=(), functions=(), opsets=()):
    graph = helper.make_graph(nodes, "g", inputs, outputs, [numpy_helper.from_array(v, k) for k, v in constants])
    model = helper.make_model(
        graph, functions=list(functions), ir_version=9,
        opset_imports=[helper.make_opsetid("", 17), *[helper.make_opsetid(name, 1) for name in opsets]])
    path = folder / "model.onnx"
    onnx.save(model, path)
    return path


def value(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def infer(path, folder, **inputs):
    arguments = ["infer", path, "--output-dir", folder / "out"]
    for name, array in inputs.items():
        np.save(folder / f"{name}.npy", array)
        arguments += ["--input", f"{name}={folder / name}.npy"]
    return run(*arguments)


# External data.


def external_model(folder, location, **entries):
    """x + w, where the four floats of w lie in another file."""
    path = save(
        folder, [helper.make_node("Add", ["x", "w"], ["y"])], [value("x", F, ["n", 4])], [value("y", F, ["n", 4])],
        [("w", np.zeros(4, np.float32))])
    model = onnx.load(path)
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, text in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=str(text))
    path.write_bytes(model.SerializeToString())
    return path


WEIGHTS = np.array([1, 2, 3, 4], np.float32)


def test_external_data_beside_the_model_is_read(tmp_path):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights/w.bin").write_bytes(b"12345678" + WEIGHTS.tobytes() + b"rest")
    path = external_model(tmp_path, "weights/w.bin", offset=8, length=16)
    done = infer(path, tmp_path, x=np.zeros((2, 4), np.float32))
    assert done.returncode == 0, done.stderr
    assert np.load(tmp_path / "out/y.npy").tolist() == [[1, 2, 3, 4], [1, 2, 3, 4]]


@pytest.mark.parametrize("location", [
    "../secret.bin", "/etc/passwd", "a/../../secret.bin", "link.bin", "linked/secret.bin", "..", "", "a//b", "missing.bin",
    "folder"])
def test_external_data_elsewhere_is_refused(tmp_path, location):
    folder = tmp_path / "model"
    (folder / "folder").mkdir(parents=True)
    (tmp_path / "secret.bin").write_bytes(WEIGHTS.tobytes())
    os.symlink(tmp_path / "secret.bin", folder / "link.bin")
    os.symlink(tmp_path, folder / "linked")
    done = infer(external_model(folder, location), tmp_path, x=np.zeros((1, 4), np.float32))
    assert done.returncode == 1
    assert "initializer 'w'" in done.stderr


@pytest.mark.parametrize("entries", [
    {"offset": 4}, {"offset": -4}, {"offset": "x"}, {"length": 12}, {"length": 1 << 62}, {"offset": (1 << 63) - 1}])
def test_external_data_that_does_not_fit_is_refused(tmp_path, entries):
    (tmp_path / "w.bin").write_bytes(WEIGHTS.tobytes())
    done = infer(external_model(tmp_path, "w.bin", **entries), tmp_path, x=np.zeros((1, 4), np.float32))
    assert done.returncode == 1
    assert "initializer 'w'" in done.stderr


# Functions.


def test_a_function_of_the_file_is_written_out_where_it_is_called(tmp_path):
    scaled = helper.make_function(
        "own", "Scaled", ["a", "b"], ["c"],
        [helper.make_node("Constant", [], ["k"]), helper.make_node("Mul", ["a", "k"], ["s"]),
         helper.make_node("Add", ["s", "b"], ["c"])],
        [helper.make_opsetid("", 17)], ["factor"])
    scaled.node[0].attribute.add(name="value_float", ref_attr_name="factor", type=onnx.AttributeProto.FLOAT)
    twice = helper.make_function(
        "own", "Twice", ["a"], ["d"],
        [helper.make_node("Scaled", ["a", "a"], ["m"], domain="own", factor=2.0),
         helper.make_node("Scaled", ["m", "a"], ["d"], domain="own", factor=3.0)],
        [helper.make_opsetid("own", 1)])
    path = save(
        tmp_path, [helper.make_node("Twice", ["x"], ["y"], domain="own")], [value("x", F, [3])], [value("y", F, [3])],
        functions=[scaled, twice], opsets=["own"])
    done = infer(path, tmp_path, x=np.array([1, 2, 3], np.float32))
    assert done.returncode == 0, done.stderr
    assert np.load(tmp_path / "out/y.npy").tolist() == [10, 20, 30]


def test_functions_that_call_themselves_are_refused(tmp_path):
    loop = helper.make_function(
        "own", "Loop", ["a"], ["b"],
        [helper.make_node("Loop", ["a"], ["m"], domain="own"), helper.make_node("Loop", ["m"], ["b"], domain="own")],
        [helper.make_opsetid("own", 1)])
    path = save(
        tmp_path, [helper.make_node("Loop", ["x"], ["y"], domain="own")], [value("x", F, [3])], [value("y", F, [3])],
        functions=[loop], opsets=["own"])
    done = infer(path, tmp_path, x=np.zeros(3, np.float32))
    assert done.returncode == 1 and "function" in done.stderr


def test_functions_that_multiply_are_refused(tmp_path):
    """Ten functions, each eight calls of the next: a billion nodes from a kilobyte."""
    functions = [
        helper.make_function(
            "own", f"F{index}", ["a"], ["b"],
            [helper.make_node(f"F{index + 1}", ["a"], [f"v{turn}"], domain="own") for turn in range(7)]
            + [helper.make_node(f"F{index + 1}", ["a"], ["b"], domain="own")],
            [helper.make_opsetid("own", 1)])
        for index in range(10)]
    functions.append(helper.make_function(
        "own", "F10", ["a"], ["b"], [helper.make_node("Abs", ["a"], ["b"])], [helper.make_opsetid("", 17)]))
    path = save(
        tmp_path, [helper.make_node("F0", ["x"], ["y"], domain="own")], [value("x", F, [3])], [value("y", F, [3])],
        functions=functions, opsets=["own"])
    done = infer(path, tmp_path, x=np.zeros(3, np.float32))
    assert done.returncode == 1 and "nodes" in done.stderr


# Control flow.


def nested_if(depth):
    """If inside If inside …, each branch the value of a graph around it."""
    nodes = [helper.make_node("Neg", ["x"], ["y0"])]
    for level in range(1, depth + 1):
        inner = helper.make_graph(nodes, f"then{level}", [], [value(f"y{level - 1}", F, None)])
        other = helper.make_graph(
            [helper.make_node("Abs", ["x"], [f"z{level}"])], f"else{level}", [], [value(f"z{level}", F, None)])
        nodes = [helper.make_node("If", ["c"], [f"y{level}"], then_branch=inner, else_branch=other)]
    return nodes


@pytest.mark.parametrize("flag", [True, False])
def test_branches_read_values_of_graphs_around_them(tmp_path, flag):
    path = save(
        tmp_path, nested_if(3), [value("c", B, []), value("x", F, [2])], [value("y3", F, [2])])
    done = infer(path, tmp_path, c=np.array(flag), x=np.array([-1, 2], np.float32))
    assert done.returncode == 0, done.stderr
    assert np.load(tmp_path / "out/y3.npy").tolist() == ([1, -2] if flag else [1, 2])


def test_graphs_nested_as_deeply_as_files_can_be_run_or_are_refused(tmp_path):
    """Protocol buffers may be nested 100 deep, which is 33 graphs; ours may be 32."""
    path = save(
        tmp_path, nested_if(30), [value("c", B, []), value("x", F, [2])], [value("y30", F, [2])])
    done = infer(path, tmp_path, c=np.array(True), x=np.array([1, -2], np.float32))
    assert done.returncode == 0, done.stderr
    assert np.load(tmp_path / "out/y30.npy").tolist() == [-1, 2]


def test_a_loop_without_end_ends(tmp_path):
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Identity", ["a"], ["b"])], "body",
        [value("turn", I64, []), value("go", B, []), value("a", F, [1])], [value("on", B, []), value("b", F, [1])])
    path = save(
        tmp_path, [helper.make_node("Loop", ["", "c", "x"], ["y"], body=body)], [value("c", B, []), value("x", F, [1])],
        [value("y", F, [1])])
    done = infer(path, tmp_path, c=np.array(True), x=np.zeros(1, np.float32))
    assert done.returncode == 1 and "turns" in done.stderr


# Serving.


def test_a_model_whose_shapes_depend_on_values_is_served(tmp_path, start):
    folder = tmp_path / "models/places/1"
    folder.mkdir(parents=True)
    save(
        folder, [helper.make_node("NonZero", ["x"], ["y"])], [value("x", F, ["n"])], [value("y", I64, [1, "m"])])
    server = start(tmp_path / "models")
    url = f"http://127.0.0.1:{server.port}/models/places/predict"
    for sent, wanted in [([0, 1, 0, 2], [[1, 3]]), ([0, 0], [[]]), ([5], [[0]])]:
        answer = requests.post(url, json={"inputs": {"x": sent}}, timeout=20)
        assert answer.status_code == 200, answer.text
        # The model takes whole tensors: its answer is one item.
        assert json.loads(answer.text)["predictions"] == [wanted], answer.text


def test_sizes_of_an_unknown_name_may_differ(tmp_path):
    """Paddle's exporter names every size "?" that it does not know."""
    path = save(
        tmp_path, [helper.make_node("Relu", ["x"], ["y"])], [value("x", F, ["?", "?"])], [value("y", F, ["?", "?"])])
    done = infer(path, tmp_path, x=np.ones((2, 5), np.float32))
    assert done.returncode == 0, done.stderr
    assert np.load(tmp_path / "out/y.npy").shape == (2, 5)


@pytest.mark.parametrize("depth", [1, 2])
def test_loops_in_loops_share_their_turns(tmp_path, depth):
    """Each loop alone stays below the limit; together they would run for years."""
    body = [helper.make_node("Identity", ["keep"], ["kept"]), helper.make_node("Identity", ["a"], ["b"])]

    def graph(nodes, name):
        return helper.make_graph(
            nodes, name, [value(f"turn{name}", I64, []), value("keep", B, []), value("a", F, [1])],
            [value("kept", B, []), value("b", F, [1])])

    inner = graph(body, "inner")
    for level in range(depth):
        loop = helper.make_node("Loop", ["turns", "yes", "a"], ["b"], body=inner)
        inner = graph([helper.make_node("Identity", ["keep"], ["kept"]), loop], f"level{level}")
    path = save(
        tmp_path, [helper.make_node("Loop", ["turns", "yes", "x"], ["y"], body=inner)], [value("x", F, [1])], [value("y", F, [1])],
        [("turns", np.array(1 << 19)), ("yes", np.array(True))])
    done = infer(path, tmp_path, x=np.ones(1, np.float32))
    assert done.returncode == 1 and "turns" in done.stderr
