"""Inputs that are maps (DictVectorizer, CastMap): as rows with names, against onnxruntime, which takes one map a run.

Its Python binding takes maps to floats only, and none that is empty: elsewhere the standard's text is the reference.
"""

import numpy as np
import onnx
import onnxruntime
import pytest
import requests
from onnx import TensorProto, helper

TYPES = {
    "float": (TensorProto.FLOAT, np.float32), "double": (TensorProto.DOUBLE, np.float64),
    "int64": (TensorProto.INT64, np.int64), "string": (TensorProto.STRING, object),
}  # fmt: skip


def save(folder, kind, keys, values, output, **attributes):
    node = helper.make_node(kind, ["x"], ["y"], domain="ai.onnx.ml", **attributes)
    element = helper.make_tensor_type_proto(TYPES[values][0], [])
    map_type = helper.make_map_type_proto(TYPES[keys][0], element)
    graph = helper.make_graph(
        [node], "g", [helper.make_value_info("x", map_type)],
        [helper.make_tensor_value_info("y", TYPES[output][0], None)])
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 1)]
    folder.mkdir(parents=True)
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    onnx.save(model, folder / "model.onnx")
    return onnxruntime.InferenceSession(model.SerializeToString())


def ask(server, name, body):
    answer = requests.post(f"{server.url}/models/{name}/predict", json=body, timeout=20)
    return answer


NUMBERS = {"float": [1.5, -2.0, 3.25], "double": [0.1, 1e300, -3.0], "int64": [7, -8, 1 << 40]}


@pytest.mark.parametrize("values", NUMBERS)
def test_vocabularies_name_the_columns(start, tmp_path, values):
    a, b, c = NUMBERS[values]
    words = save(tmp_path / "words/1", "DictVectorizer", "string", values, values, string_vocabulary=["b", "ä", "a"])
    maps = [{"a": a, "b": b}, {"ä": c}, {"b": a, "ä": b, "a": c}, {}]
    want = [[row.get(key, 0) for key in ("b", "ä", "a")] for row in maps]
    sessions = {}
    if values == "float":
        assert [words.run(None, {"x": row})[0].reshape(-1).tolist() for row in maps[:3]] == want[:3]
        sessions["codes"] = save(
            tmp_path / "codes/1", "DictVectorizer", "int64", values, values, int64_vocabulary=[30, -4, 5])
    server = start(tmp_path)
    answer = ask(server, "words", {"instances": maps})
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"] == want
    # One at a time is the same as together, and a row as a list is the columns in their order.
    single = [ask(server, "words", {"instances": [row]}).json()["predictions"][0] for row in maps]
    assert single == want
    assert ask(server, "words", {"instances": [[b, c, a]]}).json()["predictions"] == [[b, c, a]]
    unknown = ask(server, "words", {"instances": [{"z": 1}]})
    assert unknown.status_code == 400 and "'z'" in unknown.text
    for name, session in sessions.items():
        rows = [{5: a, 30: b}, {-4: c}]
        found = ask(server, name, {"instances": [{str(key): value for key, value in row.items()} for row in rows]})
        assert found.json()["predictions"] == [session.run(None, {"x": row})[0].reshape(-1).tolist() for row in rows]


@pytest.mark.parametrize("target", ["TO_FLOAT", "TO_INT64"])
def test_maps_are_cast(start, tmp_path, target):
    output = "float" if target == "TO_FLOAT" else "int64"
    sparse = save(tmp_path / "sparse/1", "CastMap", "int64", "float", output, cast_to=target, map_form="SPARSE", max_map=5)
    dense = save(tmp_path / "dense/1", "CastMap", "int64", "float", output, cast_to=target, map_form="DENSE", max_map=1)
    save(tmp_path / "words/1", "CastMap", "int64", "string", output, cast_to=target, map_form="DENSE", max_map=1)
    server = start(tmp_path)
    rows = [{0: 1.75, 3: -2.5}, {4: 9.0}]
    got = ask(server, "sparse", {"instances": [{str(key): value for key, value in row.items()} for row in rows]})
    assert got.status_code == 200, got.text
    assert got.json()["predictions"] == [sparse.run(None, {"x": row})[0].reshape(-1).tolist() for row in rows]
    row = {7: 2.5, 1: 1.25, 3: -3.75}
    got = ask(server, "dense", {"instances": [[row[key] for key in sorted(row)]]})
    assert got.json()["predictions"] == dense.run(None, {"x": row})[0].tolist(), got.text
    got = ask(server, "words", {"instances": [["-3", "12"]]})
    assert got.json()["predictions"] == [[-3, 12]], got.text


def test_a_pipeline_of_dictionaries_is_served(start, tmp_path):
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import DictionaryType, FloatTensorType, StringTensorType
    from sklearn import feature_extraction, linear_model, pipeline

    random = np.random.default_rng(0)
    rows = [
        {f"word {word}": float(random.integers(1, 5)) for word in random.choice(20, 6, replace=False)} for _ in range(60)]
    labels = ["yes" if row.get("word 3", 0) > row.get("word 5", 0) else "no" for row in rows]
    model = pipeline.make_pipeline(feature_extraction.DictVectorizer(), linear_model.LogisticRegression()).fit(rows, labels)
    proto = to_onnx(
        model, initial_types=[("X", DictionaryType(StringTensorType([1]), FloatTensorType([1])))], target_opset=17)
    (tmp_path / "words/1").mkdir(parents=True)
    onnx.save(proto, tmp_path / "words/1/model.onnx")
    server = start(tmp_path)
    answer = ask(server, "words", {"instances": rows})
    assert answer.status_code == 200, answer.text
    predictions = answer.json()["predictions"]
    assert [row["label"] for row in predictions] == model.predict(rows).tolist()
    got = np.array([row["probabilities"] for row in predictions])
    np.testing.assert_allclose(got, model.predict_proba(rows), atol=1e-5)


def test_maps_that_nothing_opens_are_refused(start, tmp_path):
    from martlet_process import run

    cases = {
        "vocabulary": ("DictVectorizer", "string", "float", "float", {"int64_vocabulary": [1]}),
        "twice": ("DictVectorizer", "int64", "float", "float", {"int64_vocabulary": [1, 1]}),
        "max_map": ("CastMap", "int64", "float", "float", {"map_form": "SPARSE", "max_map": 0, "cast_to": "TO_FLOAT"}),
        "map_form": ("CastMap", "int64", "float", "float", {"map_form": "THIN", "cast_to": "TO_FLOAT", "max_map": 1}),
    }
    for name, (kind, keys, values, output, attributes) in cases.items():
        try:
            save(tmp_path / name, kind, keys, values, output, **attributes)
        except Exception:
            pass  # onnxruntime refuses some, too; the file is there.
        done = run("inspect", tmp_path / name / "model.onnx")
        assert done.returncode != 0 and name in done.stderr, done.stderr
