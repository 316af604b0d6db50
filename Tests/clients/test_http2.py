"""HTTP/2 with curl, nghttp, h2load and httpx, and cleartext connections by frame."""

import gzip
import io
import json
import re
import signal
import subprocess
import threading
import time

import httpx
import numpy as np
import pytest

from answers import BY_NAME, as_json_rows, assert_equal_to_reference
from frames import Ended, Peer, fields
from martlet_process import MODELS, tool, within
from test_statuses import slow_model

IRIS = BY_NAME["iris"]
KIND, BODY = as_json_rows(IRIS, IRIS.rows)
PREDICT = "/models/iris/predict"
PLAIN = {"Accept-Encoding": "identity"}


@pytest.fixture
def client(server):
    with httpx.Client(
            base_url=server.url, http1=False, http2=True, timeout=60, headers=PLAIN) as made:
        yield made


def run(name, *arguments, stdin=b"", timeout=90):
    package = "curl" if name == "curl" else "nghttp2-client"
    done = subprocess.run(
        [tool(name, package), *map(str, arguments)], input=stdin, capture_output=True,
        timeout=timeout)
    assert done.returncode == 0, (done.returncode, done.stderr, done.stdout[-2000:])
    return done.stdout


@pytest.fixture
def body_file(tmp_path):
    path = tmp_path / "body.json"
    path.write_bytes(BODY)
    return path


@pytest.mark.parametrize("how", ["--http2", "--http2-prior-knowledge"])
def test_curl(server, how):
    """By upgrade from HTTP/1.1, and by prior knowledge."""
    out = run(
        "curl", "--silent", "--show-error", how, server.url + PREDICT, "-H", f"Content-Type: {KIND}",
        "--data-binary", "@-", "-w", "\n%{http_version}", stdin=BODY)
    body, _, version = out.rpartition(b"\n")
    assert version == b"2"
    assert_equal_to_reference(json.loads(body), IRIS)


@pytest.mark.parametrize("how", [[], ["--upgrade"]], ids=["prior-knowledge", "upgrade"])
def test_nghttp(server, how, body_file):
    out = run(
        "nghttp", *how, "-d", body_file, "-H", f"content-type: {KIND}",
        "-H", "accept-encoding: identity", server.url + PREDICT)
    assert_equal_to_reference(json.loads(out), IRIS)


def test_nghttp_many_streams_and_trailers(server, body_file):
    out = run(
        "nghttp", "--multiply=50", "--no-dep", "-d", body_file, "-H", f"content-type: {KIND}",
        "-H", "accept-encoding: identity", "--trailer", "x-checked: yes", server.url + PREDICT)
    answers, at, decoder = 0, 0, json.JSONDecoder()
    text = out.decode()
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        answer, at = decoder.raw_decode(text, at)
        assert_equal_to_reference(answer, IRIS)
        answers += 1
    assert answers == 50


@pytest.mark.parametrize("streams", [1, 32, 100])
def test_h2load(server, streams, body_file):
    out = run(
        "h2load", "-n", "2000", "-c", "8", "-m", streams, "-t", "1", "-d", body_file,
        "-H", f"content-type: {KIND}", server.url + PREDICT).decode()
    assert "status codes: 2000 2xx, 0 3xx, 0 4xx, 0 5xx" in out, out
    assert re.search(r"2000 done, 2000 succeeded, 0 failed, 0 errored", out), out


def test_httpx(client):
    for _ in range(5):
        answer = client.post(PREDICT, content=BODY, headers={"Content-Type": KIND})
        assert answer.http_version == "HTTP/2" and answer.status_code == 200
        assert_equal_to_reference(answer.json(), IRIS)


def test_megabytes_both_ways(client):
    """npy in and JSON out, past every window."""
    rows = np.tile(np.array([[5.1, 3.5, 1.4, 0.2]], np.float32), (90_000, 1))
    made = io.BytesIO()
    np.save(made, rows)
    assert len(made.getvalue()) > 1 << 20
    for _ in range(3):
        answer = client.post(
            PREDICT, content=made.getvalue(), headers={"Content-Type": "application/x-npy"})
        assert answer.status_code == 200, answer.text[:500]
        assert len(answer.content) > 1 << 20
        assert len(answer.json()["predictions"]) == len(rows)


def test_head(client):
    got, head = client.get("/models"), client.head("/models")
    assert head.status_code == 200 and head.content == b""
    assert head.headers["Content-Length"] == got.headers["Content-Length"]


