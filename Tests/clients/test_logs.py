"""What the operator reads: JSON lines or text, access lines with identifiers, nothing secret in either."""

import json
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import httpx
import pytest
import requests

import martlet_process
from martlet_process import BINARY, MODELS, MartletProcess, run, within
from test_example import EXAMPLE
from test_statuses import slow_model
from wire import Wire, predict

ROW = [[5.1, 3.5, 1.4, 0.2]]
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


def start_json(start, *options, folder=MODELS):
    # By environment the format would leave standard output empty, where the port is read from.
    return start(folder, *options, environment={"MARTLET_LOG_FORMAT": "auto"})


def lines(server):
    """Every line of the log, each a JSON object with the members that all have."""
    found = []
    for line in server.error_text().splitlines():
        value = json.loads(line)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value["time"]), line
        assert value["level"] in ("debug", "info", "warning", "error"), line
        assert value["logger"] and value["message"], line
        found.append(value)
    return found


def access(server, count, seconds=10):
    """The access lines, as soon as there are so many."""
    end = time.monotonic() + within(seconds)
    while True:
        found = [line for line in lines(server) if line["logger"] == "martlet.access"]
        if len(found) >= count or time.monotonic() > end:
            return found
        time.sleep(0.05)


def post(server, model="iris", rows=ROW, **headers):
    return requests.post(
        f"{server.url}/models/{model}/predict", json={"instances": rows}, headers=headers, timeout=20)


def test_the_life_of_server_and_models_is_told_in_json(start, tmp_path):
    shutil.copytree(MODELS / "iris", tmp_path / "iris")
    (tmp_path / "broken" / "1").mkdir(parents=True)
    (tmp_path / "broken" / "1" / "model.onnx").write_bytes(b"\x08\x07")
    server = start_json(start, folder=tmp_path)
    server.says('"started"')
    server.stop()
    found = lines(server)
    started, = [line for line in found if line["message"] == "started"]
    assert started["models"] == ["iris"] and started["ready_versions"] == 1
    assert started["listeners"] == [f"http://127.0.0.1:{server.port}"]
    assert started["loops"] >= 1 and started["workers"] >= 1 and started["server_version"]
    ready, = [line for line in found if line.get("model") == "iris"]
    assert ready["version"] == "1" and "ready" in ready["message"]
    broken, = [line for line in found if line.get("model") == "broken"]
    assert broken["level"] == "error" and "is not served" in broken["message"]
    assert found[-1]["message"] == "stopped"


