"""HTTP/1.1 on the wire: framing, order, connections; and every malformed request with its status."""

import json
import socket
import struct
import time

import pytest

from answers import BY_NAME, as_list
from wire import JSON, Wire, predict, request

IRIS = BY_NAME["iris"]
ROW = as_list(IRIS.rows[:1])
BODY = json.dumps({"instances": ROW}).encode()


def label(answer):
    assert answer.status == 200, answer
    return answer.json()["predictions"][0]["label"]


def test_keep_alive_is_the_default(server):
    with Wire(server) as wire:
        for _ in range(20):
            wire.send(predict(ROW))
            answer = wire.read()
            assert label(answer) == IRIS.labels[0] and not answer.closes
            assert answer.version == "HTTP/1.1" and answer.field("date")


def test_connection_close_is_honoured(server):
    with Wire(server) as wire:
        wire.send(predict(ROW, "iris", "Connection: close"))
        answer = wire.read()
        assert label(answer) == IRIS.labels[0] and answer.closes
        assert wire.ended()


def test_http_1_0_closes_by_default(server):
    with Wire(server) as wire:
        wire.send(predict(ROW, version="HTTP/1.0", host=False))
        answer = wire.read()
        assert label(answer) == IRIS.labels[0] and answer.closes
        assert answer.field("transfer-encoding") is None
        assert wire.ended()


def test_http_1_0_keeps_alive_when_asked(server):
    with Wire(server) as wire:
        for _ in range(3):
            wire.send(predict(ROW, "iris", "Connection: keep-alive", version="HTTP/1.0"))
            answer = wire.read()
            assert label(answer) == IRIS.labels[0]
            assert (answer.field("connection") or "").lower() == "keep-alive"


def test_pipelined_requests_are_answered_in_order(server):
    """Different models, so that their batches complete in another order than they came in."""
    asked = []
    data = b""
    for index in range(48):
        reference = BY_NAME[["digits", "iris", "breast-cancer"][index % 3]]
        row = index % len(reference.rows)
        asked.append((reference, row))
        data += predict(as_list(reference.rows[row:row + 1]), reference.name)
    with Wire(server) as wire:
        wire.send(data)
        for reference, row in asked:
            answer = wire.read().json()
            assert answer["model"] == reference.name
            expected = reference.labels[row]
            names = {str(expected), reference.class_names[int(expected)]} if str(
                expected).isdigit() else {expected}
            assert str(answer["predictions"][0]["label"]) in names


def test_many_more_pipelined_requests_than_the_server_holds_at_once(server):
    count = 1000
    with Wire(server) as wire:
        wire.send(predict(ROW) * count)
        for _ in range(count):
            assert label(wire.read()) == IRIS.labels[0]


def test_an_error_keeps_its_place_in_the_pipeline(server):
    with Wire(server) as wire:
        wire.send(
            predict(ROW) + predict([[1, 2, 3]]) + request("GET", "/nowhere") + predict(ROW))
        assert [wire.read().status for _ in range(4)] == [200, 400, 404, 200]


def test_byte_by_byte(server):
    with Wire(server) as wire:
        wire.send_slowly(predict(ROW))
        assert label(wire.read()) == IRIS.labels[0]
        wire.send_slowly(chunked([BODY[:7], BODY[7:]]))
        assert label(wire.read()) == IRIS.labels[0]


@pytest.mark.parametrize("cut", range(0, len(predict(ROW)), 9))
def test_cut_anywhere(server, cut):
    data = predict(ROW)
    with Wire(server) as wire:
        wire.send(data[:cut])
        time.sleep(0.005)
        wire.send(data[cut:])
        assert label(wire.read()) == IRIS.labels[0]


def chunked(pieces, *fields, trailers=b"", extension=b""):
    body = b"".join(
        f"{len(piece):x}".encode() + extension + b"\r\n" + piece + b"\r\n" for piece in pieces)
    head = request(
        "POST", "/predict?model=iris", b"", JSON, "Transfer-Encoding: chunked", *fields,
        length=False)
    return head + body + b"0\r\n" + trailers + b"\r\n"


