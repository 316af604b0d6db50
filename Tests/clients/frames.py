"""HTTP/2 by frame: what well-behaved clients never send. Fields are packed by the hpack package."""

import socket
import time

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def fields(pairs):
    """A block that needs no dynamic table: every field literally, without an index."""
    def text(value):
        data = value.encode("latin-1")
        return number(len(data), 7) + data

    return b"".join(b"\x00" + text(name) + text(value) for name, value in pairs)


def number(value, bits):
    """RFC 7541 section 5.1."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([value])
    made, value = bytearray([most]), value - most
    while value >= 128:
        made.append(value & 127 | 128)
        value >>= 7
    return bytes(made + bytes([value]))


def frame(kind, flags, stream, data=b""):
    return len(data).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + data


class Ended(Exception):
    """The server closed the connection."""


class Peer:
    """One cleartext connection by prior knowledge. Every wait is bounded."""

    def __init__(self, server, timeout=20, window=(1 << 31) - 1, settings=b""):
        self.socket = server.connect(timeout)
        self.timeout, self.buffer, self.first = timeout, b"", None
        self.decoder = hpack.Decoder()
        self.goaways, self.got, self.done = [], {}, set()
        if window > 65535:
            settings += b"\0\4" + window.to_bytes(4)
        self.send(PREFACE + frame(4, 0, 0, settings))
        if window > 65535:
            self.frame(8, 0, 0, (window - 65535).to_bytes(4))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            raise Ended from None

    def frame(self, kind, flags, stream, data=b""):
        self.send(frame(kind, flags, stream, data))

    def request(self, stream, method, target, body=b"", end=True):
        pairs = [(":method", method), (":path", target), (":scheme", "http"), (":authority", "a")]
        if method == "POST":
            pairs.append(("content-type", "application/json"))
        if len(body) > 65535:
            self.settings()  # until they are read, a stream's window is what RFC 9113 section 6.9.2 says
        self.frame(1, 4 | (end and not body), stream, fields(pairs))
        for at in range(0, len(body), 16384):
            last = end and at + 16384 >= len(body)
            self.frame(0, int(last), stream, body[at:at + 16384])

    def read(self):
        """The next frame: (type, flags, stream, payload)."""
        while len(self.buffer) < 9 or len(self.buffer) < 9 + int.from_bytes(self.buffer[:3]):
            try:
                more = self.socket.recv(1 << 16)
            except ConnectionResetError:
                more = b""
            if not more:
                raise Ended
            self.buffer += more
        length = int.from_bytes(self.buffer[:3])
        head, data, self.buffer = self.buffer[:9], self.buffer[9:9 + length], self.buffer[9 + length:]
        kind, flags, stream = head[3], head[4], int.from_bytes(head[5:])
        if kind == 4 and not flags & 1:
            if self.first is None:
                self.first = {
                    int.from_bytes(data[at:at + 2]): int.from_bytes(data[at + 2:at + 6])
                    for at in range(0, len(data), 6)}
            self.frame(4, 1, 0)
        if kind == 7:
            self.goaways.append(data)
        return kind, flags, stream, data

    def until(self, wanted):
        end = time.monotonic() + self.timeout
        while time.monotonic() < end:
            found = self.read()
            if wanted(*found):
                return found
        raise AssertionError("no such frame came")

    def settings(self):
        while self.first is None:
            self.read()
        return self.first

    def answer(self, stream):
        """The whole answer on a stream: (status, fields, body); those of others are kept."""
        while stream not in self.done:
            self.keep(self.read())
        head, body = self.got[stream]
        return int(head[":status"]), head, body

    def keep(self, found):
        """Takes a frame that was read as part of its stream's answer."""
        kind, flags, number, data = found
        if kind == 1:
            assert flags & 4, "the tests' answers fit one HEADERS frame"
            self.got.setdefault(number, [dict(self.decoder.decode(data)), b""])
        elif kind == 0:
            self.got[number][1] += data
        elif kind == 3 and number not in self.done:
            raise AssertionError(f"stream {number} was reset: {int.from_bytes(data)}")
        if kind in (0, 1) and flags & 1:
            self.done.add(number)

    def ends(self):
        """Whether the server closes the connection, whatever it sends before."""
        try:
            while True:
                self.read()
        except Ended:
            return True
        except TimeoutError:
            return False
