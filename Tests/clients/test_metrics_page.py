"""docs/metrics.md, the dashboard and the rules name what the server has, and the server nothing else."""

import json
import re
import shutil
import subprocess
import time

import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus_text

from martlet_process import MODELS, ROOT, SANITIZED, run, tool

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
    source = "".join(
        path.read_text() for path in (ROOT / "Sources" / "Telemetry").glob("MetricsPage*.swift"))
    for name in missing:
        assert f'"{name}"' in source, name


def test_openmetrics_is_negotiated_and_well_formed(server):
    """As Prometheus asks, and read by the reference parser, which refuses what the format forbids."""
    page(server)

    def ask(accept):
        return requests.get(server.url + "/metrics", headers={"Accept": accept}, timeout=20)

    prometheus = (
        "application/openmetrics-text;version=1.0.0;q=0.75,application/openmetrics-text;version=0.0.1;"
        "q=0.5,text/plain;version=0.0.4;q=0.25,*/*;q=0.1")
    answer = ask(prometheus)
    assert answer.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    found = {family.name: family for family in openmetrics(answer.text)}
    assert found["martlet_http_requests"].type == "counter"
    assert found["martlet_request_seconds"].type == "histogram"
    assert {name for name, (kind, _, _) in DOCUMENTED.items() if kind == "histogram"} - {
        "martlet_shadow_seconds"} <= set(found)
    for accept in ("*/*", "text/plain", "text/html", "application/openmetrics-text;version=2.0.0",
                   "application/openmetrics-text;q=0.1,text/plain", "application/openmetrics-text;q=0"):
        answer = ask(accept)
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8", accept
        assert "# EOF" not in answer.text
        assert list(prometheus_text(answer.text))
    assert "# EOF" in ask("application/openmetrics-text").text


def test_promtool_finds_nothing_to_complain_of_in_the_page(server):
    checked = subprocess.run(
        [tool("promtool", "prometheus"), "check", "metrics"], input=page(server), capture_output=True,
        text=True, timeout=60)
    assert checked.returncode == 0 and not checked.stdout + checked.stderr, checked.stdout + checked.stderr


def test_a_flood_of_unknown_names_adds_no_series(server):
    def series():
        text = page(server)
        return {line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")}

    with requests.Session() as session:
        def flood(begin, end):
            for number in range(begin, end):
                name = f"nobody-{number}"
                session.post(f"{server.url}/models/{name}/predict", json={}, timeout=20)
                session.post(f"{server.url}/predict?model={name}&version={number}", json={}, timeout=20)
                session.post(f"{server.url}/models/iris/versions/{number + 10}/predict", json={}, timeout=20)
                session.get(f"{server.url}/{name}", headers={"X-Request-Id": name}, timeout=20)
                session.request("PURGE", f"{server.url}/models/{name}", timeout=20)
                session.get(f"{server.url}/models/{name}", timeout=20)

        flood(0, 5)  # routes and statuses that are counted for the first time
        before = series()
        flood(5, 200)
        after = series()
    assert after == before
    assert not any("nobody" in line for line in after)


def test_a_page_tells_of_the_process(server):
    text = page(server)

    def value(name):
        return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)[1])

    if not SANITIZED:  # a sanitizer brings an allocator of its own, that says nothing
        assert value('martlet_allocator_bytes{state="used"}') > 100_000
    assert value("process_resident_memory_bytes") > 1 << 20
    assert value("process_threads") >= 3
    assert 'martlet_build_info{version="' + run("--version").stdout.strip() + '"} 1' in text


def test_decoding_computing_and_encoding_are_measured(server):
    def count(name):
        return int(re.search(
            rf'^martlet_{name}_seconds_count{{model="iris",version="1"}} (\d+)$', page(server), re.M)[1])

    names = ("queue", "decode", "batch_forming", "compute", "encode", "request")
    before = {name: count(name) for name in names}
    page(server)
    assert all(count(name) > before[name] for name in names)


def test_memory_limits_are_read_and_a_model_that_cannot_fit_is_refused(start, tmp_path):
    """With a control group of our own making: the kernel's stays out of it."""
    group = tmp_path / "cgroup"
    group.mkdir()
    (group / "memory.max").write_text(f"{200 << 20}\n")
    models = tmp_path / "models"
    shutil.copytree(MODELS / "iris", models / "iris")
    (models / "large" / "1").mkdir(parents=True)
    with open(models / "large" / "1" / "model.onnx", "wb") as file:
        file.truncate(150 << 20)
    server = start(models, environment={"MARTLET_CGROUP_ROOT": str(group)})
    server.says("model 'large' version 1 is not served")
    text = server.error_text()
    assert "150 MiB" in text and "200 MiB" in text and "raise the memory limit" in text
    assert requests.post(
        server.url + "/models/iris/predict", json={"instances": [[5.1, 3.5, 1.4, 0.2]]},
        timeout=20).status_code == 200
    assert f"martlet_memory_limit_bytes {200 << 20}\n" in page(server)
    # The same file, and room for it: what is wrong with it is another thing then.
    roomy = start(models)
    roomy.says("model 'large' version 1 is not served")
    assert "memory limit" not in roomy.error_text()


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
