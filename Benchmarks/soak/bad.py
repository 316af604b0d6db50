"""Clients that are slow, break the rules, leave, or ask for what cannot be. Each says what the server may
do with it; anything else, or no end at all, is a fault."""

import gzip
import os
import re
import ssl
import time
import zlib

import requests

from frames import Ended, Peer, fields, frame
from wire import Wire
from work import JSON, PATIENCE_SECONDS, reset

# What the server is started with (run.py), and how much later than that it may act on a full machine.
HEADER_SECONDS, BODY_SECONDS, WRITE_SECONDS, HANDSHAKE_SECONDS, IDLE_SECONDS = 5, 15, 10, 5, 20
LATE_SECONDS = 30

MALFORMED = [
    b"GET / HTTP/1.1\r\n\r\n", b"GET /\r\n\r\n", b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\nHost: a\n\n", b"GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
    b"G\x80T / HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 2\r\n\r\nab",
    b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    b"POST /predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n",
    b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 40_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 200 + b"\r\n",
]


def rest(connection):
    """All that still comes until the server ends the connection; TimeoutError when it does not."""
    got = bytearray()
    try:
        while more := connection.recv(1 << 16):
            got += more
    except (ConnectionResetError, BrokenPipeError):
        pass
    return bytes(got)


def sent(connection, data):
    """Whether the server still took it."""
    try:
        connection.sendall(data)
        return True
    except (ConnectionResetError, BrokenPipeError):
        return False


def statuses(answers):
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3}) ", answers)]


def only(answers, *allowed):
    """Every answer has one of these statuses; none at all is right too, since a reset may eat it."""
    seen = statuses(answers)
    assert set(seen) <= set(allowed), f"{seen} where {allowed} were allowed: {answers[:300]!r}"


# Slow


def slowloris(context, tally, chance, end):
    """A head that comes a byte a second."""
    with context.place.connect() as connection:
        begun = time.monotonic()
        connection.settimeout(0.5)
        while time.monotonic() - begun < HEADER_SECONDS + LATE_SECONDS and not end.is_set():
            if not sent(connection, b"a" if time.monotonic() - begun > 1 else b"POST / HTTP/1.1\r\nX: "):
                break
            try:
                only(rest(connection), 408)
                break
            except TimeoutError:
                continue
        else:
            assert end.is_set(), "a head may take for ever"
    tally.count("slow: slowloris")


def slow_body(context, tally, chance, end):
    question = context.questions[1]
    with context.place.connect() as connection:
        data = question.wire()
        connection.sendall(data[:-len(question.body)])
        begun, at = time.monotonic(), len(data) - len(question.body)
        connection.settimeout(0.5)
        while time.monotonic() - begun < BODY_SECONDS + LATE_SECONDS and not end.is_set():
            if not sent(connection, data[at:at + 1]):
                break
            at += 1
            try:
                only(rest(connection), 408)
                break
            except TimeoutError:
                continue
        else:
            assert end.is_set(), "a body may take for ever"
    tally.count("slow: body")


def slow_reader(context, tally, chance, end):
    """Asks for megabytes and takes none: the connection is cut, after what it had asked for."""
    question = context.questions[8]
    with context.place.connect() as connection:
        for _ in range(6):
            if not sent(connection, question.wire()):
                break
        if not end.wait(WRITE_SECONDS + 2):
            connection.settimeout(LATE_SECONDS + PATIENCE_SECONDS)
            only(rest(connection), 200, 408)
    tally.count("slow: reader")


def stuck_handshake(context, tally, chance, end):
    with context.place.connect(tls=True) as connection:
        connection.sendall(hello()[:chance.randrange(1, 100)])
        connection.settimeout(HANDSHAKE_SECONDS + LATE_SECONDS)
        rest(connection)
    tally.count("slow: TLS handshake")


def idle(context, tally, chance, end):
    """Twenty connections that ask nothing, or nothing more."""
    held = [context.place.connect(tls=chance.random() < 0.3) for _ in range(20)]
    if not end.wait(chance.uniform(1, 8)):
        for connection in held[:10]:
            reset(connection)
    for connection in held[10:]:
        connection.close()
    tally.count("slow: idle connections", len(held))


def shut_window(context, tally, chance, end):
    """HTTP/2: answers are asked for and the window never opens."""
    with Peer(context.place, PATIENCE_SECONDS, window=0, settings=b"\0\4" + bytes(4)) as peer:
        for stream in range(1, 20, 2):
            peer.request(stream, "POST", context.questions[1].target, context.questions[1].body)
        if not end.wait(chance.uniform(0, WRITE_SECONDS + 5)):
            reset(peer.socket)
    tally.count("slow: window shut")


