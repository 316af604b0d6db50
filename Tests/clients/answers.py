"""The committed models with their frameworks' own answers, and the ways to ask a server for them."""

import csv
import dataclasses
import io
import json

import numpy as np

from martlet_process import MODELS

NPY = "application/x-npy"


@dataclasses.dataclass
class Reference:
    name: str
    input_name: str
    rows: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    class_names: list

    def __repr__(self):
        return self.name


def load(name, input_name, label_output, probability_output):
    folder = MODELS / name / "1" / "reference"
    configuration = json.loads((MODELS / name / "model.json").read_text())
    probabilities = np.load(folder / f"{probability_output}.npy")
    if label_output:
        labels = np.load(folder / f"{label_output}.npy")
    else:  # no label in the model: the name of the most probable class
        labels = np.array(configuration["labels"])[probabilities.argmax(axis=1)]
    return Reference(
        name, input_name, np.load(folder / "input.npy"), labels, probabilities,
        configuration["labels"])


REFERENCES = [
    load("iris", "features", "output_label", "output_probability"),
    load("breast-cancer", "features", "label", "probabilities"),
    load("digits", "pixels", None, "probabilities"),
]
BY_NAME = {reference.name: reference for reference in REFERENCES}


def as_list(rows):
    """Numbers whose shortest text reads back as the same float32."""
    return [[float(str(number)) for number in row] for row in rows]


def as_json_rows(reference, rows):
    return "application/json", json.dumps({"instances": as_list(rows)}).encode()


def as_json_array(reference, rows):
    return "application/json", json.dumps(as_list(rows)).encode()


def as_json_columns(reference, rows):
    return "application/json", json.dumps({"inputs": {reference.input_name: as_list(rows)}}).encode()


def as_csv(reference, rows):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(as_list(rows))
    return "text/csv", text.getvalue().encode()


def as_npy(reference, rows):
    file = io.BytesIO()
    np.save(file, np.ascontiguousarray(rows))
    return NPY, file.getvalue()


ENCODINGS = [as_json_rows, as_json_array, as_json_columns, as_csv, as_npy]


def predictions(answer):
    """Checks the envelope of a JSON answer and gives its predictions."""
    assert set(answer) >= {"model", "version", "predictions"}, answer.keys()
    assert isinstance(answer["version"], str)
    return answer["predictions"]


def labels_and_probabilities(answer, reference):
    """The two things a classifier answers, as arrays."""
    items = predictions(answer)
    assert answer["model"] == reference.name
    labels = np.array([item["label"] for item in items])
    probabilities = np.array(
        [probabilities_of(item["probabilities"], reference.class_names) for item in items])
    return labels, probabilities


def probabilities_of(value, class_names):
    """In the order of the classes, from a list or from an object by class name."""
    if isinstance(value, dict):
        assert list(value) == class_names, value
        return list(value.values())
    return value


def assert_equal_to_reference(answer, reference, rows=slice(None)):
    labels, probabilities = labels_and_probabilities(answer, reference)
    expected = reference.labels[rows]
    if expected.dtype.kind == "i" and labels.dtype.kind == "U":  # shown by the class's name
        expected = np.array(reference.class_names)[expected]
    np.testing.assert_array_equal(labels, expected)
    np.testing.assert_allclose(
        probabilities, reference.probabilities[rows].astype(np.float64), rtol=1e-5, atol=1e-7)
