"""Deadlines, priorities, refusals under load, and padding, as clients see them."""

import concurrent.futures
import http.client
import json
import socket
import subprocess
import time

import httpx
import numpy as np
import onnx
import pytest
import requests
from onnx import TensorProto, helper, numpy_helper

from martlet_process import BINARY
from test_statuses import error_of

ROW = {"instances": [[0.5] * 16]}


def tanh_model(folder, steps, width=4096, **configuration):
    """Costs the same for each row, alone or in a batch: `steps` times tanh of `width` numbers."""
    random = np.random.default_rng(1)
    wide = numpy_helper.from_array(random.normal(size=(16, width)).astype(np.float32), "wide")
    narrow = numpy_helper.from_array(
        (random.normal(size=(width, 4)) / width).astype(np.float32), "narrow")
    nodes, before = [helper.make_node("MatMul", ["x", "wide"], ["h"])], "h"
    for index in range(steps):
        nodes.append(helper.make_node("Tanh", [before], [f"h{index}"]))
        before = f"h{index}"
    nodes.append(helper.make_node("MatMul", [before, "narrow"], ["y"]))
    graph = helper.make_graph(
        nodes, "tanh", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])], [wide, narrow])
    save(folder, graph, configuration)


def save(folder, graph, configuration):
    (folder / "1").mkdir(parents=True)
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
        folder / "1" / "model.onnx")
    (folder / "model.json").write_text(json.dumps(configuration))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    tanh_model(folder / "slow", 400)
    return folder


@pytest.fixture
def slow(models, start):
    return start(models, "--workers", "1")


def post(server, path="/predict", body=ROW, **headers):
    return requests.post(server.url + path, json=body, headers=headers, timeout=120)


def metric(server, name, *labels):
    lines = requests.get(server.url + "/metrics", timeout=20).text.splitlines()
    values = [
        float(line.rpartition(" ")[2]) for line in lines
        if line.startswith(name + "{") and all(label in line for label in labels)]
    assert values, (name, labels)
    return sum(values)


def rejected(server, reason):
    return metric(server, "martlet_rejected_total", f'reason="{reason}"')


@pytest.mark.parametrize("value", ["0", "-5", "1.5", "soon", "", "9999999999999"])
def test_a_timeout_that_is_no_number_of_milliseconds_is_refused(slow, value):
    answer = post(slow, **{"X-Request-Timeout-Ms": value})
    assert (answer.status_code, error_of(answer)["code"]) == (400, "invalid_timeout")


def test_priorities_are_high_and_low(slow):
    for value in ("high", "low", "Low"):
        assert post(slow, **{"X-Request-Priority": value}).status_code == 200
    answer = post(slow, **{"X-Request-Priority": "urgent"})
    assert (answer.status_code, error_of(answer)["code"]) == (400, "invalid_priority")


def test_a_field_that_is_repeated_is_refused(slow):
    connection = http.client.HTTPConnection("127.0.0.1", slow.port, timeout=60)
    body = json.dumps(ROW)
    connection.putrequest("POST", "/predict")
    for value in ("100", "60000"):
        connection.putheader("X-Request-Timeout-Ms", value)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body.encode())
    assert connection.getresponse().status == 400


def test_a_request_that_cannot_be_in_time_is_refused_at_once_and_not_computed(slow):
    assert post(slow).status_code == 200
    before = metric(slow, "martlet_model_rows_total")
    begun = time.monotonic()
    answer = post(slow, **{"X-Request-Timeout-Ms": "1"})
    elapsed = time.monotonic() - begun
    error = error_of(answer)
    assert (answer.status_code, error["code"]) == (504, "timeout_too_short")
    assert error["timeout_ms"] == 1 and error["predicted_run_ms"] > 1
    assert "Retry-After" not in answer.headers
    assert metric(slow, "martlet_model_rows_total") == before
    assert rejected(slow, "timeout_too_short") == 1
    assert elapsed < 5


def test_deadlines_hold_over_http2_too(slow):
    with httpx.Client(http1=False, http2=True, timeout=60) as client:
        def ask(**headers):
            answer = client.post(slow.url + "/predict", json=ROW, headers=headers)
            assert answer.http_version == "HTTP/2"
            return answer

        assert ask(**{"X-Request-Timeout-Ms": "30000", "X-Request-Priority": "low"}).status_code == 200
        assert ask(**{"X-Request-Timeout-Ms": "x"}).status_code == 400
        refused = ask(**{"X-Request-Timeout-Ms": "1"})
        assert refused.status_code == 504
        assert refused.json()["error"]["code"] == "timeout_too_short"


def test_the_default_timeout_is_the_models_or_the_servers(models, start, tmp_path):
    tanh_model(tmp_path / "strict", 400, batching={"timeout_ms": 1})
    tanh_model(tmp_path / "lax", 400)
    server = start(tmp_path)
    # Either the estimate says so at once, or the run was too long.
    assert post(server, "/models/strict/predict").status_code == 504
    assert post(server, "/models/lax/predict").status_code == 200
    assert post(
        server, "/models/strict/predict", **{"X-Request-Timeout-Ms": "60000"}).status_code == 200
    hasty = start(models, "--request-timeout-ms", "1")
    assert post(hasty).status_code == 504


