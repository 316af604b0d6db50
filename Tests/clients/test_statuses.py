"""Each refusal has its status, and says where and what."""

import json
import threading
import time

import numpy as np
import onnx
import pytest
import requests
from onnx import TensorProto, helper, numpy_helper

from martlet_process import MODELS
from wire import JSON, Wire, predict, request

ROW = [[5.1, 3.5, 1.4, 0.2]]


def error_of(answer):
    assert answer.headers["Content-Type"].startswith("application/json")
    body = answer.json()
    assert set(body) == {"error"} and body["error"]["code"] and body["error"]["message"], body
    assert isinstance(body["error"]["code"], str)
    return body["error"]


@pytest.mark.parametrize("method,target", [
    ("GET", "/nowhere"), ("GET", "/predict/more"), ("POST", "/models/iris/predicts"),
    ("GET", "/models/iris/versions/1/predict/more"), ("GET", "/metricsx"),
    ("POST", "/models/nothing/predict"), ("POST", "/models/iris/versions/2/predict"),
    ("POST", "/predict?model=nothing"), ("POST", "/predict?model=iris&version=9"),
    ("GET", "/models/nothing"), ("POST", "/models/../iris/predict"),
    ("POST", "/models/%2e%2e/predict"), ("POST", "/models//predict")])
def test_404(server, method, target):
    answer = requests.Session().send(
        prepared(server, method, target), timeout=20, allow_redirects=False)
    assert answer.status_code == 404, answer.text
    error_of(answer)


def prepared(server, method, target):
    """A request whose path stays as it is written."""
    body = {"json": {"instances": ROW}} if method == "POST" else {}
    made = requests.Request(method, server.url, **body).prepare()
    made.url = server.url + target
    return made


def test_404_names_the_model_that_is_missing(server):
    answer = requests.post(f"{server.url}/models/nothing/predict", json={"instances": ROW}, timeout=20)
    assert "nothing" in error_of(answer)["message"]
    answer = requests.post(
        f"{server.url}/models/iris/versions/17/predict", json={"instances": ROW}, timeout=20)
    message = error_of(answer)["message"]
    assert "17" in message and "iris" in message


def test_predict_without_a_name_asks_for_one_when_there_are_several(server):
    answer = requests.post(f"{server.url}/predict", json={"instances": ROW}, timeout=20)
    assert answer.status_code == 400, answer.text
    assert "iris" in error_of(answer)["message"]


@pytest.mark.parametrize("query", [
    "model=iris&model=digits", "model=iris&x=1&model=iris", "model=iris&mod%65l=digits",
    "model=iris&version=1&version=1", "model=iris&output=a&output=b"])
def test_a_parameter_given_twice_is_400(server, query):
    """Which one counts would be a guess, and a proxy may guess otherwise."""
    answer = requests.post(f"{server.url}/predict?{query}", json={"instances": ROW}, timeout=20)
    assert answer.status_code == 400, answer.text
    assert error_of(answer)["code"] == "repeated_parameter"


def test_parameters_of_others_may_come_twice(server):
    answer = requests.post(
        f"{server.url}/predict?tag=a&tag=b&model=iris", json={"instances": ROW}, timeout=20)
    assert answer.status_code == 200, answer.text


def test_predict_without_a_name_means_the_default_model(start, tmp_path):
    (tmp_path / "iris").symlink_to(MODELS / "iris")
    for server in (start(tmp_path), start(MODELS, "--default-model", "iris")):
        answer = requests.post(f"{server.url}/predict", json={"instances": ROW}, timeout=20)
        assert answer.status_code == 200, answer.text
        assert answer.json()["model"] == "iris"


@pytest.mark.parametrize("method,target,allowed", [
    ("GET", "/predict", "POST"), ("PUT", "/models/iris/predict", "POST"),
    ("DELETE", "/models/iris/versions/1/predict", "POST"), ("POST", "/models", "GET"),
    ("DELETE", "/models/iris", "GET"), ("POST", "/healthz", "GET"), ("POST", "/livez", "GET"),
    ("POST", "/readyz", "GET"), ("PUT", "/metrics", "GET"), ("PATCH", "/predict", "POST")])
