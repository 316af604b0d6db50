"""HTTP/1.x by hand: what well-behaved clients never send, and answers exactly as they arrive."""

import dataclasses
import json
import select
import socket


@dataclasses.dataclass
class Answer:
    version: str
    status: int
    fields: list
    body: bytes = b""

    def field(self, name):
        """The value of a field that may be there once; None without it."""
        values = [value for key, value in self.fields if key == name.lower()]
        assert len(values) <= 1, f"{name} is given {len(values)} times"
        return values[0] if values else None

    def json(self):
        return json.loads(self.body)

    @property
    def closes(self):
        connection = (self.field("connection") or "").lower()
        return connection == "close" or (self.version == "HTTP/1.0" and connection != "keep-alive")


class Wire:
    """One connection. Every wait is bounded by the socket's timeout."""

    def __init__(self, server, timeout=20):
        self.socket = server.connect(timeout)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def send_slowly(self, data):
        """One segment a byte."""
        for index in range(len(data)):
            self.socket.sendall(data[index:index + 1])

    def _more(self):
        data = self.socket.recv(65536)
        self.buffer += data
        return len(data) > 0

    def _until(self, mark):
        while mark not in self.buffer:
            assert self._more(), f"the connection ended inside {self.buffer!r}"
        part, _, self.buffer = self.buffer.partition(mark)
        return part

    def _exactly(self, count):
        while len(self.buffer) < count:
            assert self._more(), "the connection ended inside a body"
        part, self.buffer = self.buffer[:count], self.buffer[count:]
        return part

    def read(self, method="POST"):
        """The next answer, 1xx ones included."""
        lines = self._until(b"\r\n\r\n").decode("ascii").split("\r\n")
        version, status, _ = lines[0].split(" ", 2)
        fields = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            assert colon and name.strip() == name and name, f"malformed field {line!r}"
            fields.append((name.lower(), value.strip()))
        answer = Answer(version, int(status), fields)
        if method == "HEAD" or answer.status < 200 or answer.status in (204, 304):
            return answer
        if (answer.field("transfer-encoding") or "").lower() == "chunked":
            answer.body = self._chunks()
        elif answer.field("content-length") is not None:
            answer.body = self._exactly(int(answer.field("content-length")))
        else:
            while self._more():
                pass
            answer.body, self.buffer = self.buffer, b""
        return answer

    def _chunks(self):
        body = b""
        while True:
            size = int(self._until(b"\r\n").split(b";")[0], 16)
            if size == 0:
                while self._until(b"\r\n"):
                    pass
                return body
            body += self._exactly(size)
            assert self._exactly(2) == b"\r\n"

    def has_answer(self, seconds):
        """Whether the first byte of an answer comes within this time."""
        return bool(self.buffer) or bool(select.select([self.socket], [], [], seconds)[0])

    def ended(self):
        """Whether the server closes the connection without another byte."""
        try:
            return self.buffer == b"" and self.socket.recv(65536) == b""
        except ConnectionResetError:
            return True
        except (TimeoutError, socket.timeout):
            return False


def request(method, target, body=b"", *fields, version="HTTP/1.1", host=True, length=True):
    """The bytes of a request; `fields` are whole lines without their end."""
    lines = [f"{method} {target} {version}"]
    if host:
        lines.append("Host: martlet.test")
    if length and (body or method in ("POST", "PUT")):
        lines.append(f"Content-Length: {len(body)}")
    lines += fields
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


JSON = "Content-Type: application/json"


def predict(rows, model="iris", *fields, **options):
    """A POST /predict of these rows as JSON."""
    body = rows if isinstance(rows, bytes) else json.dumps({"instances": rows}).encode()
    return request("POST", f"/predict?model={model}", body, JSON, *fields, **options)