@pytest.mark.parametrize("data", [
    chunked([BODY]),
    chunked([BODY[at:at + 1] for at in range(len(BODY))]),
    chunked([BODY[:5], BODY[5:]], extension=b";name=value;quoted=\"a b\""),
    chunked([BODY], trailers=b"Digest: abc\r\nX-Other: 1\r\n"),
    chunked([BODY], "Trailer: Digest", trailers=b"Digest: abc\r\n"),
], ids=["one", "a-chunk-a-byte", "extensions", "trailers", "announced-trailers"])
def test_chunked_bodies(server, data):
    with Wire(server) as wire:
        wire.send(data + predict(ROW))
        assert label(wire.read()) == IRIS.labels[0]
        assert label(wire.read()) == IRIS.labels[0]


def test_expect_100_continue(server):
    with Wire(server) as wire:
        data = predict(ROW, "iris", "Expect: 100-continue")
        head, _, body = data.partition(b"\r\n\r\n")
        wire.send(head + b"\r\n\r\n")
        assert wire.read().status == 100
        wire.send(body)
        assert label(wire.read()) == IRIS.labels[0]


def test_expect_100_continue_is_not_waited_for(server):
    """A client may send the body at once; the answer may then come without a 100."""
    with Wire(server) as wire:
        wire.send(predict(ROW, "iris", "Expect: 100-continue"))
        answer = wire.read()
        if answer.status == 100:
            answer = wire.read()
        assert label(answer) == IRIS.labels[0]


def test_expect_100_continue_is_refused_before_the_body(server):
    """A body nobody wants is not asked for."""
    with Wire(server) as wire:
        wire.send(request(
            "POST", "/predict?model=iris", b"", JSON, "Content-Length: 99999999999",
            "Expect: 100-continue", length=False))
        assert wire.read().status == 413


def test_unknown_expectation(server):
    with Wire(server) as wire:
        wire.send(predict(ROW, "iris", "Expect: coffee"))
        assert wire.read().status == 417


def test_field_names_have_no_case(server):
    with Wire(server) as wire:
        wire.send(
            b"POST /predict?model=iris HTTP/1.1\r\nHOST: a\r\ncontent-TYPE: Application/JSON; "
            b"Charset=utf-8\r\ncONTENT-lENGTH:   %d  \r\n\r\n" % len(BODY) + BODY)
        assert label(wire.read()) == IRIS.labels[0]


def test_absolute_form(server):
    with Wire(server) as wire:
        wire.send(request("GET", f"http://127.0.0.1:{server.port}/healthz"))
        assert wire.read("GET").status == 200


def test_percent_encoding_in_the_target(server):
    with Wire(server) as wire:
        wire.send(request("POST", "/models/breast%2Dcancer/predict", b"[]", JSON))
        assert wire.read().status == 400
        wire.send(request("POST", "/predict?model=ir%69s", BODY, JSON))
        assert label(wire.read()) == IRIS.labels[0]


def test_head_answers_without_a_body(server):
    with Wire(server) as wire:
        wire.send(request("HEAD", "/healthz") + request("GET", "/healthz"))
        head = wire.read("HEAD")
        get = wire.read("GET")
        assert (head.status, get.status) == (200, 200)
        assert head.field("content-length") == get.field("content-length")


def test_an_empty_line_before_a_request_is_ignored(server):
    """RFC 9112 section 2.2."""
    with Wire(server) as wire:
        wire.send(b"\r\n" + predict(ROW))
        assert label(wire.read()) == IRIS.labels[0]


def test_half_closed_clients_get_their_answers(server):
    with Wire(server) as wire:
        wire.send(predict(ROW) * 3)
        wire.socket.shutdown(socket.SHUT_WR)
        for _ in range(3):
            assert label(wire.read()) == IRIS.labels[0]
        assert wire.ended()


def test_clients_that_leave_at_any_moment_harm_nobody(server):
    data = predict(as_list(BY_NAME["digits"].rows[:8]), "digits")
    for cut in [0, 1, 20, 100, len(data) - 1, len(data)]:
        for reset in [False, True]:
            wire = Wire(server)
            wire.send(data[:cut])
            if reset:
                wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            wire.socket.close()
    with Wire(server) as wire:
        wire.send(predict(ROW))
        assert label(wire.read()) == IRIS.labels[0]


