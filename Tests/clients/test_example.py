"""Examples/SwiftModel: a model in Swift, served by the same command line."""

import os
import pathlib
import re

import requests

import martlet_process
from martlet_process import MODELS, MartletProcess

EXAMPLE = pathlib.Path(
    os.environ.get("MARTLET_EXAMPLE_BIN", martlet_process.BINARY.parent / "SwiftModelExample"))


def people(base):
    page = requests.get(f"{base}/metrics").text
    return float(re.search(
        r"^# TYPE bmi_people_total counter\nbmi_people_total (\S+)$", page, re.M)[1])


def test_a_swift_model_is_served_beside_onnx_models(monkeypatch):
    monkeypatch.setattr(martlet_process, "BINARY", EXAMPLE)
    process = MartletProcess(MODELS, "--default-model", "bmi")
    try:
        base = f"http://127.0.0.1:{process.port}"
        answer = requests.post(f"{base}/predict", json={"instances": [[2.0, 80], [1.0, 20]]})
        assert answer.json() == {"model": "bmi", "version": "1", "predictions": [20.0, 20.0]}
        refused = requests.post(f"{base}/predict", json={"instances": [[0.0, 80]]})
        assert refused.status_code == 400
        assert refused.json()["error"]["message"] == "height must be positive"
        names = [model["name"] for model in requests.get(f"{base}/models").json()["models"]]
        assert names == ["bmi", "breast-cancer", "digits", "iris"]
        # What the model itself counts, through swift-metrics; its warm-up is counted, too.
        before = people(base)
        requests.post(f"{base}/predict", json={"instances": [[2.0, 80]] * 7})
        assert people(base) == before + 7
        process.stop()
    finally:
        process.kill()
