"""A real Prometheus scrapes the server and answers what the dashboard asks. MARTLET_PROMETHEUS_SECONDS=60 takes its time."""

import json
import os
import pathlib
import re
import socket
import subprocess
import threading
import time

import pytest
import requests

from martlet_process import MODELS, ROOT, tool, within

SECONDS = float(os.environ.get("MARTLET_PROMETHEUS_SECONDS", "8"))
BOARD = json.loads((ROOT / "deploy" / "grafana" / "martlet.json").read_text())
# What has no answer where the memory has no limit.
CONDITIONAL = {'martlet_memory_limit_bytes{job=~".*",instance=~".*"} > 0'}


def expressions():
    for panel in BOARD["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], re.sub(
                r"\$(\w+)", lambda name: {"__rate_interval": "6s"}.get(name[1], ".*"), target["expr"])


@pytest.fixture(scope="module")
def prometheus(server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prometheus")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    rules = ROOT / "deploy" / "prometheus"
    (folder / "prometheus.yml").write_text(
        f"global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n"
        f"rule_files: ['{rules}/rules.yml', '{rules}/alerts.yml']\n"
        f"scrape_configs:\n- job_name: martlet\n  static_configs:\n"
        f"  - targets: ['127.0.0.1:{server.port}']\n")
    log = open(folder / "log", "w+")
    process = subprocess.Popen(
        [tool("prometheus", "prometheus"), f"--config.file={folder}/prometheus.yml",
         f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"],
        stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    base = f"http://127.0.0.1:{port}"
    stop = threading.Event()

    def ask():
        """Something of everything: good, bad and refused requests, and a limit."""
        with requests.Session() as session:
            while not stop.wait(0.02):
                for model, width in (("iris", 4), ("digits", 64), ("breast-cancer", 30)):
                    session.post(
                        f"{server.url}/models/{model}/predict", json={"instances": [[0.5] * width] * 3},
                        timeout=20)
                session.post(f"{server.url}/models/iris/predict", json={"instances": [["x"]]}, timeout=20)
                session.get(f"{server.url}/{'a' * 9000}", timeout=20)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        end = time.monotonic() + within(60)
        while True:
            try:
                if query(base, "up == 1"):
                    break
            except requests.ConnectionError:
                pass
            assert process.poll() is None, pathlib.Path(log.name).read_text()
            assert time.monotonic() < end, pathlib.Path(log.name).read_text()
            time.sleep(0.2)
        time.sleep(SECONDS)
        yield base
    finally:
        stop.set()
        thread.join()
        process.terminate()
        process.wait(30)
        log.close()


def query(base, text):
    answer = requests.get(base + "/api/v1/query", params={"query": text}, timeout=20).json()
    assert answer["status"] == "success", (text, answer)
    return answer["data"]["result"]


def test_every_scrape_succeeded_in_openmetrics(prometheus):
    target, = requests.get(prometheus + "/api/v1/targets", timeout=20).json()["data"]["activeTargets"]
    assert target["health"] == "up" and not target["lastError"]
    found = query(prometheus, f"min_over_time(up[{int(SECONDS)}s])")
    assert [sample["value"][1] for sample in found] == ["1"]
    assert float(query(prometheus, "scrape_duration_seconds")[0]["value"][1]) < within(1)


def test_every_panel_has_an_answer(prometheus):
    asked = list(expressions())
    assert len(asked) > 25
    end = time.monotonic() + within(20)
    for title, text in asked:
        # A scrape that came late on a busy machine leaves a rate without its second sample for a moment.
        while not (found := query(prometheus, text)) and text not in CONDITIONAL:
            assert time.monotonic() < end, (title, text)
            time.sleep(0.5)
        if "histogram_quantile" in text:
            assert all(0 < float(sample["value"][1]) < 60 for sample in found), (title, text, found)
    codes = {sample["metric"]["code"] for sample in query(
        prometheus, "sum by (code) (martlet_http_requests_total)")}
    assert {"200", "400", "414"} <= codes


def test_the_variables_of_the_dashboard_have_values(prometheus):
    names = requests.get(prometheus + "/api/v1/label/model/values", timeout=20).json()["data"]
    assert {"iris", "digits"} <= set(names)
    assert requests.get(prometheus + "/api/v1/label/job/values", timeout=20).json()["data"] == ["martlet"]


def test_rules_are_evaluated_and_no_alert_fires_on_a_healthy_server(prometheus):
    groups = requests.get(prometheus + "/api/v1/rules", timeout=20).json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) > 8
    for rule in rules:
        assert rule["health"] == "ok", rule
        if rule["type"] == "alerting":
            assert rule["state"] != "firing", rule
