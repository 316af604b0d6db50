"""Every way to ask gives the answers of the framework that trained the model."""

import io

import numpy as np
import onnxruntime
import pytest
import requests

from answers import ENCODINGS, MODELS, NPY, REFERENCES, as_npy, assert_equal_to_reference
from answers import labels_and_probabilities

TARGETS = [
    "/predict?model={}", "/predict?model={}&version=1", "/models/{}/predict",
    "/models/{}/versions/1/predict",
]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("encode", ENCODINGS, ids=lambda encode: encode.__name__)
@pytest.mark.parametrize("reference", REFERENCES, ids=repr)
def test_answers_equal_the_original_framework(server, reference, encode, target):
    kind, body = encode(reference, reference.rows)
    answer = requests.post(
        server.url + target.format(reference.name), data=body, headers={"Content-Type": kind},
        timeout=20)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.json()["version"] == "1"
    assert_equal_to_reference(answer.json(), reference)


@pytest.mark.parametrize("reference", REFERENCES, ids=repr)
def test_each_row_alone_equals_the_original_framework(server, reference):
    with requests.Session() as session:
        for index in range(len(reference.rows)):
            kind, body = ENCODINGS[0](reference, reference.rows[index:index + 1])
            answer = session.post(
                f"{server.url}/models/{reference.name}/predict", data=body,
                headers={"Content-Type": kind}, timeout=20)
            assert answer.status_code == 200, answer.text
            assert_equal_to_reference(answer.json(), reference, slice(index, index + 1))


@pytest.mark.parametrize("reference", REFERENCES, ids=repr)
def test_numpy_in_numpy_out(server, reference):
    kind, body = as_npy(reference, reference.rows)
    answer = requests.post(
        f"{server.url}/models/{reference.name}/predict", data=body,
        headers={"Content-Type": kind, "Accept": NPY}, timeout=20)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].split(";")[0] == NPY
    array = np.load(io.BytesIO(answer.content), allow_pickle=False)
    assert array.dtype == np.float32
    np.testing.assert_allclose(array, reference.probabilities, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("convert", [
    lambda rows: rows.astype("<f8"), lambda rows: rows.astype(">f4"),
    lambda rows: np.asfortranarray(rows)], ids=["float64", "big-endian", "fortran-order"])
def test_other_numpy_layouts_are_read_or_refused_with_a_reason(server, convert):
    """What NumPy writes by default (float64) is taken; nothing is ever misread."""
    reference = REFERENCES[0]
    file = io.BytesIO()
    np.save(file, convert(reference.rows))
    answer = requests.post(
        f"{server.url}/models/iris/predict", data=file.getvalue(), headers={"Content-Type": NPY},
        timeout=20)
    if answer.status_code == 200:
        assert_equal_to_reference(answer.json(), reference)
    else:
        assert answer.status_code == 400
        assert answer.json()["error"]["message"]


@pytest.mark.parametrize("reference", REFERENCES, ids=repr)
def test_random_rows_equal_onnxruntime(server, reference):
    """Beyond the reference rows: values nobody measured, far outside of the training data."""
    random = np.random.default_rng(7)
    low, high = reference.rows.min(axis=0), reference.rows.max(axis=0)
    rows = random.uniform(low - 1, high + 1, (64, reference.rows.shape[1])).astype(np.float32)
    session = onnxruntime.InferenceSession(
        MODELS / reference.name / "1" / "model.onnx", providers=["CPUExecutionProvider"])
    expected = session.run(None, {reference.input_name: rows})
    probabilities = expected[-1]
    if isinstance(probabilities, list):
        probabilities = np.array([list(row.values()) for row in probabilities], np.float32)
    kind, body = as_npy(reference, rows)
    answer = requests.post(
        f"{server.url}/models/{reference.name}/predict", data=body, headers={"Content-Type": kind},
        timeout=20)
    assert answer.status_code == 200, answer.text
    _, got = labels_and_probabilities(answer.json(), reference)
    np.testing.assert_allclose(got, probabilities, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("reference", REFERENCES, ids=repr)
def test_numbers_round_trip(server, reference):
    """The text of a number in JSON reads back as the very float32 of the NumPy answer."""
    kind, body = as_npy(reference, reference.rows)
    url = f"{server.url}/models/{reference.name}/predict"
    text = requests.post(url, data=body, headers={"Content-Type": kind}, timeout=20)
    binary = requests.post(
        url, data=body, headers={"Content-Type": kind, "Accept": NPY}, timeout=20)
    _, probabilities = labels_and_probabilities(text.json(), reference)
    array = np.load(io.BytesIO(binary.content), allow_pickle=False)
    assert probabilities.astype(np.float32).tobytes() == array.tobytes()
