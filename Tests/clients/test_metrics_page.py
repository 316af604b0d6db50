"""docs/metrics.md, the dashboard and the rules name what the server has, and the server nothing else."""

import json
import re
import subprocess
import time

import requests

from martlet_process import ROOT, tool

DOCUMENT = (ROOT / "docs" / "metrics.md").read_text()
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (.*?) \| (.*) \|$", re.M)
DOCUMENTED = {
    name: (kind, {label.strip(" `") for label in labels.split(",")} - {"–"}, text)
    for name, kind, labels, text in ROW.findall(DOCUMENT)}


def page(server):
    requests.post(
        server.url + "/models/iris/predict", json={"instances": [[5.1, 3.5, 1.4, 0.2]]}, timeout=20)
    return requests.get(server.url + "/metrics", timeout=20).text


def families(text):
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    labels = {name: set() for name in kinds}
    for name, inside in re.findall(r"^(\w+)\{(.*)\} ", text, re.M):
        family = name if name in kinds else re.sub("_(bucket|sum|count)$", "", name)
        labels[family] |= set(re.findall(r'(\w+)="', inside)) - {"le"}
    return kinds, labels


def test_every_metric_is_documented_with_its_kind_and_labels(server):
    kinds, labels = families(page(server))
    assert len(kinds) > 30
    for name, kind in kinds.items():
        assert name in DOCUMENTED, name
        assert DOCUMENTED[name][0] == kind, name
        assert DOCUMENTED[name][1] == labels[name], name


def test_every_documented_metric_is_there(server):
    kinds, _ = families(page(server))
    missing = {name for name in DOCUMENTED if name not in kinds}
    assert all(name.startswith("martlet_shadow_") for name in missing), missing
    source = (ROOT / "Sources" / "Telemetry" / "MetricsPage.swift").read_text()
    for name in missing:
        assert f'"{name}"' in source, name


def test_dashboard_and_rules_name_only_metrics_that_exist():
    queries = []
    board = json.loads((ROOT / "deploy" / "grafana" / "martlet.json").read_text())
    for panel in board["panels"]:
        queries += [target["expr"] for target in panel.get("targets", [])]
    queries += [variable["query"]["query"] for variable in board["templating"]["list"]
                if variable["type"] == "query"]
    for name in ("rules.yml", "alerts.yml", "adapter-rules.yaml"):
        queries.append((ROOT / "deploy" / "prometheus" / name).read_text())
    for manifest in (ROOT / "k8s").rglob("*.yaml"):
        queries += re.findall(r"query: (.*)", manifest.read_text())
    named = set()
    for query in queries:
        named |= set(re.findall(r"\b((?:martlet|process)_[a-z0-9_]+)\b", query))
    assert len(named) > 15
    for name in named:
        base = re.sub("_(bucket|sum|count)$", "", name)
        assert name in DOCUMENTED or base in DOCUMENTED, name


def test_promtool_passes_the_rules_and_their_tests():
    folder = ROOT / "deploy" / "prometheus"
    for arguments in (["check", "rules", "rules.yml", "alerts.yml"], ["test", "rules", "tests.yml"]):
        out = subprocess.run(
            [tool("promtool", "prometheus"), *arguments], cwd=folder, capture_output=True, text=True,
            timeout=60)
        assert out.returncode == 0 and "SUCCESS" in out.stdout + out.stderr, out.stdout + out.stderr


def test_utilization_follows_the_load(start, tmp_path):
    server = start(ROOT / "models")

    def value():
        text = requests.get(server.url + "/metrics", timeout=20).text
        return float(re.search(r"^martlet_utilization (\S+)", text, re.M)[1])

    assert 0 <= value() < 0.5
    end = time.monotonic() + 30
    body = {"instances": [[0.0] * 64] * 2000}
    with requests.Session() as session:
        while value() < 0.05:
            assert time.monotonic() < end, "it stays at nothing under load"
            for _ in range(20):
                assert session.post(
                    server.url + "/models/digits/predict", json=body, timeout=20).status_code == 200
    assert 0 < value() <= 1