def test_overload_is_answered_with_a_time_to_come_back_and_those_who_do_are_served(slow):
    assert post(slow).status_code == 200
    # So many rows that their time is up before all are done.
    many = {"instances": ROW["instances"] * 32}

    def ask(_, **headers):
        return post(slow, body=many, **{"X-Request-Timeout-Ms": "2000", **headers})

    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(ask, range(200)))
    refused = [answer for answer in answers if answer.status_code == 503]
    served = [answer for answer in answers if answer.status_code == 200]
    assert refused and served
    for answer in refused:
        error = error_of(answer)
        assert error["code"] == "overloaded"
        assert error["predicted_wait_ms"] > 0
        milliseconds = int(answer.headers["X-Retry-After-Ms"])
        assert error["retry_after_ms"] == milliseconds > 0
        assert (milliseconds + 999) // 1000 == int(answer.headers["Retry-After"])
        assert len(answer.headers["X-Retry-Ticket"]) == 32
    # They are spread, not sent back all at once.
    assert len({answer.headers["X-Retry-After-Ms"] for answer in refused}) > len(refused) // 4
    assert rejected(slow, "overloaded") == len(refused)
    first = min(refused, key=lambda answer: int(answer.headers["X-Retry-After-Ms"]))
    time.sleep(int(first.headers["X-Retry-After-Ms"]) / 1000)
    again = ask(0, **{"X-Retry-Ticket": first.headers["X-Retry-Ticket"]})
    assert again.status_code == 200


def test_requests_of_clients_that_left_are_not_computed(slow):
    assert post(slow).status_code == 200
    before = metric(slow, "martlet_model_rows_total")
    body = json.dumps({"instances": ROW["instances"] * 20}).encode()
    request = (
        b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)) + body
    connections = [socket.create_connection(("127.0.0.1", slow.port)) for _ in range(40)]
    for connection in connections:
        connection.sendall(request)
    time.sleep(0.2)
    for connection in connections:
        # A reset, as of a process that died.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
    end = time.monotonic() + 60
    while metric(slow, "martlet_queue_items") > 0 and time.monotonic() < end:
        time.sleep(0.1)
    gone = rejected(slow, "client_left")
    assert gone > 10
    assert post(slow).status_code == 200
    rows = metric(slow, "martlet_model_rows_total") - before
    assert rows <= (40 - gone) * 20 + 1