def test_json_by_name_leaves_standard_output_empty():
    """In a container both streams are one."""
    process = subprocess.Popen(
        [str(BINARY), "serve", str(MODELS), "--port", "0", "--log-format", "json", "--drain-delay", "0"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        while True:
            line = json.loads(process.stderr.readline())
            if line["message"] == "started":
                break
        url = line["listeners"][0]
        assert requests.get(url + "/readyz", timeout=20).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(within(30)) == 0
        assert process.stdout.read() == ""
        for line in process.stderr.read().splitlines():
            json.loads(line)
    finally:
        process.kill()
        process.wait()


def test_text_is_for_people(start):
    server = start(MODELS, "--log-format", "text", "--access-log")
    post(server, **{"X-Request-Id": "r-1"})
    server.says("martlet: [martlet.access] request ")
    server.says("request_id=r-1")
    assert "{" not in server.error_text()


def test_below_the_level_nothing_is_told(start):
    server = start(MODELS, "--log-level", "error", "--access-log")
    post(server)
    server.stop()
    assert server.error_text() == ""


@pytest.mark.parametrize("option,value", [
    ("--log-format", "xml"), ("--log-level", "loud"), ("--access-log-sample", "2"),
    ("--access-log-sample", "x"), ("--access-log-sample", "nan")])
def test_options_that_make_no_sense_are_refused(option, value):
    done = run("serve", MODELS, "--port", "0", option, value)
    assert done.returncode == 64 and option in done.stderr and value in done.stderr


def test_an_access_line_tells_of_each_request(start):
    server = start_json(start, "--access-log")
    assert post(server, **{"X-Request-Id": "mine-1", "traceparent": TRACEPARENT}).status_code == 200
    assert post(server, model="nobody", **{"X-Request-Id": "mine-2"}).status_code == 404
    requests.get(server.url + "/secret/path?token=abc", headers={"X-Request-Id": "mine-3"}, timeout=20)
    found = {line["request_id"]: line for line in access(server, 4)}
    first = found["mine-1"]
    assert first["trace_id"] == TRACE and first["parent_id"] == PARENT
    assert first["method"] == "POST" and first["route"] == "predict" and first["status"] == 200
    assert first["model"] == "iris" and first["version"] == "1" and first["protocol"] == "HTTP/1.1"
    assert 0 < first["seconds"] < 10
    assert first["request_bytes"] > 20 and first["response_bytes"] > 20
    second = found["mine-2"]
    assert second["status"] == 404 and second["code"] == "model_not_found" and "model" not in second
    assert found["mine-3"]["route"] == "unknown" and found["mine-3"]["status"] == 404


def test_identifiers_are_echoed_and_made(start, server):
    # Without the access log: those that were brought, and for errors.
    answer = post(server, **{"X-Request-Id": "abc", "traceparent": TRACEPARENT})
    assert answer.headers["X-Request-Id"] == "abc" and answer.headers["traceparent"] == TRACEPARENT
    plain = post(server)
    assert "X-Request-Id" not in plain.headers and "traceparent" not in plain.headers
    refused = post(server, rows=[["x"]])
    assert refused.status_code == 400
    assert re.fullmatch("[0-9a-f]{32}", refused.headers["X-Request-Id"])
    forged = post(server, **{"X-Request-Id": 'a" forged="1', "traceparent": "00-1-2-3"})
    assert "X-Request-Id" not in forged.headers and "traceparent" not in forged.headers
    # With it every answer has one, and no two are the same.
    logging = start_json(start, "--access-log")
    made = {post(logging).headers["X-Request-Id"] for _ in range(20)}
    assert len(made) == 20
    assert made <= {line["request_id"] for line in access(logging, 20)}


def test_identifiers_over_http2(start):
    server = start_json(start, "--access-log")
    with httpx.Client(http1=False, http2=True) as client:
        for number in range(3):
            answer = client.post(
                server.url + "/models/iris/predict", json={"instances": ROW},
                headers={"X-Request-Id": f"h2-{number}", "traceparent": TRACEPARENT})
            assert answer.headers["x-request-id"] == f"h2-{number}"
            assert answer.headers["traceparent"] == TRACEPARENT
    found = [line for line in access(server, 4) if line["request_id"].startswith("h2-")]
    assert [line["request_id"] for line in found] == ["h2-0", "h2-1", "h2-2"]
    assert {line["protocol"] for line in found} == {"HTTP/2"}


def test_pipelined_requests_keep_their_identifiers(start):
    server = start_json(start, "--access-log")
    with Wire(server) as wire:
        wire.send(b"".join(
            predict(ROW).replace(b"\r\n", b"\r\nX-Request-Id: p-%d\r\n" % number, 1)
            for number in range(20)))
        for number in range(20):
            assert wire.read().field("x-request-id") == f"p-{number}"


def test_a_client_that_leaves_is_told_of(start, tmp_path):
    slow_model(tmp_path / "slow")
    server = start_json(start, "--access-log", folder=tmp_path)

    def keep_busy():
        requests.post(
            f"{server.url}/models/slow/predict", json={"instances": [[0.0] * 512] * 1000}, timeout=100)

    busy = [threading.Thread(target=keep_busy) for _ in range(6)]
    for thread in busy:
        thread.start()
    end = time.monotonic() + within(60)
    while not re.search(
            r'^martlet_queue_items\{model="slow",version="1"\} [1-9]',
            requests.get(server.url + "/metrics", timeout=20).text, re.M):
        assert time.monotonic() < end, "nothing ever waited"
    connection = server.connect()
    body = json.dumps({"instances": [[0.0] * 512]}).encode()
    connection.sendall(
        b"POST /models/slow/predict HTTP/1.1\r\nHost: a\r\nX-Request-Id: gone\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    time.sleep(0.05)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    connection.close()
    for thread in busy:
        thread.join()
    found = {line["request_id"]: line["status"] for line in access(server, 7)}
    assert found["gone"] == 499
    assert sum(status == 200 for status in found.values()) >= 6


def test_a_sample_is_told_of(start):
    server = start_json(start, "--access-log", "--access-log-sample", "0.2")
    with requests.Session() as session:
        for _ in range(500):
            session.post(f"{server.url}/models/iris/predict", json={"instances": ROW}, timeout=20)
    time.sleep(0.5)
    # Five standard deviations around 100.
    assert 50 < len(access(server, 0)) < 160
    none = start_json(start, "--access-log", "--access-log-sample", "0")
    assert post(none).headers["X-Request-Id"]
    none.stop()
    assert access(none, 0) == []


def test_no_secret_and_no_input_is_told(start, tmp_path):
    token = "correct-horse-battery-staple-0123456789"
    tokens = tmp_path / "tokens.json"
    tokens.write_text(json.dumps({"tokens": [{"name": "me", "token": token, "scopes": ["predict"]}]}))
    tokens.chmod(0o600)
    server = start_json(
        start, "--access-log", "--log-level", "trace", "--tokens", tokens)
    headers = {"Authorization": f"Bearer {token}"}
    assert post(server, rows=[[31.41592, 3.5, 1.4, 0.2]], **headers).status_code == 200
    assert post(server, rows=[["very-private-word", 1, 2, 3]], **headers).status_code == 400
    assert post(server, **{"Authorization": "Bearer wrong-" + token}).status_code == 401
    requests.post(
        server.url + "/predict?model=iris&password=hunter2", json={"instances": ROW}, headers=headers,
        timeout=20)
    assert len(access(server, 4)) >= 4
    server.stop()
    text = server.error_text()
    for secret in (token, "correct-horse", "31.41592", "very-private-word", "hunter2", "wrong-"):
        assert secret not in text


def test_a_log_that_nobody_reads_holds_no_request_up():
    """Standard error is a pipe that is full: lines are dropped and counted, answers go on."""
    process = subprocess.Popen(
        [str(BINARY), "serve", str(MODELS), "--port", "0", "--log-format", "json", "--access-log",
         "--drain-delay", "0"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        while True:
            line = json.loads(process.stderr.readline())
            if line["message"] == "started":
                break
        url = line["listeners"][0]
        load = run("load", url, "--model", "iris", "--clients", "8", "--requests", "12000", timeout=120)
        assert load.returncode == 0, load.stderr
        page = requests.get(url + "/metrics", timeout=20).text
        assert int(re.search(r"^martlet_log_dropped_total (\d+)", page, re.M)[1]) > 100
        served = re.search(
            r'^martlet_http_requests_total\{route="predict",code="200"\} (\d+)', page, re.M)
        assert int(served[1]) == 12000
        # Somebody reads again: it goes on, and ends.
        reader = threading.Thread(target=process.stderr.read, daemon=True)
        reader.start()
        process.send_signal(signal.SIGTERM)
        assert process.wait(within(30)) == 0
        reader.join(10)
    finally:
        process.kill()
        process.wait()


def test_a_model_that_fails_is_told_of_without_its_reason(monkeypatch):
    """`request failed` is an error line, whether or not there is an access log, and not one a request."""
    monkeypatch.setattr(martlet_process, "BINARY", EXAMPLE)
    server = MartletProcess(MODELS, environment={"MARTLET_LOG_FORMAT": "auto"})
    try:
        with requests.Session() as session:
            answers = [
                session.post(
                    f"{server.url}/models/bmi/predict", json={"instances": [[7.7131e-30, 80]]},
                    headers={"X-Request-Id": f"f-{number}"} if number % 2 else {}, timeout=20)
                for number in range(1, 400)]
        server.stop()
    finally:
        server.kill()
    assert {answer.status_code for answer in answers} == {500}
    assert "7.7131e-30" in answers[0].text
    failed = [line for line in lines(server) if line["message"] == "request failed"]
    assert 2 <= len(failed) < 390
    for line in failed:
        # Of a request that brought no identifier nothing was noted before it failed.
        noted = line["request_id"].startswith("f-")
        assert (line.get("method") == "POST") == noted, line
        assert ("seconds" in line) == ("request_bytes" in line) == noted, line
    told = {line["request_id"]: line for line in failed}
    for answer in answers[:2]:
        line = told[answer.headers["X-Request-Id"]]
        assert line["level"] == "error" and line["model"] == "bmi" and line["version"] == "1"
        assert line["code"] == "model_failed" and line["status"] == 500 and line["route"] == "predict"
    assert answers[0].headers["X-Request-Id"] == "f-1"
    assert "7.7131" not in server.error_text()