def test_405_says_what_is_allowed(server, method, target, allowed):
    answer = requests.request(method, server.url + target, timeout=20)
    assert answer.status_code == 405, answer.text
    assert allowed in [part.strip() for part in answer.headers["Allow"].split(",")]
    assert method not in answer.headers["Allow"]
    error_of(answer)


@pytest.mark.parametrize("kind", [
    "text/plain", "application/xml", "image/png", "nonsense", "json",
    "application/json; charset=utf-16", "application/json;charset=\"ISO-8859-1\"",
    "text/csv; header=absent; charset=windows-1252", "application/json; charset="])
def test_415(server, kind):
    answer = requests.post(
        f"{server.url}/models/iris/predict", data=b"[[5.1,3.5,1.4,0.2]]",
        headers={"Content-Type": kind}, timeout=20)
    assert answer.status_code == 415, answer.text
    message = error_of(answer)["message"]
    assert "application/json" in message


@pytest.mark.parametrize("kind", [
    "application/json", "application/json;charset=utf-8", "APPLICATION/JSON", None,
    "application/json; charset=\"UTF-8\"", "application/json; charset=us-ascii; x=y"])
def test_these_are_json(server, kind):
    """curl -d without a Content-Type of its own is no JSON, no Content-Type at all is."""
    headers = {"Content-Type": kind} if kind else {}
    answer = requests.post(
        f"{server.url}/models/iris/predict", data=b"[[5.1,3.5,1.4,0.2]]", headers=headers, timeout=20)
    assert answer.status_code == 200, answer.text


def test_406_when_nothing_acceptable_can_be_answered(server):
    for accept, status in (("image/png", 406), ("*/*", 200), ("application/*", 200),
                           ("text/html, application/json;q=0.5", 200)):
        answer = requests.post(
            f"{server.url}/models/iris/predict", json=ROW, headers={"Accept": accept}, timeout=20)
        assert answer.status_code == status, (accept, answer.text)


def test_compressed_bodies_are_decoded_or_refused_not_misread(server):
    for body, coding, status, code in (
            (b"\x1f\x8b\x08", "gzip", 400, "truncated_body"), (b"[[1,2,3,4]]", "br", 415, None)):
        answer = requests.post(
            f"{server.url}/models/iris/predict", data=body,
            headers={"Content-Type": "application/json", "Content-Encoding": coding}, timeout=20)
        assert answer.status_code == status, answer.text
        assert error_of(answer)["code"] == (code or error_of(answer)["code"])


def test_413_by_length_before_the_body_is_sent(server):
    with Wire(server) as wire:
        wire.send(request(
            "POST", "/predict?model=iris", b"", JSON, "Content-Length: 1073741824", length=False))
        answer = wire.read()
        assert answer.status == 413 and answer.closes and answer.json()["error"]["code"]


def test_413_by_chunks_as_soon_as_the_limit_is_passed(server):
    with Wire(server) as wire:
        wire.send(request(
            "POST", "/predict?model=iris", b"", JSON, "Transfer-Encoding: chunked", length=False))
        megabyte = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
        for _ in range(15):
            wire.send(megabyte)
        assert not wire.has_answer(0.2), "refused below the limit"
        try:
            wire.send(megabyte * 2)
            answer = wire.read()
        except (BrokenPipeError, ConnectionResetError):
            pytest.fail("the answer was lost in a reset: the server must read on before it closes")
        assert answer.status == 413 and answer.closes and answer.json()["error"]["code"]


def test_a_body_without_end_is_cut_off(server):
    """After its 413 a client that sends on is not read for ever."""
    with Wire(server) as wire:
        wire.send(request(
            "POST", "/predict?model=iris", b"", JSON, "Transfer-Encoding: chunked", length=False))
        megabyte = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
        begun = time.monotonic()
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            while time.monotonic() - begun < 20:
                wire.send(megabyte)


