"""Trains the committed models and writes, beside each, what its own framework answers.

    make models          (or: python models/train.py, in an environment with models/requirements.txt)

Data comes from scikit-learn's package, seeds are fixed and one thread computes, so a second run on
the same kind of machine writes the same bytes. For each model this writes

    models/<name>/model.json                       what the server shows and how it batches
    models/<name>/1/model.onnx                     the model
    models/<name>/1/reference/input.npy            rows held out from training, float32
    models/<name>/1/reference/<output name>.npy    scikit-learn's or torch's own answers to them

The references never come from an ONNX runtime: they say what the *original* model answers. Before
anything is written, onnxruntime runs the exported file and must agree with them.
"""

import json
import pathlib

import numpy as np
import onnx
import onnxruntime
import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType

HERE = pathlib.Path(__file__).resolve().parent
SEED = 20
OPSETS = {"": 17, "ai.onnx.ml": 3}
FILE_BYTES_MAX = 2_000_000


def main():
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    iris()
    breast_cancer()
    digits()


def iris():
    """Logistic regression with string labels. ZipMap stays in, as skl2onnx writes it by default."""
    data = load_iris()
    names = data.target_names.astype(str)
    rows, held_out, labels, held_out_labels = split(data.data, names[data.target], 50)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000))
    model.fit(rows.astype(np.float64), labels)
    print("iris: held-out accuracy", model.score(held_out.astype(np.float64), held_out_labels))
    exact = held_out.astype(np.float64)
    write(
        "iris",
        to_onnx(model, initial_types=features(4), target_opset=OPSETS),
        "Species of an iris flower from four lengths in centimetres: "
        + ", ".join(name.removesuffix(" (cm)") for name in data.feature_names)
        + ". Logistic regression (scikit-learn).",
        list(names),
        held_out,
        {
            "output_label": model.predict(exact).astype(str),
            "output_probability": model.predict_proba(exact).astype(np.float32),
        },
    )


def breast_cancer():
    """A random forest of 100 trees with integer labels, without ZipMap."""
    data = load_breast_cancer()
    rows, held_out, labels, held_out_labels = split(data.data, data.target.astype(np.int64), 100)
    model = RandomForestClassifier(100, random_state=SEED, n_jobs=1).fit(rows, labels)
    print("breast-cancer: held-out accuracy", model.score(held_out, held_out_labels))
    held_out = held_out[away_from_thresholds(model, held_out)][:64]
    write(
        "breast-cancer",
        to_onnx(
            model, initial_types=features(30), target_opset=OPSETS,
            options={id(model): {"zipmap": False}}),
        "Whether a breast tumour is malignant or benign, from 30 measurements of cell nuclei. "
        "Random forest of 100 trees (scikit-learn).",
        list(data.target_names.astype(str)),
        held_out,
        {
            "label": model.predict(held_out).astype(np.int64),
            "probabilities": model.predict_proba(held_out).astype(np.float32),
        },
    )


