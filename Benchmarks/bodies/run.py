"""Requests of a MiB: how fast they are taken in.

    make bench-bodies             (or: Benchmarks/bodies/run.sh --rounds 7)
    QUICK=1 make bench-bodies     a minute

POST of 1 MiB as a NumPy file, and as JSON, in HTTP/1.1 (wrk) and in HTTP/2 in the clear (h2load). The model
adds 4,096 numbers a row up, so that nearly all the work is the body. Martlet computes on every byte; nginx
reads the body into memory and answers with a constant, nghttpd throws it away, and "loopback" is a process
that only reads the socket: the most that this machine's kernel carries. MB are 10^6 bytes.
"""

import argparse
import contextlib
import io
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "http2"), str(HERE.parent / "http")]

import peers  # noqa: E402
from load import HEADER, QUICK, certificate, h2load, in_turns, rows, wrk  # noqa: E402
from servers import ROOT, free_port, post  # noqa: E402

WIDTH, ROWS = 4096, 64
TARGET = "/predict?model=sum"


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2 if QUICK else 5)
    parser.add_argument("--seconds", type=int, default=2 if QUICK else 5, help="a turn of one server")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of each server and of the load")
    parser.add_argument("--pin", action="store_true",
                        help="servers with one thread on core 0, the load with one on core 1")
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / ".build/release/martlet")
    options = parser.parse_args()
    if not options.binary.is_file():
        parser.error(f"{options.binary} is missing: swift build -c release --product martlet")
    options.core = options.load_core = None
    if options.pin:
        options.core, options.load_core, options.threads = 0, 1, 1
    return options


def make_model(folder):
    graph = helper.make_graph(
        [helper.make_node("ReduceSum", ["x", "axes"], ["y"], keepdims=1)], "sum",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", WIDTH])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])],
        [numpy_helper.from_array(np.array([1], np.int64), "axes")])
    (folder / "sum" / "1").mkdir(parents=True)
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
        folder / "sum" / "1" / "model.onnx")


def bodies():
    """Both of a MiB: JSON's numbers are longer, so it holds fewer rows."""
    numbers = np.random.default_rng(1).random((ROWS, WIDTH), np.float32)
    file = io.BytesIO()
    np.save(file, numbers)
    lines = [json.dumps([round(float(x), 6) for x in row]) for row in numbers]
    count = (1 << 20) // (len(lines[0]) + 2)
    text = ('{"instances": [' + ", ".join(lines[:count]) + "]}").encode()
    return {"npy": ("application/x-npy", file.getvalue(), numbers),
            "JSON": ("application/json", text, numbers[:count])}


def check(server, kind, body, numbers):
    """The sums are right before their speed counts."""
    answer = json.loads(post(server.ports["plain"], body, TARGET, kind))
    got = [item[0] if isinstance(item, list) else item for item in answer["predictions"]]
    np.testing.assert_allclose(got, numbers.astype(np.float64).sum(axis=1), rtol=1e-4)


# Run as a process of its own: reads requests of a known length and answers each.
SINK = """
import os, socket, sys, threading
port, length, workers = map(int, sys.argv[1:])
answer = b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n{}"
def serve(connection):
    try: read(connection)
    except ConnectionError: pass  # wrk closes with answers on their way
def read(connection):
    room = memoryview(bytearray(1 << 20))
    pending = b""
    while True:
        while b"\\r\\n\\r\\n" not in pending:
            more = connection.recv(65536)
            if not more: return
            pending += more
        head, _, rest = pending.partition(b"\\r\\n\\r\\n")
        left, pending = length - len(rest), b""
        while left > 0:
            got = connection.recv_into(room, min(left, len(room)))
            if not got: return
            left -= got
        connection.sendall(answer)
for _ in range(workers - 1):
    if not os.fork(): break
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
listener.bind(("127.0.0.1", port)); listener.listen(64)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""


class Sink:
    """A reader that does nothing else."""

    name = "loopback, read only"

    def __init__(self, length, workers, core):
        self.ports = {"plain": free_port()}
        pinned = [] if core is None else ["taskset", "-c", str(core)]
        self.command = [
            *pinned, sys.executable, "-c", SINK, str(self.ports["plain"]), str(length), str(workers)]

    def __enter__(self):
        # A group of its own: its second process is its child.
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, start_new_session=True)
        end = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.ports["plain"]), 5).close()
                time.sleep(0.3)
                return self
            except OSError:
                assert time.monotonic() < end and self.process.poll() is None, "the sink did not start"
                time.sleep(0.1)

    def __exit__(self, *_):
        os.killpg(self.process.pid, 9)
        self.process.wait(10)

    def url(self, kind, path=TARGET):
        return f"http://127.0.0.1:{self.ports[kind]}{path}"


def target(server, kind):
    """nginx has a path where it reads bodies."""
    return server.url(kind, "/body" + TARGET if "nginx" in server.name else TARGET)


def main():
    options = arguments()
    measured = {}
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        os.chmod(folder, 0o755)
        make_model(folder / "models")
        pair = certificate(folder)
        own = stack.enter_context(
            peers.martlet(options.binary, options.threads, pair, folder / "models", options.core))
        fixed = stack.enter_context(
            peers.nginx(str(folder), options.threads, pair, b"{}", options.core))
        file = stack.enter_context(
            peers.nghttpd(folder, options.threads, b"{}", None, options.core))
        load = os.getloadavg()[0]
        for name, (kind, body, numbers) in bodies().items():
            check(own, kind, body, numbers)
            sink = stack.enter_context(Sink(len(body), options.threads, options.core))
            fixed.name = "nginx, body read"
            label = f"{name}, HTTP/1.1"
            measured[label] = in_turns(label, [own, fixed, sink], options.rounds, lambda server: len(body) * wrk(
                server.name, target(server, "plain"), body, kind, options.seconds,
                options.connections, options.threads, options.load_core))
            label = f"{name}, HTTP/2"
            measured[label] = in_turns(label, [own, fixed, file], options.rounds, lambda server: len(body) * h2load(
                server.name, target(server, "h2c"), body, kind, options.seconds,
                options.connections, 2, options.threads, options.load_core))
    where = "the server's one thread on a core, the load's on the other" if options.pin else (
        f"{options.threads} threads of each, not pinned")
    print(
        f"\nPOST of 1 MiB, a model that adds it up; {options.connections} connections; medians of "
        f"{options.rounds} × {options.seconds} s\n")
    print(HEADER.replace("requests/s", "MB/s"))
    for label, figures in measured.items():
        rows(label, figures, 1e-6)
    print(f"\n{os.cpu_count()} cores, shared with the load; {where}; load average before: {load:.2f}")


if __name__ == "__main__":
    sys.exit(main())