def test_431_one_big_field_or_many_small_ones(server):
    for fields in (["X-Big: " + "a" * (1 << 20)], [f"X-{index}: 1" for index in range(10_000)]):
        with Wire(server) as wire:
            try:
                wire.send(request("GET", "/healthz", b"", *fields))
            except (BrokenPipeError, ConnectionResetError):
                pass
            answer = wire.read("GET")
            assert answer.status == 431 and answer.closes and answer.json()["error"]["code"]


def test_414_or_431_for_a_target_without_end(server):
    with Wire(server) as wire:
        try:
            wire.send(request("GET", "/" + "a" * (1 << 20)))
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert wire.read("GET").status in (414, 431)


@pytest.mark.parametrize("part", [b"POST /predict HTT", predict(ROW)[:-5]], ids=["header", "body"])
def test_408_when_a_request_does_not_arrive(start, part):
    server = start(environment={"MARTLET_HEADER_SECONDS": "1", "MARTLET_BODY_SECONDS": "1"})
    with Wire(server, timeout=90) as wire:
        wire.send(part)
        begun = time.monotonic()
        answer = wire.read()
        assert answer.status == 408 and answer.closes and answer.json()["error"]["code"]
        assert wire.ended()
        assert time.monotonic() - begun < 15


def test_trickled_bytes_do_not_extend_the_header_time(start):
    """The slow header attack: one byte at a time, for ever."""
    server = start(environment={"MARTLET_HEADER_SECONDS": "1"})
    with Wire(server) as wire:
        wire.send(b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        begun = time.monotonic()
        try:
            while time.monotonic() - begun < 10:
                wire.send(b"a")
                time.sleep(0.1)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert time.monotonic() - begun < 10, "still open after 10 s"


def slow_model(folder, layers=24, width=512):
    """A model dear enough to wait for: some milliseconds a row, with weights that stay finite."""
    weight = numpy_helper.from_array(np.eye(width, dtype=np.float32), "weight")
    nodes, before = [], "x"
    for index in range(layers):
        after = "y" if index == layers - 1 else f"h{index}"
        nodes.append(helper.make_node("MatMul", [before, "weight"], [after]))
        before = after
    graph = helper.make_graph(
        nodes, "slow",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", width])], [weight])
    (folder / "1").mkdir(parents=True)
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
        folder / "1" / "model.onnx")


def test_503_with_retry_after_when_the_queue_is_full(start, tmp_path):
    slow_model(tmp_path / "slow")
    (tmp_path / "slow" / "model.json").write_text(
        json.dumps({"batching": {"max_batch_size": 64}, "limits": {"queue_items": 4}}))
    server = start(tmp_path)
    rows = json.dumps({"instances": [[0.0] * 512] * 256}).encode()
    statuses, refusals, lock = [], [], threading.Lock()

    def ask():
        answer = requests.post(
            f"{server.url}/predict?model=slow", data=rows,
            headers={"Content-Type": "application/json"}, timeout=100)
        with lock:
            statuses.append(answer.status_code)
            if answer.status_code != 200:
                refusals.append(answer)

    threads = [threading.Thread(target=ask) for _ in range(64)]
    for thread in threads:
        thread.start()
    # Health and metrics never wait behind inference (promise 7).
    for path in ("/livez", "/readyz", "/metrics"):
        begun = time.monotonic()
        assert requests.get(server.url + path, timeout=20).status_code == 200
        assert time.monotonic() - begun < 2
    for thread in threads:
        thread.join(110)
    assert len(statuses) == 64 and set(statuses) == {200, 503}, sorted(statuses)
    for answer in refusals:
        assert int(answer.headers["Retry-After"]) >= 1
        error_of(answer)
    # And when the burst is over, all is well.
    small = {"instances": [[0.0] * 512]}
    assert requests.post(f"{server.url}/predict?model=slow", json=small, timeout=60).status_code == 200