# Broken


def malformed(context, tally, chance, end):
    with context.place.connect() as connection:
        sent(connection, chance.choice(MALFORMED))
        connection.settimeout(PATIENCE_SECONDS)
        only(rest(connection), 400, 408, 413, 414, 431, 501, 505)
    tally.count("broken: malformed")


def garbage(context, tally, chance, end):
    data = chance.randbytes(chance.choice([1, 10, 100, 5000, 100_000]))
    secure = chance.random() < 0.5
    with context.place.connect(tls=secure) as connection:
        if sent(connection, data):
            try:
                connection.shutdown(1)
            except OSError:
                pass  # the server was faster
        connection.settimeout(PATIENCE_SECONDS)
        only(rest(connection), 400, 408, 431, 414)
    tally.count("broken: garbage")


def clear_text_to_tls(context, tally, chance, end):
    with context.place.connect(tls=True) as connection:
        sent(connection, context.questions[0].wire())
        connection.settimeout(PATIENCE_SECONDS)
        only(rest(connection), 400)
    tally.count("broken: clear text to TLS")


def unchecked():
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made


def hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = unchecked().wrap_bio(incoming, outgoing)
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def cut_record(context, tally, chance, end):
    """TLS that ends, or is damaged, in the middle of a record."""
    connection = context.place.connect(tls=True)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = unchecked().wrap_bio(incoming, outgoing)
    while True:
        try:
            session.do_handshake()
            break
        except ssl.SSLWantReadError:
            connection.sendall(outgoing.read())
            data = connection.recv(1 << 16)
            assert data, "the server ended a handshake that was right"
            incoming.write(data)
    before = outgoing.read()
    session.write(context.questions[1].wire())
    record = outgoing.read()
    at = chance.randrange(5, len(record))
    if chance.random() < 0.5:
        sent(connection, before + record[:at])
        reset(connection) if chance.random() < 0.5 else connection.close()
    else:
        sent(connection, before + record[:at] + bytes([record[at] ^ 1]) + record[at + 1:])
        connection.settimeout(PATIENCE_SECONDS)
        rest(connection)
        connection.close()
    tally.count("broken: TLS record")


def half_frame(context, tally, chance, end):
    """HTTP/2 that ends in a frame, or whose frames are noise."""
    with Peer(context.place, PATIENCE_SECONDS) as peer:
        try:
            for _ in range(chance.randrange(1, 20)):
                kind, flags = chance.randrange(0, 11), chance.randrange(256)
                peer.frame(kind, flags, chance.choice([0, 1, 2, 3, 5]), chance.randbytes(chance.randrange(64)))
            peer.send(frame(1, 4, 7, bytes(200))[:chance.randrange(1, 200)])
            if chance.random() < 0.5:
                reset(peer.socket)
            else:
                peer.socket.shutdown(1)
                assert peer.ends(), "a connection that ended in a frame stays open"
        except (Ended, OSError):
            pass
    tally.count("broken: frames")


def rapid_reset(context, tally, chance, end):
    """CVE-2023-44487: the server says GOAWAY and closes."""
    block = fields([
        (":method", "GET"), (":path", "/healthz"), (":scheme", "http"), (":authority", "a")])
    with Peer(context.place, PATIENCE_SECONDS) as peer:
        try:
            for first in range(1, 20_000, 200):
                peer.send(b"".join(
                    frame(1, 5, stream, block) + frame(3, 0, stream, bytes([0, 0, 0, 8]))
                    for stream in range(first, first + 200, 2)))
        except Ended:
            pass
        assert peer.ends(), "rapid resets are taken without an end"
    tally.count("broken: rapid reset")
    end.wait(2)


# Leaving


def leave_in_request(context, tally, chance, end):
    data = chance.choice(context.questions).wire()
    secure = chance.random() < 0.3
    connection = context.place.connect(tls=secure)
    sent(connection, data[:chance.randrange(1, len(data))])
    end.wait(chance.choice([0, 0, 0.01, 0.5]))
    reset(connection) if chance.random() < 0.7 else connection.close()
    tally.count("left: in the request")


def leave_before_answer(context, tally, chance, end):
    question = context.questions[6] if chance.random() < 0.5 else chance.choice(context.questions)
    connection = context.place.connect()
    sent(connection, question.wire() * chance.choice([1, 4]))
    end.wait(chance.choice([0, 0, 0.002, 0.02]))
    reset(connection)
    tally.count("left: before the answer")


