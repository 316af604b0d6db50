"""What RFC 9113 says of each frame, sent by hand: which error ends the connection, and which a stream."""

import pytest

from frames import Ended, Peer, fields, frame
from test_http2_attacks import GET, POST

NO_ERROR, PROTOCOL, FLOW, CLOSED, SIZE, COMPRESSION = 0, 1, 3, 5, 6, 9
MOST = 0x7FFFFFFF


def get(stream=1, flags=5, pairs=GET):
    return frame(1, flags, stream, fields(pairs))


def post(stream=1, pairs=POST):
    return frame(1, 4, stream, fields(pairs))


def setting(number, value):
    return frame(4, 0, 0, number.to_bytes(2) + value.to_bytes(4))


CONNECTION_ERRORS = {
    "4.1 a frame above SETTINGS_MAX_FRAME_SIZE": (SIZE, post() + frame(0, 0, 1, b" " * 16385)),
    "4.2 SETTINGS of any size is checked before it is read": (SIZE, frame(4, 0, 0, b"\0" * 16386)),
    "4.3 a header block that cannot be decoded": (COMPRESSION, frame(1, 5, 1, b"\xff\xff\xff\xff\xff")),
    "5.1 DATA on an idle stream": (PROTOCOL, frame(0, 0, 1, b"x")),
    "5.1 RST_STREAM on an idle stream": (PROTOCOL, frame(3, 0, 1, (8).to_bytes(4))),
    "5.1 WINDOW_UPDATE on an idle stream": (PROTOCOL, frame(8, 0, 1, (1).to_bytes(4))),
    "5.1 CONTINUATION on an idle stream": (PROTOCOL, frame(9, 4, 1, fields(GET))),
    "5.1 HEADERS on a stream the client reset": (CLOSED, post() + frame(3, 0, 1, b"\0\0\0\x08") + get()),
    "5.1.1 an even stream number": (PROTOCOL, get(2)),
    "5.1.1 a number below one in use": (PROTOCOL, get(5) + get(3)),
    "5.3.1 of RFC 7540: PRIORITY on itself": (PROTOCOL, frame(2, 0, 3, (3).to_bytes(4) + b"\x10")),
    "5.3.1 of RFC 7540: HEADERS on itself": (
        PROTOCOL, frame(1, 0x25, 1, (1).to_bytes(4) + b"\x10" + fields(GET))),
    "6.1 DATA on stream 0": (PROTOCOL, frame(0, 0, 0, b"x")),
    "6.1 more padding than payload": (PROTOCOL, post() + frame(0, 8, 1, b"\5xx")),
    "6.2 HEADERS on stream 0": (PROTOCOL, get(0)),
    "6.2 more padding than payload": (PROTOCOL, frame(1, 0xd, 1, b"\xff" + fields(GET))),
    "6.2 another frame inside a header block": (PROTOCOL, get(flags=1) + frame(6, 0, 0, b"12345678")),
    "6.2 another stream inside a header block": (PROTOCOL, get(flags=1) + get(3)),
    "6.3 PRIORITY on stream 0": (PROTOCOL, frame(2, 0, 0, (3).to_bytes(4) + b"\x10")),
    "6.3 PRIORITY of a wrong size": (SIZE, post() + frame(2, 0, 1, b"\0\0\0\3")),
    "6.4 RST_STREAM on stream 0": (PROTOCOL, frame(3, 0, 0, b"\0\0\0\x08")),
    "6.4 RST_STREAM of a wrong size": (SIZE, post() + frame(3, 0, 1, b"\0\0\0")),
    "6.5 SETTINGS with a stream": (PROTOCOL, frame(4, 0, 1)),
    "6.5 SETTINGS of a wrong size": (SIZE, frame(4, 0, 0, b"\0\3\0")),
    "6.5 an acknowledgement with a payload": (SIZE, frame(4, 1, 0, b"\0" * 6)),
    "6.5.2 ENABLE_PUSH of 2": (PROTOCOL, setting(2, 2)),
    "6.5.2 INITIAL_WINDOW_SIZE of 2^31": (FLOW, setting(4, MOST + 1)),
    "6.5.2 MAX_FRAME_SIZE of 16,383": (PROTOCOL, setting(5, 16383)),
    "6.5.2 MAX_FRAME_SIZE of 2^24": (PROTOCOL, setting(5, 1 << 24)),
    "6.6 PUSH_PROMISE of a client": (PROTOCOL, post() + frame(5, 4, 1, (2).to_bytes(4) + fields(GET))),
    "6.7 PING with a stream": (PROTOCOL, frame(6, 0, 1, b"12345678")),
    "6.7 PING of a wrong size": (SIZE, frame(6, 0, 0, b"1234567")),
    "6.8 GOAWAY with a stream": (PROTOCOL, frame(7, 0, 1, b"\0" * 8)),
    "6.9 WINDOW_UPDATE of 0": (PROTOCOL, frame(8, 0, 0, (0).to_bytes(4))),
    # Section 6.9 asks for an error of the stream; section 5.4.2 lets it be one of the connection.
    "6.9 WINDOW_UPDATE of 0 on a stream": (PROTOCOL, post() + frame(8, 0, 1, (0).to_bytes(4))),
    "6.9 WINDOW_UPDATE of a wrong size": (SIZE, frame(8, 0, 0, b"\0\0\1")),
    "6.9.1 a window above 2^31 - 1": (FLOW, frame(8, 0, 0, MOST.to_bytes(4)) * 2),
    "6.10 CONTINUATION behind a whole block": (PROTOCOL, post() + frame(9, 4, 1, fields([("a", "b")]))),
}


