"""What the server says about itself: models, health, metrics."""

import re
import subprocess

import pytest
import requests

from answers import REFERENCES, as_list
from martlet_process import tool
from wire import Wire, predict


def get(server, path):
    return requests.get(server.url + path, timeout=20)


def test_models_lists_every_model_with_its_state(server):
    answer = get(server, "/models")
    assert answer.status_code == 200
    models = {model["name"]: model for model in answer.json()["models"]}
    assert list(models) == sorted(reference.name for reference in REFERENCES)
    for model in models.values():
        versions = model["versions"]
        assert [version["version"] for version in versions] == ["1"]
        assert versions[0]["state"] == "ready"


@pytest.mark.parametrize("reference", REFERENCES, ids=repr)
def test_a_model_shows_its_signature(server, reference):
    answer = get(server, f"/models/{reference.name}")
    assert answer.status_code == 200
    model = answer.json()
    assert model["name"] == reference.name
    assert model["default_version"] == "1"
    assert model["versions"] == [{"version": "1", "state": "ready"}]
    signature = model["signature"]
    assert signature["inputs"] == [
        {"name": reference.input_name, "dtype": "float32", "shape": [-1, reference.rows.shape[1]]}]
    assert signature["outputs"][-1]["shape"] == [-1, len(reference.class_names)]
    assert signature["outputs"][-1]["dtype"] == "float32"
    assert model["labels"] == reference.class_names
    assert model["batching"] == {"max_batch_size": 64}
    # The sample is one that works.
    asked = requests.post(
        f"{server.url}/models/{reference.name}/predict", json={"instances": model["sample"]}, timeout=20)
    assert asked.status_code == 200, asked.text


def test_a_version_has_its_own_page(server):
    assert get(server, "/models/iris/versions/1").json()["state"] == "ready"
    assert get(server, "/models/iris/versions/2").status_code == 404


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz"])
def test_health(server, path):
    answer = get(server, path)
    assert answer.status_code == 200 and answer.content


def metrics(server):
    answer = get(server, "/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return answer.text


def value(page, name, *labels):
    """The sum of the series of a name that have all these labels (as they stand in the text)."""
    total, found = 0.0, False
    for line in page.splitlines():
        match = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if match and match[1] == name and all(label in (match[2] or "") for label in labels):
            total += float(match[3])
            found = True
    assert found, (name, labels)
    return total


def test_promtool_accepts_the_metrics_before_and_after_traffic(server):
    for _ in range(2):
        done = subprocess.run(
            [tool("promtool", "prometheus"), "check", "metrics"], input=metrics(server), text=True,
            capture_output=True, timeout=30)
        assert done.returncode == 0 and not done.stderr + done.stdout, done.stderr + done.stdout
        requests.post(server.url + "/models/iris/predict", json=[[1, 2, 3, 4]], timeout=20)
        requests.post(server.url + "/models/iris/predict", json=[[1, 2]], timeout=20)
        get(server, "/nowhere")


def families(page):
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE))


def test_metrics_have_the_families_of_the_contract(server):
    found = families(metrics(server))
    expected = {
        "martlet_http_requests_total": "counter",
        "martlet_queue_seconds": "histogram",
        "martlet_compute_seconds": "histogram",
        "martlet_request_seconds": "histogram",
        "martlet_batch_rows": "histogram",
        "martlet_queue_items": "gauge",
        "martlet_requests_in_flight": "gauge",
        "martlet_model_state": "gauge",
        "process_cpu_seconds_total": "counter",
        "process_resident_memory_bytes": "gauge",
        "process_open_fds": "gauge",
        "process_start_time_seconds": "gauge",
    }
    assert {name: found.get(name) for name in expected} == expected


def test_metrics_count_what_happens(server):
    before = metrics(server)
    for _ in range(7):
        requests.post(server.url + "/models/iris/predict", json=[[1, 2, 3, 4]] * 3, timeout=20)
    for _ in range(2):
        requests.post(server.url + "/models/iris/predict", json=[[1, 2]], timeout=20)
    after = metrics(server)

    def grew(name, *labels):
        return value(after, name, *labels) - value(before, name, *labels)

    iris = 'model="iris"'
    assert grew("martlet_http_requests_total", 'code="200"', 'route="predict"') == 7
    assert grew("martlet_http_requests_total", 'code="400"', 'route="predict"') == 2
    assert grew("martlet_request_seconds_count", iris) >= 7
    assert grew("martlet_batch_rows_sum", iris) == 21
    assert value(after, "martlet_model_state", iris, 'state="ready"') == 1
    assert value(after, "process_resident_memory_bytes") > 1 << 20


def test_metrics_have_no_series_a_client_can_add(server):
    """Labels come from the server's own names, or an attacker fills its memory."""
    before = metrics(server).count("\n")
    for index in range(50):
        get(server, f"/made-up-{index}")
        requests.post(f"{server.url}/models/made-up-{index}/predict", json=[], timeout=20)
        requests.request(f"MADEUP{index}", server.url + "/models", timeout=20)
    assert metrics(server).count("\n") <= before + 20


@pytest.mark.parametrize("reference", REFERENCES, ids=repr)
def test_requests_that_arrive_together_are_one_batch(server, reference):
    before = metrics(server)
    label = f'model="{reference.name}"'
    count = 32
    with Wire(server) as wire:
        wire.send(b"".join(
            predict(as_list(reference.rows[:1]), reference.name) for _ in range(count)))
        for _ in range(count):
            assert wire.read().status == 200
    after = metrics(server)
    rows = value(after, "martlet_batch_rows_sum", label) - value(
        before, "martlet_batch_rows_sum", label)
    batches = value(after, "martlet_batch_rows_count", label) - value(
        before, "martlet_batch_rows_count", label)
    assert rows == count
    assert batches <= count / 2, f"{count} pipelined requests ran as {batches} batches"
