"""HTTP/2 answers that are out before their request, trailers, slow readers and GOAWAY in two steps."""

import gzip
import io
import json
import re
import signal
import subprocess
import time

import httpx
import numpy as np
import pytest

from frames import Peer, fields
from martlet_process import MODELS, MartletProcess, tool
from test_http2 import IRIS, KIND, PREDICT
from test_http2_attacks import POST
from test_statuses import slow_model

MEGABYTE = 1 << 20
ROW = b"[5.1,3.5,1.4,0.2],"
# A JSON body of 24 MiB; the bomb is a gzip file of many members, 1,000 times as large when unpacked.
LARGE = b"[" + ROW * (24 * MEGABYTE // len(ROW)) + b"[0,0,0,0]]"
BOMB = gzip.compress(b" " * (32 * MEGABYTE)) * 160


@pytest.fixture(scope="module")
def small():
    """A server that takes bodies of one megabyte."""
    process = MartletProcess(MODELS, "--body-bytes", str(MEGABYTE))
    try:
        yield process
        process.stop()
    finally:
        process.kill()


def curl(server, path, *arguments):
    done = subprocess.run(
        [tool("curl", "curl"), "--silent", "--show-error", "--http2-prior-knowledge",
         "-H", f"Content-Type: {KIND}", "-H", "Expect:", *arguments, "--upload-file", path,
         "-X", "POST", "-w", "\n%{http_code} %{http_version}", server.url + PREDICT],
        capture_output=True, timeout=120)
    assert done.returncode == 0, (done.returncode, done.stderr)
    body, _, status = done.stdout.rpartition(b"\n")
    return json.loads(body), status


@pytest.mark.parametrize("kind", ["length", "no-length", "bomb", "bomb-no-length"])
def test_curl_gets_the_413_of_a_body_it_still_sends(small, tmp_path, kind):
    path = tmp_path / "body"
    path.write_bytes(BOMB if "bomb" in kind else LARGE)
    more = ["-H", "Content-Encoding: gzip"] if "bomb" in kind else []
    if "no-length" in kind:
        more += ["-H", "Content-Length:", "-H", "Transfer-Encoding: chunked"]
    before = small.resident_bytes
    for _ in range(3):
        answer, status = curl(small, path, *more)
        assert status == b"413 2" and answer["error"]["code"] == "body_too_large"
    assert small.resident_bytes - before < 32 * MEGABYTE


@pytest.mark.parametrize("kind", ["length", "no-length", "bomb"])
def test_httpx_gets_the_413_of_a_body_it_still_sends(small, kind):
    body = BOMB if kind == "bomb" else LARGE
    headers = {"Content-Type": KIND, **({"Content-Encoding": "gzip"} if kind == "bomb" else {})}

    def pieces():
        for at in range(0, len(body), 60_000):
            yield body[at:at + 60_000]

    before = small.resident_bytes
    with httpx.Client(base_url=small.url, http1=False, http2=True, timeout=60) as client:
        for _ in range(3):
            answer = client.post(
                PREDICT, content=pieces() if kind == "no-length" else body, headers=headers)
            assert answer.status_code == 413, answer.text
            assert answer.json()["error"]["code"] == "body_too_large"
        # It was the same connection all the time.
        assert client.get("/healthz").status_code == 200
    assert small.resident_bytes - before < 32 * MEGABYTE


def test_an_early_answer_ends_its_stream_after_a_while(small):
    """The client neither ends nor resets: RST_STREAM without an error, by time."""
    with Peer(small) as peer:
        peer.settings()
        peer.frame(1, 4, 1, fields(POST + [("content-length", str(1 << 30))]))
        begun = time.monotonic()
        assert peer.answer(1)[0] == 413
        found = peer.until(lambda kind, _, stream, data: kind == 3 and stream == 1)
        assert int.from_bytes(found[3]) == 0
        assert 1.5 < time.monotonic() - begun < 15
        peer.request(3, "GET", "/healthz")
        assert peer.answer(3)[0] == 200 and not peer.goaways


def test_an_early_answer_ends_its_stream_after_some_bytes(small):
    """A client that goes on sending as the window allows is stopped, by bytes or by time."""
    piece = b" " * 16384
    with Peer(small) as peer:
        peer.settings()
        peer.frame(1, 4, 1, fields(POST))
        window, sent, reset = peer.settings()[4], 0, None
        while reset is None:
            while window >= len(piece):
                peer.frame(0, 0, 1, piece)
                window -= len(piece)
                sent += len(piece)
            found = peer.read()
            kind, _, stream, data = found
            if stream == 1 and kind == 8:
                window += int.from_bytes(data)
            elif stream == 1 and kind == 3:
                reset = int.from_bytes(data)
            else:
                peer.keep(found)
            assert sent < 40 * MEGABYTE, "never had enough"
        assert reset == 0 and not peer.goaways and peer.answer(1)[0] == 413
        peer.request(3, "GET", "/healthz")
        assert peer.answer(3)[0] == 200


def test_request_trailers_are_taken(server):
    """RFC 9113 section 8.1: a header list behind the body ends the request."""
    with Peer(server) as peer:
        for stream in (1, 3):
            peer.frame(1, 4, stream, fields(POST + [("te", "trailers")]))
            peer.frame(0, 0, stream, b"[[5.1,3.5,1.4,0.2]]")
            peer.frame(1, 1, stream, fields([("x-checksum", "17")]))
            peer.frame(9, 4, stream, fields([("x-end", "yes")]))
            status, _, body = peer.answer(stream)
            assert status == 200 and len(json.loads(body)["predictions"]) == 1


def npy(rows):
    made = io.BytesIO()
    np.save(made, np.tile(np.array([IRIS.rows[0]], np.float32), (rows, 1)))
    return made.getvalue()


def test_a_slow_reader_of_big_answers_costs_bounded_memory(start):
    """Windows are shut: answers wait, and no more are made than the limit; then all of them come."""
    server = start(MODELS, "--write-seconds", "60", "--output-bytes", str(MEGABYTE))
    asked = [(":method", "POST"), (":path", PREDICT), (":scheme", "http"), (":authority", "a"),
             ("content-type", "application/x-npy"), ("accept", "application/json")]
    body = npy(5_000)
    with Peer(server, window=0, settings=b"\0\4\0\0\0\0", timeout=60) as peer:
        peer.settings()
        # The server's own windows: one megabyte a stream, and eight for all.
        for at in range(60):
            peer.frame(1, 4, 1 + 2 * at, fields(asked))
            for start_ in range(0, len(body), 16384):
                last = start_ + 16384 >= len(body)
                peer.frame(0, int(last), 1 + 2 * at, body[start_:start_ + 16384])
        before = server.resident_bytes
        time.sleep(2)
        assert server.resident_bytes - before < 32 * MEGABYTE
        assert httpx.get(server.url + "/healthz", timeout=20).status_code == 200
        # A window that opens a little brings a little.
        peer.frame(8, 0, 0, (MEGABYTE).to_bytes(4))
        peer.frame(8, 0, 1, (1000).to_bytes(4))
        got = 0
        while got < 1000:
            found = peer.read()
            peer.keep(found)
            got += len(found[3]) if found[0] == 0 and found[2] == 1 else 0
        assert got == 1000
        peer.frame(4, 0, 0, b"\0\4" + (1 << 24).to_bytes(4))
        peer.frame(8, 0, 0, (1 << 30).to_bytes(4))
        for at in range(60):
            status, _, answer = peer.answer(1 + 2 * at)
            assert status == 200 and len(json.loads(answer)["predictions"]) == 5_000
        assert not peer.goaways


def test_goaway_in_two_steps_while_streams_run(start, tmp_path):
    """RFC 9113 section 6.8: the first GOAWAY names no stream, and requests that cross it are taken."""
    slow_model(tmp_path / "slow")
    server = start(tmp_path, "--drain-delay", "4")
    body = json.dumps({"instances": [[0.0] * 512] * 64}).encode()
    with Peer(server, timeout=60) as peer:
        for at in range(3):
            peer.request(1 + 2 * at, "POST", "/predict?model=slow", body)
        peer.frame(6, 0, 0, b"come in?")
        peer.until(lambda kind, flags, *_: kind == 6 and flags & 1)
        server.send_signal(signal.SIGTERM)
        while not peer.goaways:
            peer.keep(peer.read())
        peer.request(7, "POST", "/predict?model=slow", json.dumps([[0.0] * 512]).encode())
        for at in range(4):
            assert peer.answer(1 + 2 * at)[0] == 200
        assert peer.ends()
        told = [(int.from_bytes(data[:4]), int.from_bytes(data[4:8])) for data in peer.goaways]
        assert told == [((1 << 31) - 1, 0), (7, 0)], told
    assert server.wait() == 0


def test_a_slow_header_ends_the_connection(start):
    """HTTP/1.1's header time holds for a header block without end."""
    server = start(MODELS, "--header-seconds", "1")
    with Peer(server) as peer:
        peer.settings()
        peer.frame(1, 1, 1, fields(POST)[:20])
        begun = time.monotonic()
        assert peer.ends()
        assert 0.8 < time.monotonic() - begun < 15
        assert int.from_bytes(peer.goaways[-1][4:8]) == 11
    text = httpx.get(server.url + "/metrics", timeout=20).text
    assert re.search(r'^martlet_limits_hit_total\{limit="header_time"\} 1$', text, re.M)


def test_a_slow_body_is_408_and_the_connection_goes_on(start):
    server = start(MODELS, "--body-grace-seconds", "1")
    with Peer(server) as peer:
        peer.frame(1, 4, 1, fields(POST))
        peer.frame(0, 0, 1, b"[")
        status, _, body = peer.answer(1)
        assert status == 408 and json.loads(body)["error"]["code"] == "body_too_slow"
        peer.request(3, "GET", "/healthz")
        assert peer.answer(3)[0] == 200
