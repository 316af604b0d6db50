"""Attacks on HTTP/2 by name: others are served meanwhile and after, and memory stays bounded."""

import os
import time

import hpack
import pytest
import requests
from h2.config import H2Configuration
from h2.connection import H2Connection

from answers import BY_NAME, as_json_rows, assert_equal_to_reference
from frames import Ended, Peer, fields, frame, number
from martlet_process import MODELS, room, within

IRIS = BY_NAME["iris"]
KIND, BODY = as_json_rows(IRIS, IRIS.rows)
PREDICT = "/models/iris/predict"
GROWTH = room(64 << 20)
GET = [(":method", "GET"), (":path", "/healthz"), (":scheme", "http"), (":authority", "a")]
POST = [(":method", "POST"), (":path", PREDICT), (":scheme", "http"), (":authority", "a"),
        ("content-type", "application/json")]
CALM = 11  # ENHANCE_YOUR_CALM
HEADERS, PRIORITY, RESET, SETTINGS, PING, WINDOW, CONTINUATION = 1, 2, 3, 4, 6, 8, 9


class Victim:
    def __init__(self, process):
        self.process = process
        self.serves()
        self.before = process.resident_bytes

    def serves(self):
        """One more client gets its answer, soon."""
        begun = time.monotonic()
        answer = requests.post(
            self.process.url + PREDICT, data=BODY, headers={"Content-Type": KIND}, timeout=10)
        assert_equal_to_reference(answer.json(), IRIS)
        assert time.monotonic() - begun < within(5)

    def survives(self):
        self.serves()
        growth = self.process.resident_bytes - self.before
        assert growth < GROWTH, f"{growth >> 20} MiB more"

    def flood(self, data, times, peer=None, codes=(CALM,)):
        """Sends until the server has enough: it must end the connection, with one of these codes."""
        with peer or Peer(self.process, timeout=20) as peer:
            try:
                for at in range(times):
                    peer.send(data(at) if callable(data) else data)
                    if at % (times // 4) == 0:
                        self.serves()
            except (Ended, TimeoutError):
                pass
            ended = peer.ends()
            assert ended, "the server never had enough"
            # A reset of TCP, when we went on sending, may have overtaken GOAWAY.
            if peer.goaways:
                assert int.from_bytes(peer.goaways[-1][4:8]) in codes
        self.survives()


@pytest.fixture
def victim(start):
    return Victim(start(MODELS))


def test_rapid_reset(victim):
    """CVE-2023-44487: requests that are cancelled as they are made."""
    block = fields(POST)

    def part(at):
        return b"".join(
            frame(HEADERS, 4, stream, block) + frame(RESET, 0, stream, (8).to_bytes(4))
            for stream in range(1 + at * 200, 1 + (at + 1) * 200, 2))

    victim.flood(part, 400)


def test_rapid_reset_by_the_h2_package(victim):
    made = H2Connection(H2Configuration(client_side=True, validate_outbound_headers=False))
    made.initiate_connection()
    with victim.process.connect(20) as connection:
        try:
            for at in range(5000):
                stream = made.get_next_available_stream_id()
                made.send_headers(stream, GET, end_stream=True)
                made.reset_stream(stream, 8)
                if at % 50 == 49:
                    connection.sendall(made.data_to_send())
        except (BrokenPipeError, ConnectionResetError):
            pass
        try:
            while connection.recv(1 << 16):
                pass
        except ConnectionResetError:
            pass
    victim.survives()


def test_resets_of_streams_that_are_computing(victim):
    def part(at):
        return b"".join(
            frame(HEADERS, 4, stream, fields(POST)) + frame(0, 1, stream, b"[[5.1,3.5,1.4,0.2]]")
            + frame(RESET, 0, stream, (8).to_bytes(4))
            for stream in range(1 + at * 40, 1 + (at + 1) * 40, 2))

    victim.flood(part, 400)


@pytest.mark.parametrize("piece", [b"", b"\x00\x01a\x01b" * 2000], ids=["empty", "full"])
def test_continuation_flood(victim, piece):
    """CVE-2024-27316: a header block without end."""
    peer = Peer(victim.process, timeout=5)
    peer.frame(HEADERS, 0, 1, fields(GET))
    victim.flood(frame(CONTINUATION, 0, 1, piece) * 20, 400, peer)


def test_continuation_of_nothing(victim):
    victim.flood(frame(CONTINUATION, 4, 1, fields(GET)), 4, codes=(1,))


def test_hpack_bomb(victim):
    """One entry of 4,000 bytes in the table, then a byte for each use of it."""
    value = b"a" * 4000
    entry = b"\x40" + b"\x01x" + number(len(value), 7) + value
    block = fields(GET) + entry + bytes([0x80 | 62]) * 12_000

    def part(at):
        return frame(HEADERS, 5, 1 + 2 * at, block)

    victim.flood(part, 100)


def test_hpack_table_size_and_nonsense(victim):
    for block in (b"\x3f" + b"\xff" * 20, bytes([0x80]), bytes([0xff, 0xff, 0xff, 0xff, 0x7f]),
                  os.urandom(2000), b"\x3f\xe1\xff\x03" + fields(GET), b"\x20" * 10_000):
        with Peer(victim.process, timeout=5) as peer:
            try:
                peer.frame(HEADERS, 5, 1, block)
                found = peer.until(lambda kind, *_: kind in (3, 7))
            except Ended:
                continue
            # A dynamic table that only shrinks is legal: the list has no fields, which is malformed.
            expected = 3 if block[:2] == b"\x20\x20" else 7
            assert found[0] == expected, (block[:8], found)
            if expected == 7:
                assert int.from_bytes(found[3][4:8]) == 9  # COMPRESSION_ERROR
    victim.survives()


def test_settings_flood(victim):
    victim.flood(frame(SETTINGS, 0, 0, b"\0\3\0\0\0\x64") * 100, 2000)


def test_settings_table_size_flood(victim):
    part = frame(SETTINGS, 0, 0, b"\0\1\0\0\0\0" + b"\0\1\x7f\xff\xff\xff") * 50
    victim.flood(part, 2000)


def test_ping_flood(victim):
    """The pongs are not read: they must not pile up."""
    victim.flood(frame(PING, 0, 0, b"12345678") * 100, 2000)


def test_priority_flood(victim):
    def part(at):
        return b"".join(
            frame(PRIORITY, 0, 1 + 2 * (at * 100 + step), b"\0\0\0\0\x10") for step in range(100))

    victim.flood(part, 1000)


@pytest.mark.parametrize("data", [frame(0, 0, 1), frame(0, 8, 1, b"\0"), frame(0, 8, 1, b"\1\0")],
                         ids=["empty", "padding-length", "padding"])
def test_empty_data_flood(victim, data):
    """CVE-2019-9518: frames that cost much and carry nothing."""
    peer = Peer(victim.process, timeout=5)
    peer.frame(HEADERS, 4, 1, fields(POST))
    victim.flood(data * 100, 2000, peer)


def test_window_update_flood(victim):
    peer = Peer(victim.process, timeout=20, window=65535)
    victim.flood(frame(WINDOW, 0, 0, (1).to_bytes(4)) * 100, 1000, peer)


def test_unknown_frames_flood(victim):
    victim.flood(frame(0xee, 0xff, 0, b"x" * 1000) * 10, 1000)


def test_zero_window_stall(start):
    """CVE-2019-9511/9517: much is asked for, and no window is given for the answers."""
    victim = Victim(start(MODELS, "--write-seconds", "3"))
    rows = b"[" + b",".join([b"[5.1,3.5,1.4,0.2]"] * 500) + b"]"
    peers = []
    try:
        for _ in range(8):
            peer = Peer(victim.process, window=0, settings=b"\0\4\0\0\0\0", timeout=60)
            peer.settings()
            peers.append((peer, time.monotonic()))
            peer.request(1, "POST", PREDICT, rows)
            peer.until(lambda kind, _, stream, data: kind == 1 and stream == 1)
            try:
                for at in range(1, 100):
                    peer.request(1 + 2 * at, "POST", PREDICT, rows)
            except Ended:
                pass  # this machine is slow; the time below tells whether it was too early
        victim.survives()
        for peer, begun in peers:
            try:
                while True:
                    kind, *_ = peer.read()
                    assert kind != 0, "bytes of an answer without a window"
                    assert kind != 3, "a stream was reset"
            except Ended:
                pass
            # Not cut early for something else, and not stalled for ever.
            assert 2.9 < time.monotonic() - begun < 60 and not peer.goaways
    finally:
        for peer, _ in peers:
            peer.socket.close()
    victim.survives()


MADE = {  # CVE-2025-8671: the client makes the server reset
    "window-zero": lambda stream: frame(WINDOW, 0, stream, (0).to_bytes(4)),
    "window-overflow": lambda stream: frame(WINDOW, 0, stream, (0x7fffffff).to_bytes(4)) * 2,
    "self-dependency": lambda stream: frame(PRIORITY, 0, stream, stream.to_bytes(4) + b"\x10"),
    "priority-length": lambda stream: frame(PRIORITY, 0, stream, b"\0"),
    "data-after-end": lambda stream: frame(0, 0, stream, b"x"),
    "headers-after-end": lambda stream: frame(HEADERS, 5, stream, fields(GET))}


# Those that break the protocol for the whole connection end it at the first.
MADE_CODES = {"window-zero": (1,), "self-dependency": (1,), "priority-length": (6,), "data-after-end": (5, CALM),
              "headers-after-end": (5,)}


@pytest.mark.parametrize("name", MADE)
def test_made_you_reset(victim, name):
    block = fields(POST)

    def part(at):
        return b"".join(
            frame(HEADERS, 4, stream, block) + frame(0, 1, stream, b"[[5.1,3.5,1.4,0.2]]")
            + MADE[name](stream) for stream in range(1 + at * 100, 1 + (at + 1) * 100, 2))

    victim.flood(part, 400, codes=MADE_CODES.get(name, (CALM,)))


def test_malformed_streams_without_end(victim):
    bad = fields(GET + [("connection", "close")])

    def part(at):
        return b"".join(
            frame(HEADERS, 5, stream, bad) for stream in range(1 + at * 200, 1 + (at + 1) * 200, 2))

    victim.flood(part, 400)


@pytest.mark.parametrize("noise", [
    frame(0, 0, 0, b"x"), frame(HEADERS, 5, 2, fields(GET)), frame(HEADERS, 5, 0, fields(GET)),
    frame(SETTINGS, 0, 1), frame(SETTINGS, 0, 0, b"x"), frame(SETTINGS, 1, 0, b"\0" * 6),
    frame(PING, 0, 0, b"1"), frame(PING, 0, 1, b"12345678"), frame(5, 4, 1, b"\0\0\0\2"),
    frame(SETTINGS, 0, 0, b"\0\4\xff\xff\xff\xff"), frame(SETTINGS, 0, 0, b"\0\5\0\0\0\0"),
    frame(WINDOW, 0, 0, b"\0\0\0\0"), frame(RESET, 0, 1, b"\0\0\0\0"), frame(WINDOW, 0, 0, b"\0"),
    b"\xff\xff\xff\0\0\0\0\0\1" + b"x" * 70000, frame(HEADERS, 0x2d, 1, b"\xff\0\0\0\0")])
def test_protocol_errors_end_the_connection(victim, noise):
    with Peer(victim.process, timeout=10) as peer:
        peer.settings()
        try:
            peer.send(noise)
        except Ended:
            pass
        assert peer.ends()
        assert not peer.goaways or int.from_bytes(peer.goaways[-1][4:8]) != 0
    victim.survives()


@pytest.mark.parametrize("start_of_it", [
    b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\n", b"PRI * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(PING, 0, 0, b"12345678")])
def test_a_false_preface_ends_the_connection(start, start_of_it):
    victim = Victim(start(MODELS, "--header-seconds", "1", "--idle-seconds", "2"))
    with victim.process.connect(15) as connection:
        connection.sendall(start_of_it)
        begun = time.monotonic()
        try:
            while connection.recv(4096):
                pass
        except ConnectionResetError:
            pass
        assert time.monotonic() - begun < within(12)
    victim.survives()


def test_hpack_is_decoded_as_the_hpack_package_codes_it(server):
    """Huffman and the dynamic table, with a table that is resized."""
    encoder = hpack.Encoder()
    with Peer(server) as peer:
        for at in range(50):
            if at == 25:
                encoder.header_table_size = 256
            block = encoder.encode(GET + [(f"x-{at % 7}", "value" * (at % 5))])
            peer.frame(HEADERS, 5, 1 + 2 * at, block)
            assert peer.answer(1 + 2 * at)[0] == 200