def test_a_client_over_its_rate_gets_429_and_others_do_not(models, start):
    server = start(models, "--client-requests-per-second", "2")
    answers = [post(server) for _ in range(6)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert answers[0].status_code == 200 and refused
    assert error_of(refused[0])["code"] == "client_limit"
    assert int(refused[0].headers["Retry-After"]) >= 1
    time.sleep(int(refused[-1].headers["X-Retry-After-Ms"]) / 1000 + 0.05)
    assert post(server).status_code == 200
    # Health and metrics are no predictions.
    for _ in range(10):
        assert requests.get(server.url + "/livez", timeout=20).status_code == 200


def test_a_client_waits_for_so_many_predictions_and_others_go_on(models, start, tmp_path):
    """By token: one client's are full, another's are not. Places come back with answers, and from
    clients that left."""
    (tmp_path / "tokens.json").write_text(json.dumps({"tokens": [
        {"name": name, "token": name * 16, "scopes": ["predict", "metrics"]} for name in "ab"]}))
    server = start(
        models, "--workers", "1", "--client-requests-in-flight", "2", "--tokens",
        tmp_path / "tokens.json")
    many = {"instances": ROW["instances"] * 64}

    def ask(name, body=many):
        return post(server, body=body, Authorization=f"Bearer {name * 16}")

    with concurrent.futures.ThreadPoolExecutor(9) as pool:
        own = [pool.submit(ask, "a") for _ in range(8)]
        other = pool.submit(ask, "b", ROW)
        answers = [one.result() for one in own]
        assert other.result().status_code == 200
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused and {answer.status_code for answer in answers} == {200, 429}
    assert error_of(refused[0])["code"] == "client_limit"
    assert int(refused[0].headers["Retry-After"]) >= 1
    for _ in range(4):
        assert ask("a", ROW).status_code == 200
    # A body that is refused takes no place.
    for _ in range(4):
        assert ask("a", {"instances": [["x"]]}).status_code == 400
    assert ask("a", ROW).status_code == 200
    body = json.dumps(many).encode()
    request = (
        b"POST /predict HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        % (b"a" * 16, len(body))) + body
    for _ in range(3):
        connections = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(2)]
        for connection in connections:
            connection.sendall(request)
        time.sleep(0.1)
        for connection in connections:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.close()
        end = time.monotonic() + 60
        while (status := ask("a", ROW).status_code) != 200:
            assert status == 429 and time.monotonic() < end
            time.sleep(0.05)
    page = requests.get(
        server.url + "/metrics", headers={"Authorization": "Bearer " + "b" * 16}, timeout=20).text
    limited = [line for line in page.splitlines() if line.startswith("martlet_client_limited_total")]
    assert int(limited[0].split()[1]) >= len(refused)


def test_under_a_steady_flood_a_ticket_is_worth_a_place(start, tmp_path):
    """Four in five of the others are refused all the time. Who comes back with a ticket is served; who
    comes without one is not, on whatever connection."""
    tanh_model(
        tmp_path / "slow", 400, batching={"max_batch_size": 1}, limits={"queue_items": 64})
    server = start(tmp_path, "--workers", "1")
    assert post(server).status_code == 200
    body = tmp_path / "body.json"
    body.write_text(json.dumps(ROW))
    closed = subprocess.run(
        [str(BINARY), "load", server.url + "/predict", "--body", str(body), "--clients", "8",
         "--duration", "2", "--json", str(tmp_path / "report.json")],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    assert closed.returncode == 0, closed
    report = json.loads((tmp_path / "report.json").read_text())["runs"][0]
    flood = subprocess.Popen(
        [str(BINARY), "load", server.url + "/predict", "--body", str(body), "--rate",
         str(round(5 * report["rates"]["succeeded"])), "--duration", "120", "--connections", "32"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    returned, fresh = [], []
    try:
        end = time.monotonic() + 60
        with requests.Session() as kept:
            def ask(**headers):
                return kept.post(server.url + "/predict", json=ROW, headers=headers, timeout=60)

            while len(returned) < 40 and time.monotonic() < end:
                refused = ask()
                if refused.status_code == 200:
                    continue
                assert error_of(refused)["code"] == "queue_full"
                time.sleep(int(refused.headers["X-Retry-After-Ms"]) / 1000)
                fresh.append(ask().status_code)
                returned.append(post(
                    server, **{"X-Retry-Ticket": refused.headers["X-Retry-Ticket"]}).status_code)
    finally:
        flood.terminate()
        flood.wait(60)
    assert len(returned) > 10
    assert returned.count(200) >= 0.9 * len(returned), (returned, fresh)
    assert fresh.count(200) <= 0.6 * len(fresh), (returned, fresh)


# Padding

BUCKETS = [4, 8, 16]


def masked_model(folder):
    """sum = Σ mask·x and twice = 2·x, for rows of any length."""
    two = numpy_helper.from_array(np.array(2, np.float32), "two")
    axes = numpy_helper.from_array(np.array([1], np.int64), "axes")
    nodes = [
        helper.make_node("Mul", ["x", "mask"], ["true"]),
        helper.make_node("ReduceSum", ["true", "axes"], ["sum"], keepdims=0),
        helper.make_node("Mul", ["x", "two"], ["twice"])]
    graph = helper.make_graph(
        nodes, "masked",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", "length"])
         for name in ("x", "mask")],
        [helper.make_tensor_value_info("sum", TensorProto.FLOAT, ["n"]),
         helper.make_tensor_value_info("twice", TensorProto.FLOAT, ["n", "length"])],
        [two, axes])
    save(folder, graph, {"batching": {
        "max_queue_delay_ms": 20,
        "padding": {"inputs": ["x"], "dimension": 1, "value": 5, "mask": "mask",
                    "buckets": BUCKETS}}})


def test_rows_of_different_lengths_share_a_run_and_keep_their_answers(start, tmp_path):
    masked_model(tmp_path / "masked")
    server = start(tmp_path)
    lengths = [1, 3, 4, 5, 8, 9, 16, 17, 30] * 6

    def ask(length):
        rows = [[float(length * 100 + index + row) for index in range(length)] for row in range(2)]
        answer = post(server, body={"instances": rows})
        assert answer.status_code == 200, answer.text
        for row, prediction in zip(rows, answer.json()["predictions"], strict=True):
            assert prediction["sum"] == sum(row)
            assert prediction["twice"] == [2 * value for value in row]

    with concurrent.futures.ThreadPoolExecutor(len(lengths)) as pool:
        list(pool.map(ask, lengths))
    runs = metric(server, "martlet_batch_rows_count")
    # Three lengths share a bucket: fewer runs than requests.
    assert runs < len(lengths)


def test_padding_that_does_not_fit_the_model_fails_it_with_the_key(start, tmp_path):
    masked_model(tmp_path / "masked")
    path = tmp_path / "masked" / "model.json"
    path.write_text(path.read_text().replace('"mask": "mask"', '"mask": "nothing"'))
    tanh_model(tmp_path / "other", 1)
    server = start(tmp_path)
    answer = post(server, "/models/masked/predict", {"instances": [[1.0]]})
    assert answer.status_code == 503
    assert "batching.padding.mask: the model has no input 'nothing'" in error_of(answer)["message"]
