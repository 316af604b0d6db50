"""Models of a known cost a row: `steps` times tanh of 4,096 numbers, the same alone and in a batch."""

import json
import pathlib
import subprocess

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDTH = 4096
INPUTS = 16


def write(folder, steps, **configuration):
    random = np.random.default_rng(1)
    wide = numpy_helper.from_array(
        random.normal(size=(INPUTS, WIDTH)).astype(np.float32), "wide")
    narrow = numpy_helper.from_array(
        (random.normal(size=(WIDTH, 4)) / WIDTH).astype(np.float32), "narrow")
    nodes, before = [helper.make_node("MatMul", ["x", "wide"], ["h"])], "h"
    for index in range(steps):
        nodes.append(helper.make_node("Tanh", [before], [f"h{index}"]))
        before = f"h{index}"
    nodes.append(helper.make_node("MatMul", [before, "narrow"], ["y"]))
    graph = helper.make_graph(
        nodes, "tanh", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", INPUTS])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])], [wide, narrow])
    folder = pathlib.Path(folder)
    (folder / "1").mkdir(parents=True, exist_ok=True)
    path = folder / "1" / "model.onnx"
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    (folder / "model.json").write_text(json.dumps(configuration))
    return path


def milliseconds(binary, path, batch=1):
    """What `martlet bench` measures for one run of `batch` rows."""
    done = subprocess.run(
        [str(binary), "bench", str(path), "--batch", str(batch), "--seconds", "1", "--json"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=True)
    return json.loads(done.stdout)["results"][0]["median_us"] / 1000


def of_cost(binary, folder, wanted, **configuration):
    """Writes a model whose row takes about `wanted` milliseconds; its path and what it takes."""
    steps = 100
    for _ in range(3):
        path = write(folder, steps, **configuration)
        took = milliseconds(binary, path)
        if abs(took / wanted - 1) < 0.1:
            break
        steps = max(1, round(steps * wanted / took))
    return path, took
