"""The other commands: infer, inspect, bench; and help that teaches."""

import json

import numpy as np
import pytest
from onnx import numpy_helper

from answers import REFERENCES, as_csv, as_json_array
from martlet_process import MODELS, run

OUTPUTS = {
    "iris": ("output_label", "output_probability"), "breast-cancer": ("label", "probabilities"),
    "digits": (None, "probabilities")}


def write_inputs(reference, folder):
    """The same rows in every format that infer reads."""
    np.save(folder / "rows.npy", reference.rows)
    (folder / "rows.csv").write_bytes(as_csv(reference, reference.rows)[1])
    (folder / "rows.json").write_bytes(as_json_array(reference, reference.rows)[1])
    (folder / "rows.pb").write_bytes(numpy_helper.from_array(reference.rows).SerializeToString())


@pytest.mark.parametrize("suffix", ["npy", "csv", "json", "pb"])
@pytest.mark.parametrize("reference", REFERENCES, ids=repr)
def test_infer_equals_the_original_framework(reference, suffix, tmp_path):
    write_inputs(reference, tmp_path)
    done = run(
        "infer", MODELS / reference.name, "--input", tmp_path / f"rows.{suffix}",
        "--output-dir", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    label, probability = OUTPUTS[reference.name]
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == sorted(f"{name}.npy" for name in (label, probability) if name)
    got = np.load(tmp_path / "out" / f"{probability}.npy", allow_pickle=False)
    np.testing.assert_allclose(got, reference.probabilities, rtol=1e-5, atol=1e-7)
    if label:
        labels = np.load(tmp_path / "out" / f"{label}.npy", allow_pickle=False)
        np.testing.assert_array_equal(labels, reference.labels)
        assert labels.dtype.kind == reference.labels.dtype.kind


def test_infer_takes_a_file_and_a_named_input(tmp_path):
    reference = REFERENCES[2]
    np.save(tmp_path / "rows.npy", reference.rows)
    done = run(
        "infer", MODELS / "digits" / "1" / "model.onnx", "--input",
        f"pixels={tmp_path / 'rows.npy'}", "--output-dir", tmp_path)
    assert done.returncode == 0, done.stderr
    got = np.load(tmp_path / "probabilities.npy", allow_pickle=False)
    np.testing.assert_allclose(got, reference.probabilities, rtol=1e-5, atol=1e-7)


def test_infer_explains_what_is_wrong(tmp_path):
    np.save(tmp_path / "narrow.npy", np.zeros((2, 3), np.float32))
    for arguments in (
            [MODELS / "iris", "--input", tmp_path / "narrow.npy"],
            [MODELS / "iris", "--input", tmp_path / "nowhere.npy"],
            [MODELS / "iris", "--input", f"nonsense={tmp_path / 'narrow.npy'}"],
            [tmp_path / "nowhere", "--input", tmp_path / "narrow.npy"]):
        done = run("infer", *arguments, "--output-dir", tmp_path / "out")
        assert done.returncode > 0 and done.stderr.strip(), done


@pytest.mark.parametrize("reference", REFERENCES, ids=repr)
def test_inspect_shows_signature_and_operators(reference):
    done = run("inspect", MODELS / reference.name)
    assert done.returncode == 0, done.stderr
    operator = {"iris": "LinearClassifier", "breast-cancer": "TreeEnsembleClassifier", "digits": "Gemm"}
    assert reference.input_name in done.stdout and operator[reference.name] in done.stdout


def test_bench_prints_a_table_and_json():
    arguments = ["bench", MODELS / "digits", "--batch", "1,8", "--threads", "1"]
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    assert "rows/s" in done.stdout
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    json.loads(done.stdout)


@pytest.mark.parametrize("arguments", [[], ["serve"], ["infer"], ["inspect"], ["bench"]])
def test_help(arguments):
    done = run(*arguments, "--help")
    assert done.returncode == 0, done.stderr
    assert "USAGE" in done.stdout
    if arguments == ["serve"]:
        assert "--port" in done.stdout and "MARTLET_PORT" in done.stdout


def test_flags_are_variables_too(start):
    server = start(environment={"MARTLET_THREADS": "1"})
    assert server.process.poll() is None


@pytest.mark.parametrize("flag,value,range", [
    ("--threads", "-1", "from 0 to 256"), ("--workers", "1000", "from 0 to 256"),
    ("--port", "65536", "from 0 to 65535"), ("--drain-delay", "-5", "from 0 to 3600")])
def test_a_number_out_of_range_names_the_range(flag, value, range):
    done = run("serve", MODELS, flag, value)
    assert done.returncode == 64 and f"{flag} is {value}; it must be {range}" in done.stderr, done


def test_serving_what_is_no_model_says_what_was_expected(tmp_path):
    for name, words in (
            ("README.md", ["no model file", ".onnx", "<name>/<version>/model.onnx"]),
            ("a model.onnx", ["letters, digits"])):
        path = tmp_path / name
        path.write_text("no model")
        done = run("serve", path, "--port", "0")
        assert done.returncode == 1 and str(path) in done.stderr, done
        assert all(word in done.stderr for word in words), done.stderr
    done = run("serve", tmp_path, "--port", "0")
    assert done.returncode == 1 and "model.onnx" in done.stderr, done