@pytest.mark.parametrize("method,target,headers,body,status", [
    ("GET", "/nowhere", {}, None, 404), ("POST", "/models/nothing/predict", {}, BODY, 404),
    ("GET", "/predict", {}, None, 405), ("DELETE", "/models", {}, None, 405),
    ("POST", PREDICT, {"Content-Type": "image/png"}, BODY, 415),
    ("POST", PREDICT, {"Content-Encoding": "br"}, BODY, 415),
    ("POST", PREDICT, {"Content-Encoding": "gzip"}, b"\x1f\x8b\x08", 400),
    ("POST", PREDICT, {"Content-Type": KIND}, b"[[1,2", 400),
    ("GET", "/models", {"X-Big": "a" * (40 << 10)}, None, 431),
    ("OPTIONS", PREDICT, {}, None, 204)])
def test_statuses(client, method, target, headers, body, status):
    answer = client.request(method, target, headers=headers, content=body)
    assert answer.status_code == status, answer.text
    if status == 405:
        assert answer.headers["Allow"]
    if status >= 400:
        assert answer.json()["error"]["code"]
    # A refusal ends its stream, not the connection.
    assert client.get("/healthz").status_code == 200


def test_413_as_soon_as_the_length_is_known(server):
    with Peer(server) as peer:
        peer.frame(1, 4, 1, fields([
            (":method", "POST"), (":path", PREDICT), (":scheme", "http"), (":authority", "a"),
            ("content-type", KIND), ("content-length", "1073741824")]))
        peer.frame(0, 0, 1, b"[[")
        assert peer.answer(1)[0] == 413
        peer.request(3, "GET", "/healthz")
        assert peer.answer(3)[0] == 200


def test_a_bomb_is_413(client):
    answer = client.post(PREDICT, content=gzip.compress(b" " * (128 << 20)), headers={
        "Content-Type": KIND, "Content-Encoding": "gzip"})
    assert answer.status_code == 413


def test_gzip_answers_say_so(server):
    with httpx.Client(base_url=server.url, http1=False, http2=True, timeout=60) as client:
        answer = client.post(PREDICT, json=[[5.1, 3.5, 1.4, 0.2]] * 200)
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["Vary"].lower() == "accept-encoding"
        assert len(answer.json()["predictions"]) == 200


def test_no_connection_fields_in_answers(client):
    for target in ("/models", "/nowhere", "/metrics"):
        names = {name.lower() for name in client.get(target).headers}
        assert not names & {"connection", "keep-alive", "transfer-encoding", "upgrade"}


# By frame


def test_settings_say_the_limits(server):
    with Peer(server) as peer:
        settings = peer.settings()
        assert settings[3] == 128  # MAX_CONCURRENT_STREAMS
        assert settings[4] >= 1 << 20  # INITIAL_WINDOW_SIZE, for tensors
        assert settings.get(2, 0) == 0  # ENABLE_PUSH


def test_a_ping_is_answered(server):
    with Peer(server) as peer:
        peer.frame(6, 0, 0, b"12345678")
        assert peer.until(lambda kind, flags, *_: kind == 6 and flags & 1)[3] == b"12345678"


def test_streams_above_the_limit_are_refused_not_the_connection(start, tmp_path):
    slow_model(tmp_path / "slow")
    server = start(tmp_path, "--streams", "4")
    with Peer(server) as peer:  # its SETTINGS are not yet read: RFC 9113 section 5.1.2
        for at in range(8):
            peer.request(1 + 2 * at, "POST", "/predict?model=slow", end=False)
        refused = {peer.until(lambda kind, *_: kind == 3)[2] for _ in range(4)}
        assert refused == {9, 11, 13, 15}
        peer.frame(6, 0, 0, b"12345678")
        assert peer.until(lambda kind, flags, *_: kind == 6 and flags & 1)


def test_a_stream_is_cancelled(start, tmp_path):
    """RST_STREAM while it waits frees its place; the others are answered."""
    slow_model(tmp_path / "slow")
    server = start(tmp_path)
    body = json.dumps({"instances": [[0.0] * 512] * 64}).encode()
    with Peer(server) as peer:
        for at in range(16):
            peer.request(1 + 2 * at, "POST", "/predict?model=slow", body)
        for at in range(1, 16):
            peer.frame(3, 0, 1 + 2 * at, (8).to_bytes(4))
        assert peer.answer(1)[0] == 200
    end = time.monotonic() + 20
    while in_flight(server) > 1:
        assert time.monotonic() < end, "their places are not free"
        time.sleep(0.1)


def in_flight(server):
    text = httpx.get(server.url + "/metrics", timeout=20).text
    return int(re.search(r"^martlet_requests_in_flight (\d+)", text, re.M)[1])