def digits():
    """An MLP 64-512-512-10. It takes raw pixels from 0 to 16: it is trained on pixels / 16, and the
    division is folded into the first layer before the export (exactly: 1/16 is a power of two)."""
    data = load_digits()
    rows, held_out, labels, held_out_labels = split(data.data, data.target, 128)
    layers = torch.nn.Sequential(
        torch.nn.Linear(64, 512), torch.nn.ReLU(),
        torch.nn.Linear(512, 512), torch.nn.ReLU(),
        torch.nn.Linear(512, 10),
    )
    inputs, targets = torch.from_numpy(rows / 16), torch.from_numpy(labels)
    optimizer = torch.optim.Adam(layers.parameters(), lr=1e-3, weight_decay=1e-4)
    for _ in range(12):
        for batch in torch.randperm(len(inputs)).split(64):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(layers(inputs[batch]), targets[batch]).backward()
            optimizer.step()
    with torch.no_grad():
        layers[0].weight /= 16
    # The exporter that traces: its successor needs one more package for the same six nodes.
    model = torch.nn.Sequential(*layers, torch.nn.Softmax(dim=1)).eval()
    with torch.no_grad():
        probabilities = model(torch.from_numpy(held_out)).numpy()
    print("digits: held-out accuracy", (probabilities.argmax(1) == held_out_labels).mean())
    path = HERE / "digits" / "1" / "model.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        model, (torch.from_numpy(held_out[:1]),), path, dynamo=False, opset_version=17,
        input_names=["pixels"], output_names=["probabilities"],
        dynamic_axes={"pixels": {0: "batch"}, "probabilities": {0: "batch"}})
    write(
        "digits",
        onnx.load(path),
        "The digit in an 8 x 8 image, from its 64 pixels row by row, each from 0 (white) to 16 "
        "(black). A perceptron with two hidden layers of 512 (torch).",
        [str(digit) for digit in range(10)],
        held_out,
        {"probabilities": probabilities},
    )


def features(count):
    return [("features", FloatTensorType([None, count]))]


def split(rows, labels, held_out_count):
    """Float32 rows for both sides, so that no framework ever sees a value another one rounds."""
    return train_test_split(
        rows.astype(np.float32), labels, test_size=held_out_count, random_state=SEED,
        stratify=labels)


def away_from_thresholds(forest, rows):
    """Which rows decide the same way everywhere. ONNX keeps float32 thresholds, scikit-learn float64
    ones; a row between the two says how an exporter rounds, not whether a server is right."""
    same = np.ones(len(rows), bool)
    for tree in (estimator.tree_ for estimator in forest.estimators_):
        inner = tree.children_left >= 0
        thresholds = tree.threshold[inner]
        values = rows[:, tree.feature[inner]].astype(np.float64)
        same &= ((values <= thresholds) == (values <= thresholds.astype(np.float32))).all(axis=1)
    return same


def write(name, model, description, labels, rows, outputs):
    domains = sorted(model.opset_import, key=lambda entry: entry.domain)
    del model.opset_import[:]
    model.opset_import.extend(domains)  # skl2onnx leaves them in the order of a set
    verify(name, model, rows, outputs)
    version = HERE / name / "1"
    (version / "reference").mkdir(parents=True, exist_ok=True)
    onnx.save(model, version / "model.onnx")
    np.save(version / "reference" / "input.npy", rows)
    for output, answers in outputs.items():
        np.save(version / "reference" / f"{output}.npy", answers)
    # The first row that the model is sure of.
    sure = int(np.argmax(list(outputs.values())[-1].max(axis=1) > 0.9))
    sample = [float(str(number)) for number in rows[sure]]
    (HERE / name / "model.json").write_text(
        "{\n"
        f'  "description": {json.dumps(description)},\n'
        f'  "labels": {json.dumps(labels)},\n'
        f'  "sample": [{json.dumps(sample)}],\n'
        '  "batching": { "max_batch_size": 64 }\n'
        "}\n")


def verify(name, model, rows, outputs):
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString()
    assert len(content) < FILE_BYTES_MAX, f"{name}: {len(content)} bytes"
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == list(outputs), name
    answers = session.run(list(outputs), {session.get_inputs()[0].name: rows})
    for (output, expected), got in zip(outputs.items(), answers):
        if isinstance(got, list):  # ZipMap: a dictionary a row
            got = np.array([list(row.values()) for row in got], np.float32)
        if expected.dtype == np.float32:
            # onnxruntime adds the forest's 100 float32 leaves in float32: that alone costs 4e-7.
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6, err_msg=output)
        else:
            np.testing.assert_array_equal(got.astype(expected.dtype), expected, output)
    print(f"{name}: {len(content)} bytes, onnxruntime agrees on {len(rows)} rows")


if __name__ == "__main__":
    main()
