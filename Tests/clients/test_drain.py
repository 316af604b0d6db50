"""Stopping while load balancers still send, and long-lived connections, over both protocols."""

import http.client
import json
import signal
import socket
import threading
import time

import httpx
import pytest
import requests

from answers import BY_NAME, as_json_rows, assert_equal_to_reference
from frames import Peer
from martlet_process import MODELS, within
from test_statuses import slow_model
from wire import Wire, predict, request

IRIS = BY_NAME["iris"]
KIND, BODY = as_json_rows(IRIS, IRIS.rows)
ROW = [[5.1, 3.5, 1.4, 0.2]]


def ready(server):
    return requests.get(server.url + "/readyz", timeout=20).status_code


def wait_for(seconds, condition, what):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def is_closed(server):
    try:
        server.connect(5).close()
        return False
    except ConnectionRefusedError:
        return True


def test_readiness_turns_at_once_and_requests_go_on_during_the_delay(start):
    server = start(MODELS, "--drain-delay", "2")
    begun = time.monotonic()
    server.send_signal(signal.SIGTERM)
    wait_for(1, lambda: ready(server) == 503, "still ready")
    assert requests.get(server.url + "/livez", timeout=20).status_code == 200
    while time.monotonic() - begun < 1.5:  # each a new connection
        answer = requests.post(
            server.url + "/models/iris/predict", data=BODY, headers={"Content-Type": KIND}, timeout=20)
        assert_equal_to_reference(answer.json(), IRIS)
    wait_for(5, lambda: is_closed(server), "the listener is still open")
    assert server.wait() == 0
    assert 1.8 < time.monotonic() - begun < within(10)


def test_sigint_drains_too(start):
    server = start(MODELS, "--drain-delay", "1")
    server.send_signal(signal.SIGINT)
    wait_for(0.9, lambda: ready(server) == 503, "still ready")
    assert server.wait() == 0


def test_all_listeners_stay_for_the_delay(start, tmp_path):
    server = start(
        MODELS, "--drain-delay", "2", "--unix", tmp_path / "s", "--admin-listen", "127.0.0.1:0")
    admin = "http://" + server.also("admin")
    server.send_signal(signal.SIGTERM)
    wait_for(
        1.5, lambda: requests.get(admin + "/readyz", timeout=20).status_code == 503, "still ready")
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(tmp_path / "s"))) as client:
        assert client.get("http://a/readyz").status_code == 503
    assert server.wait() == 0


@pytest.mark.parametrize("first,second", [
    (signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGINT),
    (signal.SIGTERM, signal.SIGINT)])
def test_a_second_signal_ends_it_at_once(start, first, second):
    server = start(MODELS, "--drain-delay", "60")
    server.send_signal(first)
    wait_for(5, lambda: ready(server) == 503, "still ready")
    begun = time.monotonic()
    server.send_signal(second)
    assert server.wait() != 0
    assert time.monotonic() - begun < within(3)


def test_sighup_is_no_reason_to_stop(start):
    server = start(MODELS)
    for _ in range(5):
        server.send_signal(signal.SIGHUP)
        time.sleep(0.05)
    assert ready(server) == 200


def test_idle_connections_do_not_hold_it_up(start):
    server = start(MODELS)
    with Wire(server) as idle, Wire(server) as used, Wire(server) as half:
        used.send(predict(ROW))
        assert used.read().status == 200
        half.send(b"POST /pre")
        begun = time.monotonic()
        server.send_signal(signal.SIGTERM)
        assert idle.ended() and used.ended()
        half.socket.close()
        assert server.wait() == 0
        assert time.monotonic() - begun < within(10)


def test_answers_while_draining_close_the_connection(start):
    """After the listeners closed, what is in flight is answered with Connection: close."""
    server = start(MODELS)
    whole = predict(ROW)
    with Wire(server) as wire:
        wire.send(whole[:-3])
        time.sleep(0.2)
        server.send_signal(signal.SIGTERM)
        wait_for(5, lambda: is_closed(server), "the listener is still open")
        wire.send(whole[-3:])
        answer = wire.read()
        assert answer.status == 200 and answer.closes
        assert wire.ended()
    assert server.wait() == 0


def test_the_queue_is_finished(start, tmp_path):
    """Requests that wait or compute at the signal are answered, over HTTP/1.1 and HTTP/2."""
    slow_model(tmp_path / "slow")
    server = start(tmp_path)
    rows = json.dumps({"instances": [[0.0] * 512] * 256}).encode()
    statuses = []

    def ask(http2):
        if http2:  # by frame: httpx gives up its requests when it reads GOAWAY, whatever that says
            with Peer(server, timeout=within(60)) as peer:
                peer.request(1, "POST", "/predict?model=slow", rows)
                statuses.append(peer.answer(1)[0])
        else:
            statuses.append(requests.post(
                server.url + "/predict?model=slow", data=rows, timeout=within(60),
                headers={"Content-Type": "application/json"}).status_code)

    threads = [threading.Thread(target=ask, args=(at % 2 == 1,)) for at in range(8)]
    for thread in threads:
        thread.start()
    wait_for(
        30, lambda: in_flight(server) >= 4 or len(statuses) == 8, "the requests never came in")
    time.sleep(0.3)
    server.send_signal(signal.SIGTERM)
    for thread in threads:
        thread.join(within(60))
    assert statuses == [200] * 8
    assert server.wait() == 0


def in_flight(server):
    for line in requests.get(server.url + "/metrics", timeout=20).text.splitlines():
        if line.startswith("martlet_requests_in_flight "):
            return int(line.split()[1])
    raise AssertionError("no such metric")


def test_the_drain_timeout_ends_what_never_ends(start):
    server = start(MODELS, "--drain-timeout", "1")
    with Wire(server) as wire:
        wire.send(predict(ROW)[:-3])
        time.sleep(0.2)
        begun = time.monotonic()
        server.send_signal(signal.SIGTERM)
        server.wait()
        assert 0.8 < time.monotonic() - begun < within(6)


def test_a_busy_keep_alive_client_is_let_go(start):
    server = start(MODELS)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    server_is_told = False
    begun = time.monotonic()
    while time.monotonic() - begun < within(10):
        connection.request("POST", "/models/iris/predict", BODY, {"Content-Type": KIND})
        try:
            answer = connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionResetError):
            break  # idle at the very moment: RFC 9112 section 9.5 allows it
        assert answer.status == 200
        answer.read()
        if answer.getheader("Connection") == "close":
            break
        if not server_is_told:
            server_is_told = True
            server.send_signal(signal.SIGTERM)
    else:
        pytest.fail("the connection stayed")
    connection.close()
    assert server.wait() == 0