@pytest.mark.parametrize("made", [
    [(":method", "GET"), (":path", "/models"), (":scheme", "http"), ("connection", "close")],
    [(":method", "GET"), (":path", "/models"), (":scheme", "http"), ("X-Upper", "1")],
    [(":method", "GET"), (":path", "/models"), (":scheme", "http"), ("transfer-encoding", "chunked")],
    [(":method", "GET"), (":scheme", "http"), (":authority", "a")],
    [(":method", "GET"), (":method", "GET"), (":path", "/"), (":scheme", "http")],
    [(":method", "GET"), (":path", "/"), (":scheme", "http"), ("a", "b"), (":authority", "a")],
    [(":method", "GET"), (":path", "/"), (":scheme", "http"), ("a", "b\r\nc: d")],
    [(":method", "GET"), (":path", "/"), (":scheme", "http"), ("a", "b\0c")],
    [(":method", "GET"), (":path", ""), (":scheme", "http"), (":authority", "a")]],
    ids=["connection", "upper", "te", "no-path", "twice", "pseudo-late", "crlf", "nul", "empty"])
def test_malformed_requests_end_their_stream(server, made):
    """RFC 9113 section 8.1.1: a stream error, or 400; never a 200, and the connection goes on."""
    with Peer(server) as peer:
        peer.frame(1, 5, 1, fields(made))
        kind, _, _, data = peer.until(lambda kind, flags, stream, data: stream == 1)
        if kind == 1:
            assert peer.decoder.decode(data)[0] == (":status", "400")
        else:
            assert kind == 3 and int.from_bytes(data) == 1  # RST_STREAM, PROTOCOL_ERROR
        peer.request(3, "GET", "/healthz")
        assert peer.answer(3)[0] == 200


def test_a_body_that_is_not_as_long_as_it_says(server):
    with Peer(server) as peer:
        peer.frame(1, 4, 1, fields([
            (":method", "POST"), (":path", PREDICT), (":scheme", "http"), (":authority", "a"),
            ("content-type", KIND), ("content-length", "5")]))
        peer.frame(0, 1, 1, b"[[5.1,3.5,1.4,0.2]]")
        kind, _, _, data = peer.until(lambda kind, flags, stream, data: stream == 1)
        assert kind == 3 or peer.decoder.decode(data)[0] == (":status", "400")


def test_goaway_at_sigterm_and_the_streams_are_answered(start, tmp_path):
    slow_model(tmp_path / "slow")
    server = start(tmp_path)
    body = json.dumps({"instances": [[0.0] * 512] * 128}).encode()
    with Peer(server) as peer:
        for at in range(4):
            peer.request(1 + 2 * at, "POST", "/predict?model=slow", body)
        peer.frame(6, 0, 0, b"come in?")
        peer.until(lambda kind, flags, *_: kind == 6 and flags & 1)
        server.send_signal(signal.SIGTERM)
        for at in range(4):
            assert peer.answer(1 + 2 * at)[0] == 200
        assert peer.ends()
        last = [(int.from_bytes(data[:4]), int.from_bytes(data[4:8])) for data in peer.goaways]
        assert last and all(error == 0 for _, error in last), last
        assert last[-1][0] == 7
    assert server.wait() == 0


def test_goaway_leaves_an_idle_connection_at_once(start):
    server = start(MODELS)
    with Peer(server) as peer:
        peer.request(1, "GET", "/healthz")
        assert peer.answer(1)[0] == 200
        begun = time.monotonic()
        server.send_signal(signal.SIGTERM)
        assert peer.ends() and peer.goaways
        assert time.monotonic() - begun < within(5)
    assert server.wait() == 0


def test_goaway_when_a_connection_is_old_enough(start):
    server = start(MODELS, "--connection-age-seconds", "1")
    begun = time.monotonic()
    with Peer(server) as peer:
        stream = 1
        while not peer.goaways:
            assert time.monotonic() - begun < within(10)
            peer.request(stream, "GET", "/healthz")
            assert peer.answer(stream)[0] == 200
            stream += 2
            time.sleep(0.02)
            peer.frame(6, 0, 0, b"12345678")
            if not peer.goaways:
                try:
                    peer.until(lambda kind, *_: kind in (6, 7))
                except Ended:
                    break
        assert peer.goaways and int.from_bytes(peer.goaways[0][4:8]) == 0
        assert peer.ends()
    assert 0.8 < time.monotonic() - begun < within(5)


def test_a_thousand_streams_from_many_connections(server):
    failures = []

    def ask():
        with Peer(server) as peer:
            for at in range(100):
                peer.request(1 + 2 * at, "POST", PREDICT, BODY)
            for at in range(100):
                if peer.answer(1 + 2 * at)[0] != 200:
                    failures.append(at)

    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
