"""Runs a model in `martlet infer` and in onnxruntime and compares."""

import dataclasses
import os
import pathlib
import re
import subprocess

import numpy as np
import onnxruntime

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("MARTLET_BIN", ROOT / ".build/release/martlet")).absolute()


def expected(path, inputs):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return {spec.name: value for spec, value in zip(session.get_outputs(), session.run(None, inputs))}


def infer(path, inputs, folder, *options):
    arguments = [BINARY, "infer", path, "--output-dir", folder / "out", *options]
    for index, (name, array) in enumerate(inputs.items()):
        np.save(folder / f"{index}.npy", array)
        arguments += ["--input", f"{name}={folder}/{index}.npy"]
    done = subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return {path.name: np.load(path, allow_pickle=False) for path in (folder / "out").iterdir()}


def check(case, inputs, folder, *options):
    """Floats within the case's tolerance of the largest value near them, all else equal; labels equal."""
    made = infer(case.path, inputs, folder, *options)
    for name, want in expected(case.path, inputs).items():
        got = made[re.sub(r"[^A-Za-z0-9._-]", "_", name) + ".npy"]
        assert got.shape == want.shape and got.dtype == want.dtype
        if want.dtype.kind != "f":
            np.testing.assert_array_equal(got, want)
            continue
        assert np.isfinite(want).all() and (want.size == 1 or np.ptp(want) > 0), "the model says nothing"
        # Sums of values that cancel are exact to their operands' size, not to their own.
        np.testing.assert_allclose(
            got, want, rtol=case.rtol, atol=case.rtol * np.abs(want).max() / 10 + case.step)
        if want.ndim == 2 and want.shape[1] > 1:
            clear = np.ptp(np.sort(want, 1)[:, -2:], 1) > 2 * case.step
            np.testing.assert_array_equal(got.argmax(1)[clear], want.argmax(1)[clear])


def optimised(case, folder):
    """The case with the file that onnxruntime's optimizer makes of it (fused operators of com.microsoft)."""
    path = folder / "optimised.onnx"
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(path)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(case.path), options, providers=["CPUExecutionProvider"])
    return dataclasses.replace(case, path=path)


def inspect(path):
    done = subprocess.run(
        [BINARY, "inspect", path, "--batch", "1"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout
