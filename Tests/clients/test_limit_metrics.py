"""Every limit: its row in docs/limits.md, its flag, its series of martlet_limits_hit_total, its hit."""

import gzip
import json
import re
import socket
import time

import pytest
import requests

from certificates import Authority
from frames import Ended, Peer, fields
from martlet_process import MODELS, ROOT, run
from wire import JSON, Wire, predict, request

ROW = [[5.1, 3.5, 1.4, 0.2]]
PREDICT = "/models/iris/predict"
ADMIN = ["--admin-listen", "127.0.0.1:0"]
POST = [(":method", "POST"), (":path", PREDICT), (":scheme", "http"), (":authority", "a"),
        ("content-type", "application/json")]


def hits(server):
    """The limits and how often they were hit, asked for where no limit counts."""
    page = requests.get(f"http://{server.also('admin')}/metrics", timeout=20).text
    found = re.findall(r'^martlet_limits_hit_total\{limit="(\w+)"\} (\d+)$', page, re.MULTILINE)
    return {name: int(count) for name, count in found}


def rows():
    """(label, flag, variable, default) of the table."""
    text = (ROOT / "docs/limits.md").read_text()
    table = [[cell.strip().strip("`") for cell in line.strip("|").split("|")]
             for line in text.splitlines() if line.startswith("| `") or line.startswith("| –")]
    return [row[:4] for row in table if len(row) == 5 and row[0] != "limit"]


# The table


def test_the_table_has_every_series_and_all_begin_at_0(start):
    server = start(MODELS, *ADMIN)
    labels = [label for label, *_ in rows() if label != "–"]
    found = hits(server)
    assert labels and sorted(labels) == sorted(found) and len(set(labels)) == len(labels)
    assert set(found.values()) == {0}


def test_the_table_has_every_flag_with_its_variable_and_default():
    text = run("serve", "--help").stdout
    limits = text[text.index("\nLIMITS:"):]
    limits = limits[:limits.index("\n\n")] if "\n\n" in limits else limits
    flags = {}
    for part in re.split(r"\n  (?=--)", limits)[1:]:
        part = " ".join(part.split())
        found = re.fullmatch(
            r"(--[\w-]+) <[\w-]+> (.+) \[(MARTLET_\w+)\] \(default: (\d+)\)", part)
        assert found, part
        flags[found[1]] = (found[3], int(found[4]))
    table = {
        flag: (variable, int(default.replace(",", "")))
        for _, flag, variable, default in rows() if flag != "–"}
    assert len(flags) > 20 and table == flags
    for flag, (variable, _) in flags.items():
        assert variable == "MARTLET_" + flag[2:].upper().replace("-", "_")


@pytest.mark.parametrize("flag", [row[1] for row in rows() if row[1] != "–"])
def test_a_flag_names_its_range(flag):
    """Values of no use are refused with one line, negative ones too."""
    for value in ("-1", "99999999999999999"):
        done = run("serve", MODELS, "--port", "0", flag, value)
        assert done.returncode == 64, done
        assert re.search(rf"{flag} is {value}; it must be from \d+ to \d+", done.stderr), done.stderr


def test_a_variable_is_the_flag(start):
    server = start(MODELS, environment={"MARTLET_TARGET_BYTES": "50"})
    assert requests.get(server.url + "/" + "a" * 100, timeout=20).status_code == 414


# Each limit: the flags that make it small, and what runs into it


def ask(server, data, method="POST", count=1):
    with Wire(server) as wire:
        wire.send(data)
        return [wire.read(method) for _ in range(count)]


def expect(status, server, data):
    answer = ask(server, data)[0]
    assert answer.status == status, answer


def many_connections(server, status):
    wires = [Wire(server) for _ in range(4)]
    try:
        for wire in wires:
            wire.send(predict(ROW))
            assert wire.read().status == 200
        with Wire(server) as one_more:
            answer = one_more.read()
            assert answer.status == status and answer.closes and answer.field("retry-after")
            assert one_more.ended()
    finally:
        for wire in wires:
            wire.socket.close()


def until_it_closes(server):
    with Wire(server) as wire:
        end = time.monotonic() + 20
        closes = False
        while not closes:
            assert time.monotonic() < end
            wire.send(predict(ROW))
            answer = wire.read()
            assert answer.status == 200
            closes = answer.closes
            time.sleep(0.02)
        assert wire.ended()


def compressed(server, data):
    answer = requests.post(
        server.url + PREDICT, data=gzip.compress(data), timeout=20,
        headers={"Content-Type": "application/json", "Content-Encoding": "gzip"})
    assert answer.status_code == 413, answer.text


def deep(server):
    body = json.dumps({"id": [[[[[[1]]]]]], "instances": ROW}).encode()
    expect(400, server, predict(body))
    shallow = json.dumps({"id": [[1]], "instances": ROW}).encode()
    expect(200, server, predict(shallow))


def pipelined(server):
    assert [answer.status for answer in ask(server, predict(ROW) * 6, count=6)] == [200] * 6


def many_streams(server):
    with Peer(server) as peer:
        peer.settings()
        try:
            for stream in range(1, 15, 2):
                peer.frame(1, 4, stream, fields(POST))
            peer.until(lambda kind, flags, stream, data: kind in (3, 7))
        except Ended:
            pass


def buffered(server):
    with Peer(server) as peer:
        peer.settings()
        for stream in (1, 3):
            peer.frame(1, 4, stream, fields(POST))
            for _ in range(3):
                peer.frame(0, 0, stream, b" " * 16384)
        status, _, body = peer.answer(3)
        assert status == 503 and b"too_much_buffered" in body


def pings(server):
    with Peer(server) as peer:
        try:
            for _ in range(400):
                peer.frame(6, 0, 0, b"12345678")
        except Ended:
            pass
        assert peer.ends()


def half_of_a_request(server, data, code):
    with Wire(server) as wire:
        wire.send(data)
        answer = wire.read()
        assert answer.status == 408 and answer.closes
        assert answer.json()["error"]["code"] == code
        assert wire.ended()


HALF_BODY = request("POST", PREDICT, b"", JSON, "Content-Length: 100000", length=False) + b" " * 50


def half_a_header_block(server):
    with Peer(server) as peer:
        peer.settings()
        peer.frame(1, 0, 1, fields(POST))
        assert peer.ends()


def half_a_stream(server):
    with Peer(server) as peer:
        peer.settings()
        peer.frame(1, 4, 1, fields(POST))
        status, _, body = peer.answer(1)
        assert status == 408 and b"body_timeout" in body


def slow_body(server):
    with Wire(server) as wire:
        wire.send(HALF_BODY)
        end = time.monotonic() + 20
        while not wire.has_answer(0.1):
            assert time.monotonic() < end
            wire.send(b" " * 50)
        answer = wire.read()
        assert answer.status == 408 and answer.closes
        assert answer.json()["error"]["code"] == "body_too_slow"


def idle(server):
    with Wire(server) as wire:
        wire.send(predict(ROW))
        assert wire.read().status == 200
        assert wire.ended()


def idle_http2(server):
    with Peer(server) as peer:
        peer.request(1, "POST", PREDICT, json.dumps(ROW).encode())
        assert peer.answer(1)[0] == 200
        assert peer.ends() and peer.goaways


def stalled(server):
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(1)
    with connection:
        connection.connect(("127.0.0.1", server.port))
        part = predict(ROW * 1000)
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                connection.sendall(part)
            except TimeoutError:
                continue
            except (BrokenPipeError, ConnectionResetError):
                return
        pytest.fail("still open after 30 s")


HITS = [
    ("connections", ["--connections", "4"], lambda server: many_connections(server, 503), ()),
    ("connections_per_address", ["--connections-per-address", "4"],
     lambda server: many_connections(server, 429), ()),
    ("requests_per_connection", ["--requests-per-connection", "3"], until_it_closes, ()),
    ("connection_age", ["--connection-age-seconds", "1"], until_it_closes, ()),
    ("header_bytes", ["--header-bytes", "2000"],
     lambda server: expect(431, server, request("GET", "/", b"", "X: " + "a" * 3000)), ()),
    ("header_count", ["--header-count", "10"],
     lambda server: expect(
         431, server, request("GET", "/", b"", *[f"X-{at}: 1" for at in range(20)])), ()),
    ("target_bytes", ["--target-bytes", "100"],
     lambda server: expect(414, server, request("GET", "/" + "a" * 200)), ()),
    ("body_bytes", ["--body-bytes", "100"],
     lambda server: expect(413, server, predict(ROW * 50)), ()),
    ("decompressed_bytes", ["--decompressed-bytes", "1000"],
     lambda server: compressed(server, b" " * 2000), ()),
    ("decompression_ratio", ["--decompression-ratio", "10"],
     lambda server: compressed(server, b" " * (8 << 20)), ()),
    ("json_depth", ["--json-depth", "5"], deep, ()),
    ("request_rows", ["--request-rows", "2"],
     lambda server: expect(413, server, predict(ROW * 3)), ()),
    ("pipeline", ["--pipeline", "2"], pipelined, ()),
    ("output_bytes", ["--output-bytes", "1024"],
     lambda server: expect(200, server, predict(ROW * 200)), ()),
    ("streams", ["--streams", "4"], many_streams, ()),
    ("http2_buffered_bytes", ["--http2-buffered-bytes", "65536"], buffered, ()),
    ("http2_control_frames", ["--http2-control-frames", "100"], pings, ()),
    ("header_time", ["--header-seconds", "1"],
     lambda server: half_of_a_request(server, b"GET / HTTP/1.1\r\nHo", "header_timeout"), ()),
    ("header_time", ["--header-seconds", "1", "--body-seconds", "1"], half_a_header_block, ()),
    ("body_time", ["--body-seconds", "1"],
     lambda server: half_of_a_request(server, HALF_BODY, "body_timeout"), ()),
    ("body_time", ["--body-seconds", "1"], half_a_stream, ()),
    ("body_rate", ["--body-grace-seconds", "1", "--body-rate", "100000"], slow_body, ()),
    ("idle_time", ["--idle-seconds", "1"], idle, ()),
    ("idle_time", ["--idle-seconds", "1"], idle_http2, ()),
    ("write_time", ["--write-seconds", "1"], stalled, ("pipeline", "output_bytes")),
]


