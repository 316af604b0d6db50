"""Models as people have them: martlet's answers against onnxruntime's. The gate runs these; see also test_torch_models.py."""

import os
import subprocess
import sys
import warnings

import pytest

import agreement
import gate_models

CASES = [
    "magika", "lenet", "small-cnn", "bilstm", "int8-qdq", "int8-qdq-per-channel", "int8-qoperator",
    "int8-qoperator-per-channel", "int8-signed", "int8-dynamic", "resnet18", "resnet50"]


@pytest.fixture(scope="session")
def cases(tmp_path_factory):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = {case.name: case for case in gate_models.make(tmp_path_factory.mktemp("models"))}
    assert list(made) == CASES
    return made


@pytest.mark.parametrize("name", CASES)
def test_a_real_model_answers_as_onnxruntime_does(name, cases, tmp_path):
    for number, inputs in enumerate(cases[name].inputs):
        folder = tmp_path / str(number)
        folder.mkdir()
        agreement.check(cases[name], inputs, folder)


@pytest.mark.parametrize("name", [name for name in CASES if name != "resnet50"])
def test_a_real_model_answers_the_same_without_any_pass(name, cases, tmp_path):
    agreement.check(cases[name], cases[name].inputs[0], tmp_path, "--passes", "none")


@pytest.mark.parametrize("name", [name for name in CASES if name != "resnet50"])
def test_a_model_that_onnxruntime_has_optimised_answers_the_same(name, cases, tmp_path):
    case = agreement.optimised(cases[name], tmp_path)
    agreement.check(case, case.inputs[0], tmp_path)


# What a process needs that loads nothing (24 MiB), and the values of the three rows that a model is tried on (22 MiB).
RESIDENT = 48 << 20

# The peak of a process started here would count this process's own pages, which it has until exec.
MEASURE = "import os, subprocess, sys; p = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL); " \
    "_, status, usage = os.wait4(p.pid, 0); print(status, usage.ru_maxrss * 1024)"


@pytest.mark.skipif(os.environ.get("MARTLET_SANITIZED", "0") not in ("", "0"), reason="sanitizers keep shadow memory")
def test_loading_takes_little_more_than_twice_the_file(cases):
    path = cases["resnet50"].path
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, agreement.BINARY, "inspect", path, "--batch", "1"], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=120)
    status, peak = map(int, done.stdout.split())
    assert status == 0
    size = path.stat().st_size
    assert size < peak <= 2.2 * size + RESIDENT, f"{peak / size:.2f} times the file"
