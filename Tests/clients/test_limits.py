"""Limits on connections, time and rates, and compressed bodies that lie about themselves."""

import gzip
import json
import socket
import subprocess
import time
import zlib

import pytest
import requests

from answers import BY_NAME, as_json_rows, assert_equal_to_reference
from martlet_process import MODELS, tool
from test_statuses import error_of
from wire import JSON, Wire, predict, request

IRIS = BY_NAME["iris"]
KIND, BODY = as_json_rows(IRIS, IRIS.rows)
PREDICT = "/models/iris/predict"
ROW = [[5.1, 3.5, 1.4, 0.2]]


def metric(server, name):
    values = [
        float(line.rpartition(" ")[2])
        for line in requests.get(server.url + "/metrics", timeout=20).text.splitlines()
        if line.split("{")[0].split(" ")[0] == name]
    assert values, f"no metric {name}"
    return sum(values)


def post(server, body, coding, **headers):
    return requests.post(
        server.url + PREDICT, data=body, timeout=30,
        headers={"Content-Type": KIND, "Content-Encoding": coding, **headers})


# Content coding


def raw_deflate(data):
    made = zlib.compressobj(wbits=-15)
    return made.compress(data) + made.flush()


@pytest.mark.parametrize("coding,encode", [
    ("gzip", gzip.compress), ("x-gzip", gzip.compress), ("GZIP", gzip.compress),
    ("deflate", zlib.compress), ("identity", bytes)])
def test_coded_requests(server, coding, encode):
    for options in ({}, {"Transfer-Encoding": "chunked"}):
        body = encode(BODY)
        answer = post(server, iter([body[:20], body[20:]]) if options else body, coding)
        assert answer.status_code == 200, answer.text
        assert_equal_to_reference(answer.json(), IRIS)


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, br", "nonsense"])
def test_unknown_codings_are_415_and_say_what_is_known(server, coding):
    answer = post(server, BODY, coding)
    assert answer.status_code == 415, answer.text
    known = answer.headers["Accept-Encoding"]
    assert "gzip" in known and "deflate" in known
    error_of(answer)


GOOD = gzip.compress(BODY)