@pytest.mark.parametrize("label,flags,hit,others", HITS, ids=[
    f"{label}-{at}" for at, (label, *_) in enumerate(HITS)])
def test_a_hit_is_counted(start, label, flags, hit, others):
    """Under its own name only; `others` may be hit on the way."""
    server = start(MODELS, *ADMIN, *flags)
    assert hits(server)[label] == 0
    hit(server)
    end = time.monotonic() + 10
    while hits(server)[label] == 0:
        assert time.monotonic() < end, hits(server)
        time.sleep(0.05)
    found = {name for name, count in hits(server).items() if count and name not in others}
    assert found == {label}
    assert server.process.poll() is None


def test_a_handshake_that_stalls_is_counted(start, tmp_path):
    pair = Authority(tmp_path / "authority").sign("server")
    server = start(
        MODELS, *ADMIN, "--tls-cert", pair[0], "--tls-key", pair[1], "--tls-port", "0",
        "--handshake-seconds", "1")
    with socket.create_connection(("127.0.0.1", server.tls_port), timeout=20) as connection:
        connection.sendall(b"\x16\x03\x01")
        assert connection.recv(100) == b""
    assert hits(server)["handshake_time"] == 1


def test_every_limit_is_hit_by_a_test():
    """`descriptors` by test_descriptors.py, `handshake_time` above."""
    tested = {label for label, *_ in HITS} | {"descriptors", "handshake_time"}
    assert tested == {label for label, *_ in rows() if label != "–"}


# Age: a tenth more or less, so that clients of one moment do not come back at one moment


def test_connections_of_one_moment_do_not_end_at_one_moment(start):
    server = start(MODELS, "--connection-age-seconds", "5")
    wires = {Wire(server): None for _ in range(40)}
    begun = time.monotonic()
    try:
        while None in wires.values():
            assert time.monotonic() - begun < 30
            for wire, ended in wires.items():
                if ended is None:
                    wire.send(predict(ROW))
                    answer = wire.read()
                    assert answer.status == 200
                    if answer.closes:
                        wires[wire] = time.monotonic() - begun
            time.sleep(0.05)
    finally:
        for wire in wires:
            wire.socket.close()
    ages = sorted(wires.values())
    assert ages[0] > 4.4, "ended before nine tenths of the age"
    assert ages[-1] - ages[0] > 0.3, ages


def test_http2_connections_end_by_goaway_not_all_at_once(start):
    server = start(MODELS, "--connection-age-seconds", "5")
    peers = {Peer(server): None for _ in range(20)}
    begun = time.monotonic()
    stream = 1
    body = json.dumps(ROW).encode()
    try:
        while None in peers.values():
            assert time.monotonic() - begun < 30
            for peer, ended in peers.items():
                if ended is None:
                    peer.request(stream, "POST", PREDICT, body)
                    assert peer.answer(stream)[0] == 200
                    peer.frame(6, 0, 0, b"12345678")
                    peer.until(lambda kind, flags, number, data: kind == 6 and flags & 1)
                    if peer.goaways:
                        peers[peer] = time.monotonic() - begun
            stream += 2
            time.sleep(0.05)
        for peer in peers:
            assert peer.ends()
    finally:
        for peer in peers:
            peer.socket.close()
    ages = sorted(peers.values())
    assert ages[0] > 4.4 and ages[-1] - ages[0] > 0.2, ages