@pytest.mark.parametrize("case", CONNECTION_ERRORS)
def test_connection_errors(server, case):
    """RFC 9113 section 5.4.1: GOAWAY with the code, then the end."""
    code, data = CONNECTION_ERRORS[case]
    with Peer(server, window=65535) as peer:
        peer.settings()
        try:
            peer.send(data)
        except Ended:
            pass
        assert peer.ends(), "the connection goes on"
        assert [int.from_bytes(made[4:8]) for made in peer.goaways] == [code]


STREAM_ERRORS = {
    "5.1 DATA behind the end of a stream": (CLOSED, get() + frame(6, 0, 0, b"12345678"), frame(0, 0, 1, b"x")),
    "6.9.1 a window above 2^31 - 1": (FLOW, post(), frame(8, 0, 1, MOST.to_bytes(4))),
    # Section 6.9.2 asks for an error of the connection; nghttp2 resets the streams it is about.
    "6.9.2 a setting that makes a window too large": (
        FLOW, post() + frame(8, 0, 1, (MOST - 65535).to_bytes(4)), setting(4, 65536)),
    "8.1.1 a body longer than its length": (
        PROTOCOL, post(pairs=POST + [("content-length", "1")]), frame(0, 1, 1, b"[]")),
    "8.1.1 a body shorter than its length": (
        PROTOCOL, post(pairs=POST + [("content-length", "3")]), frame(0, 1, 1, b"[]")),
    "8.1 a second header list that is no end": (
        PROTOCOL, post(), frame(1, 4, 1, fields([("a", "b")]))),
    "8.1 a pseudo-header field in trailers": (
        PROTOCOL, post() + frame(0, 0, 1, b"[]"), frame(1, 5, 1, fields([(":path", "/")]))),
    "8.2.1 upper case": (PROTOCOL, b"", get(pairs=GET + [("Upper", "1")])),
    "8.2.2 a field of the connection": (PROTOCOL, b"", get(pairs=GET + [("connection", "close")])),
    "8.2.2 te that is not trailers": (PROTOCOL, b"", get(pairs=GET + [("te", "gzip")])),
    "8.3 a pseudo-header field behind others": (PROTOCOL, b"", get(pairs=[("a", "b")] + GET)),
    "8.3.1 no path": (PROTOCOL, b"", get(pairs=[GET[0], *GET[2:]])),
}


@pytest.mark.parametrize("case", STREAM_ERRORS)
def test_stream_errors(server, case):
    """RFC 9113 section 5.4.2: RST_STREAM with the code; the connection goes on."""
    code, before, data = STREAM_ERRORS[case]
    with Peer(server, window=65535) as peer:
        peer.settings()
        peer.send(before)
        if before[3:4] == b"\1" and before[4] & 1:
            assert peer.answer(1)[0] == 200
        peer.send(data)
        found = peer.until(lambda kind, _, stream, data: kind == 3 and stream == 1)
        assert int.from_bytes(found[3]) == code
        peer.request(3, "GET", "/healthz")
        assert peer.answer(3)[0] == 200 and not peer.goaways


IGNORED = {
    "4.1 an unknown type": frame(0x16, 0xFF, 5, b"xyz"),
    "4.1 unknown flags": frame(6, 0xFE, 0, b"12345678"),
    "5.1 PRIORITY on an idle stream": frame(2, 0, 9, b"\0\0\0\0\x10"),
    "5.1 RST_STREAM on a closed stream": frame(3, 0, 1, b"\0\0\0\x08"),
    "5.1 WINDOW_UPDATE on a closed stream": frame(8, 0, 1, (9).to_bytes(4)),
    "6.1 an empty DATA frame": post(3) + frame(0, 0, 3),
    "6.5 no setting": frame(4, 0, 0),
    "6.5.2 an unknown setting": setting(0x4242, 7),
    "6.5.3 a table of no bytes": setting(1, 0),
    "6.9.2 a window that becomes negative": setting(4, 0) + setting(4, MOST // 2),
    "7.1.1 of RFC 9218: PRIORITY_UPDATE": frame(0x10, 0, 0, (1).to_bytes(4) + b"u=1"),
}


@pytest.mark.parametrize("case", IGNORED)
def test_what_is_allowed(server, case):
    with Peer(server, window=65535) as peer:
        peer.request(1, "GET", "/healthz")
        assert peer.answer(1)[0] == 200
        peer.send(IGNORED[case])
        peer.request(7, "GET", "/healthz")
        assert peer.answer(7)[0] == 200 and not peer.goaways


def test_frames_that_crossed_our_reset_are_no_error(server):
    """RFC 9113 section 5.1: what a client sent before it saw RST_STREAM is thrown away."""
    with Peer(server) as peer:
        peer.settings()
        peer.send(post() + frame(8, 0, 1, MOST.to_bytes(4)))
        assert peer.until(lambda kind, _, stream, data: kind == 3 and stream == 1)
        for _ in range(20):
            peer.frame(0, 0, 1, b" " * 1000)
        peer.frame(1, 5, 1, fields([("x-end", "1")]))
        peer.request(3, "GET", "/healthz")
        assert peer.answer(3)[0] == 200 and not peer.goaways