def leave_in_answer(context, tally, chance, end):
    connection = context.place.connect()
    sent(connection, context.questions[8].wire())
    connection.settimeout(PATIENCE_SECONDS)
    try:
        connection.recv(chance.choice([1, 100, 65_536]))
    except OSError:
        pass
    reset(connection)
    tally.count("left: in the answer")


def cancel_streams(context, tally, chance, end):
    """Resets some of its streams; the others are answered all the same."""
    question = context.questions[6]
    with Peer(context.place, PATIENCE_SECONDS) as peer:
        numbers = list(range(1, 21, 2))
        for stream in numbers:
            peer.request(stream, "POST", question.target, b"", end=False)
        # The target takes JSON without more: a bad body is answered with 400, which is an answer.
        cancelled = set(chance.sample(numbers, 5))
        for stream in numbers:
            if stream in cancelled:
                peer.frame(3, 0, stream, bytes([0, 0, 0, 8]))
            else:
                peer.frame(0, 1, stream, b"{}")
        for stream in numbers:
            if stream not in cancelled:
                assert peer.answer(stream)[0] == 400
    tally.count("left: streams cancelled", len(cancelled))


# What cannot be


def refused(context, tally, chance, end):
    """Right HTTP, wrong requests: 4xx, and 500 from a model that fails when it runs; on one connection."""
    zeros = gzip.compress(bytes(80 << 20), 1) if chance.random() < 0.05 else b""
    iris = context.questions[0]
    asked = [
        ("/models/table/predict", JSON, b'{"instances": [[99]]}', {}, (400, 500)),
        ("/models/table/predict", JSON, b'{"instances": [[1], [-77], [2]]}', {}, (400, 500)),
        (iris.target, JSON, b'{"instances": [[1, 2]]}', {}, (400,)),
        (iris.target, JSON, b"[" * 5000, {}, (400,)),
        (iris.target, JSON, b'{"instances": [["a", 1, 2, 3]]}', {}, (400,)),
        (iris.target, "application/x-npy", b"\x93NUMPY" + bytes(90), {}, (400,)),
        (iris.target, "text/plain", b"hello", {}, (415,)),
        (iris.target, JSON, gzip.compress(iris.body)[:-9], {"Content-Encoding": "gzip"}, (400,)),
        (iris.target, JSON, zlib.compress(os.urandom(64)), {"Content-Encoding": "br"}, (415,)),
        ("/models/nothing/predict", JSON, iris.body, {}, (404,)),
    ]
    if zeros:
        asked.append((iris.target, JSON, zeros, {"Content-Encoding": "gzip"}, (413,)))
    chance.shuffle(asked)
    with requests.Session() as client:
        for target, kind, body, headers, allowed in asked:
            answer = client.post(
                context.place.url + target, data=body, timeout=PATIENCE_SECONDS,
                headers={"Content-Type": kind, **headers})
            assert answer.status_code in allowed, (target, body[:60], answer.status_code, answer.text[:200])
            tally.count(f"refused: {answer.status_code}")


def too_big(context, tally, chance, end):
    """A body over the limit: 413, when it is announced and when it comes in chunks."""
    with Wire(context.place, PATIENCE_SECONDS) as wire:
        head = b"POST /models/iris/predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        if chance.random() < 0.5:
            wire.send(head + b"Content-Length: 17000000\r\n\r\n")
        else:
            sent(wire.socket, head + b"Transfer-Encoding: chunked\r\n\r\n"
                 + (b"100000\r\n" + b" " * (1 << 20) + b"\r\n") * 17)
        only(rest(wire.socket), 413)
    tally.count("refused: too big")
    end.wait(1)


CLIENTS = [
    ("slowloris", slowloris), ("slowloris", slowloris), ("slow body", slow_body),
    ("slow reader", slow_reader), ("slow reader", slow_reader), ("stuck handshake", stuck_handshake),
    ("idle", idle), ("shut window", shut_window), ("malformed", malformed), ("garbage", garbage),
    ("clear text to TLS", clear_text_to_tls), ("cut record", cut_record), ("half frame", half_frame),
    ("rapid reset", rapid_reset), ("leave in the request", leave_in_request),
    ("leave before the answer", leave_before_answer), ("leave in the answer", leave_in_answer),
    ("cancel streams", cancel_streams), ("refused", refused), ("too big", too_big),
]