HOST = b"Host: a\r\n"
POST = b"POST /predict?model=iris HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
MALFORMED = {
    "not-http": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32), 400),
    "no-version": (b"GET /healthz\r\n" + HOST + b"\r\n", 400),
    "no-target": (b"GET HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "two-spaces": (b"GET  /healthz HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "tab-for-space": (b"GET\t/healthz\tHTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "lower-case-version": (b"GET /healthz http/1.1\r\n" + HOST + b"\r\n", 400),
    "long-version": (b"GET /healthz HTTP/1.10\r\n" + HOST + b"\r\n", 400),
    "version-2": (b"GET /healthz HTTP/2.0\r\n" + HOST + b"\r\n", 505),
    "bad-method-character": (b"G(T /healthz HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "control-in-target": (b"GET /heal\x01thz HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "nul-in-target": (b"GET /heal\x00thz HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "relative-target": (b"GET healthz HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "no-host": (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
    "two-hosts": (b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "bad-host": (b"GET /healthz HTTP/1.1\r\nHost: a/b c\r\n\r\n", 400),
    "space-before-colon": (b"GET /healthz HTTP/1.1\r\n" + HOST + b"X-A : 1\r\n\r\n", 400),
    "folded-field": (b"GET /healthz HTTP/1.1\r\n" + HOST + b"X-A: 1\r\n  2\r\n\r\n", 400),
    "field-without-colon": (b"GET /healthz HTTP/1.1\r\n" + HOST + b"nonsense\r\n\r\n", 400),
    "field-without-name": (b"GET /healthz HTTP/1.1\r\n" + HOST + b": 1\r\n\r\n", 400),
    "nul-in-field": (b"GET /healthz HTTP/1.1\r\n" + HOST + b"X-A: a\x00b\r\n\r\n", 400),
    "bare-cr-in-field": (b"GET /healthz HTTP/1.1\r\n" + HOST + b"X-A: a\rb\r\n\r\n", 400),
    "bare-lf": (b"GET /healthz HTTP/1.1\nHost: a\n\n", 400),
    "two-lengths": (POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n[[]]", 400),
    "listed-lengths": (POST + b"Content-Length: 4, 4\r\n\r\n[[]]", 400),
    "negative-length": (POST + b"Content-Length: -1\r\n\r\n", 400),
    "signed-length": (POST + b"Content-Length: +4\r\n\r\n[[]]", 400),
    "hex-length": (POST + b"Content-Length: 0x4\r\n\r\n[[]]", 400),
    "empty-length": (POST + b"Content-Length:\r\n\r\n", 400),
    "huge-length": (POST + b"Content-Length: 184467440737095516160\r\n\r\n", (400, 413)),
    "length-and-chunked": (
        POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunked-twice": (
        POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", (400, 501)),
    "chunked-not-last": (
        POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", (400, 501)),
    "unknown-coding": (POST + b"Transfer-Encoding: brotli, chunked\r\n\r\n0\r\n\r\n", (400, 501)),
    "chunked-in-1.0": (
        POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunk-size-is-no-number": (POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
    "chunk-size-overflows": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 17 + b"\r\n", (400, 413)),
    "chunk-size-is-negative": (POST + b"Transfer-Encoding: chunked\r\n\r\n-4\r\n[[]]\r\n", 400),
    "chunk-size-with-prefix": (POST + b"Transfer-Encoding: chunked\r\n\r\n0x4\r\n[[]]\r\n", 400),
    "chunk-longer-than-its-size": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n[[]]\r\n0\r\n\r\n", 400),
    "chunk-line-ends-in-lf": (POST + b"Transfer-Encoding: chunked\r\n\r\n4\n[[]]\r\n", 400),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_requests_are_refused_and_the_connection_closed(server, case):
    """And what follows is never read as another request: no smuggling."""
    data, status = MALFORMED[case]
    with Wire(server) as wire:
        wire.send(data)
        if case == "not-http":
            wire.socket.shutdown(socket.SHUT_WR)
        answer = wire.read()
        assert answer.status in (status if isinstance(status, tuple) else (status,))
        assert answer.closes
        assert answer.field("content-type").startswith("application/json")
        error = answer.json()["error"]
        assert error["code"] and error["message"]
        assert wire.ended(), wire.buffer