@pytest.mark.parametrize("body", [
    GOOD[:-1], GOOD[:-8], GOOD[:len(GOOD) // 2], b"\x1f\x8b", b"\x1f", BODY, b"\x00" * 64,
    GOOD[:-8] + b"\x00" * 8, GOOD[:20] + b"\xff" * 40 + GOOD[60:], GOOD + b"noise after the end"],
    ids=["no-last-byte", "no-trailer", "half", "magic", "byte", "plain", "zeros", "checksum",
         "damaged", "noise-after"])
def test_corrupt_gzip_is_400(server, body):
    answer = post(server, body, "gzip")
    assert answer.status_code == 400, answer.text
    error_of(answer)


@pytest.mark.parametrize("body", [zlib.compress(BODY)[:-2], zlib.compress(BODY)[:-4] + b"\x00" * 4])
def test_corrupt_deflate_is_400(server, body):
    answer = post(server, body, "deflate")
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize("coding,encode", [("gzip", gzip.compress), ("deflate", zlib.compress)])
@pytest.mark.parametrize("threads", [1, 16])
def test_a_bomb_is_413(start, coding, encode, threads):
    server = start(MODELS, "--threads", threads)
    bomb = encode(b" " * (256 << 20))
    before = server.resident_bytes
    for _ in range(24):
        answer = post(server, bomb, coding)
        assert answer.status_code == 413, answer.text
        error_of(answer)
    # What it took is given back within seconds, whichever loops took it.
    end = time.monotonic() + 10
    while server.resident_bytes - before > 24 << 20:
        assert time.monotonic() < end, f"{(server.resident_bytes - before) >> 20} MiB stay"
        time.sleep(0.2)
    assert requests.post(server.url + PREDICT, json=ROW, timeout=20).status_code == 200


def test_the_decompressed_limit_is_a_flag(start):
    server = start(MODELS, "--decompressed-bytes", "1000")
    assert len(BODY) > 1000
    assert post(server, gzip.compress(BODY), "gzip").status_code == 413
    assert post(server, gzip.compress(b"[[5.1,3.5,1.4,0.2]]"), "gzip").status_code == 200


def curl(*arguments):
    done = subprocess.run(
        [tool("curl", "curl"), "--silent", "--show-error", "--max-time", "20", *map(str, arguments)],
        input=json.dumps(ROW * 200).encode(), capture_output=True, timeout=30)
    assert done.returncode == 0, (done.stderr, done.stdout)
    return done.stdout.decode()


def test_curl_compressed(server, tmp_path):
    ask = [server.url + PREDICT, "-H", f"Content-Type: {KIND}", "--data-binary", "@-", "-D",
           tmp_path / "fields"]
    plain = curl(*ask)
    assert "content-encoding" not in (tmp_path / "fields").read_text().lower()
    coded = curl(*ask, "--compressed")
    fields = (tmp_path / "fields").read_text().lower()
    assert "content-encoding: gzip" in fields and "vary: accept-encoding" in fields
    assert coded == plain


@pytest.mark.parametrize("accept,coded", [
    ("gzip", True), ("gzip;q=0", False), ("identity", False), ("*", True), ("br", False),
    ("gzip;q=0.5, br", True), ("*;q=0", False), ("", False), ("deflate;q=1, gzip;q=0", False)])
def test_gzip_answers_only_when_asked(server, accept, coded):
    answer = requests.post(
        server.url + PREDICT, json=ROW * 200, timeout=20, headers={"Accept-Encoding": accept})
    assert answer.status_code == 200
    assert (answer.headers.get("Content-Encoding") == "gzip") == coded
    assert len(answer.json()["predictions"]) == 200


def test_small_answers_are_not_worth_it(server):
    answer = requests.post(
        server.url + PREDICT, json=ROW, timeout=20, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers


# Connections


def test_connections_of_one_address(start):
    server = start(MODELS, "--connections-per-address", "4")
    time.sleep(0.2)  # what asked for readiness has left
    open_ones = [Wire(server) for _ in range(4)]
    try:
        for wire in open_ones:
            wire.send(predict(ROW))
            assert wire.read().status == 200
        with Wire(server) as one_more:
            answer = one_more.read()
            assert answer.status == 429 and answer.closes and answer.json()["error"]["code"]
            assert one_more.ended()
        open_ones.pop().socket.close()
        time.sleep(0.2)
        with Wire(server) as wire:
            wire.send(predict(ROW))
            assert wire.read().status == 200
    finally:
        for wire in open_ones:
            wire.socket.close()


def test_connections_in_all(start):
    server = start(MODELS, "--connections", "8")
    time.sleep(0.2)
    open_ones = [Wire(server) for _ in range(8)]
    try:
        for wire in open_ones:
            wire.send(predict(ROW))
            assert wire.read().status == 200
        with Wire(server) as one_more:
            one_more.send(predict(ROW))
            answer = one_more.read()
            assert answer.status == 503 and answer.closes and answer.field("retry-after")
    finally:
        for wire in open_ones:
            wire.socket.close()
    time.sleep(0.3)
    assert metric(server, "martlet_connections_refused_total") == 1
    assert requests.post(server.url + PREDICT, json=ROW, timeout=20).status_code == 200


def test_requests_of_one_connection(start):
    server = start(MODELS, "--requests-per-connection", "3")
    with Wire(server) as wire:
        for last in (False, False, True):
            wire.send(predict(ROW))
            answer = wire.read()
            assert answer.status == 200 and answer.closes == last
        assert wire.ended()


def test_requests_of_one_connection_count_when_pipelined_too(start):
    server = start(MODELS, "--requests-per-connection", "3")
    with Wire(server) as wire:
        wire.send(predict(ROW) * 8)
        assert [wire.read().closes for _ in range(3)] == [False, False, True]
        assert wire.ended()


def test_the_age_of_a_connection(start):
    """With its next answer it is closed, once it is a second old, a tenth more or less."""
    server = start(MODELS, "--connection-age-seconds", "1")
    with Wire(server) as wire:
        begun = time.monotonic()
        closes = False
        while not closes:
            wire.send(predict(ROW))
            answer = wire.read()
            assert answer.status == 200
            closes = answer.closes
            assert time.monotonic() - begun < 5
            time.sleep(0.02)
        assert 0.8 < time.monotonic() - begun < 3
        assert wire.ended()


# Time


def test_a_body_below_the_rate_is_cut(start):
    """Faster than any idle time, slower than the rate: after ten seconds' grace it ends."""
    server = start(MODELS, "--body-rate", "100000", "--body-seconds", "300")
    with Wire(server) as wire:
        wire.send(request(
            "POST", "/predict?model=iris", b"", JSON, "Content-Length: 1000000", length=False))
        begun = time.monotonic()
        while not wire.has_answer(0.1):
            assert time.monotonic() - begun < 25, "still read"
            wire.send(b" " * 100)
        answer = wire.read()
        assert answer.status == 408 and answer.closes
        assert time.monotonic() - begun > 8, "cut within the grace"
    assert metric(server, "martlet_http_timeouts_total") >= 1


def test_an_idle_connection_ends(start):
    server = start(MODELS, "--idle-seconds", "1")
    with Wire(server) as fresh, Wire(server) as used:
        used.send(predict(ROW))
        assert used.read().status == 200
        begun = time.monotonic()
        assert used.ended() and time.monotonic() - begun > 0.5
        fresh.socket.settimeout(15)
        try:
            while fresh.socket.recv(4096):
                pass
        except ConnectionResetError:
            pass


def test_a_reader_that_stalls_is_cut(start):
    """It asks for much and takes nothing; others are served meanwhile."""
    server = start(MODELS, "--write-seconds", "1")
    before = server.resident_bytes
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(1)
    with connection:
        connection.connect(("127.0.0.1", server.port))
        part = predict(ROW * 1000)
        begun = time.monotonic()
        while time.monotonic() - begun < 20:
            try:
                connection.sendall(part)
            except TimeoutError:
                assert requests.post(server.url + PREDICT, json=ROW, timeout=20).status_code == 200
            except (BrokenPipeError, ConnectionResetError):
                break
        else:
            pytest.fail("still open after 20 s")
    assert server.resident_bytes - before < 64 << 20


def test_header_limits_are_flags(start):
    server = start(MODELS, "--header-bytes", "2000", "--header-count", "10")
    for fields, status in (
            (["X-Big: " + "a" * 3000], 431), ([f"X-{at}: 1" for at in range(20)], 431),
            (["X-Big: " + "a" * 500], 200)):
        with Wire(server) as wire:
            wire.send(request("GET", "/healthz", b"", *fields))
            assert wire.read("GET").status == status


def test_the_body_limit_is_a_flag(start):
    server = start(MODELS, "--body-bytes", "100")
    assert requests.post(server.url + PREDICT, json=ROW, timeout=20).status_code == 200
    assert requests.post(server.url + PREDICT, json=ROW * 50, timeout=20).status_code == 413


def test_half_close_alone_is_no_cancel(server):
    with Wire(server) as wire:
        wire.send(predict(ROW))
        wire.socket.shutdown(socket.SHUT_WR)
        assert wire.read().status == 200
        assert wire.ended()
