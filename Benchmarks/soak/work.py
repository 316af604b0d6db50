"""What the clients of a soak share: where the server is, what is asked, and how a worker reports."""

import dataclasses
import gzip
import io
import json
import multiprocessing
import os
import pathlib
import random
import socket
import struct
import sys
import threading
import time
import traceback

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests" / "clients"))

JSON, NPY, CSV = "application/json", "application/x-npy", "text/csv"
# A client waits this long for anything: the machine is full on purpose.
PATIENCE_SECONDS = 60
DEAR_WIDTH = 256


@dataclasses.dataclass
class Place:
    """A listener of the server; `connect` is what Tests/clients' Wire and Peer ask for."""

    port: int
    tls: int
    authority: str

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def tls_url(self):
        return f"https://localhost:{self.tls}"

    def connect(self, timeout=PATIENCE_SECONDS, tls=False):
        made = socket.create_connection(("127.0.0.1", self.tls if tls else self.port), timeout)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made


def reset(connection):
    """Closes with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


# What is asked


@dataclasses.dataclass
class Question:
    name: str
    model: str
    kind: str
    body: bytes
    coding: str = "identity"
    answer: bytes = b""

    @property
    def target(self):
        return f"/models/{self.model}/predict"

    @property
    def headers(self):
        headers = {"Content-Type": self.kind, "Accept-Encoding": "identity"}
        if self.coding != "identity":
            headers["Content-Encoding"] = self.coding
        return headers

    def wire(self, *more):
        """The request's bytes in HTTP/1.1."""
        lines = [f"POST {self.target} HTTP/1.1", "Host: soak", f"Content-Length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, *more]).encode() + b"\r\n\r\n" + self.body


def npy(rows):
    file = io.BytesIO()
    np.save(file, np.ascontiguousarray(rows))
    return file.getvalue()


def as_json(rows):
    return json.dumps({"instances": rows.tolist()}).encode()


def questions():
    """Small, dear, big and coded ones; big bodies are about a MiB."""
    def sample(model):
        rows = np.load(ROOT / "models" / model / "1" / "reference" / "input.npy")
        return rows.astype(np.float32).round(4)

    iris, digits, cancer = sample("iris"), sample("digits"), sample("breast-cancer")
    many = np.tile(iris[:1], (65_000, 1))
    dear = np.arange(2 * DEAR_WIDTH, dtype=np.float32).reshape(2, DEAR_WIDTH)
    csv = "\n".join(",".join(map(str, row)) for row in digits[:4].tolist()).encode() + b"\n"
    return [
        Question("iris, a row", "iris", JSON, as_json(iris[:1])),
        Question("iris, reference rows", "iris", JSON, as_json(iris)),
        Question("iris, gzip", "iris", JSON, gzip.compress(as_json(iris), mtime=0), "gzip"),
        Question("digits, npy", "digits", NPY, npy(digits[:8])),
        Question("digits, csv", "digits", CSV, csv),
        Question("breast-cancer, rows", "breast-cancer", JSON, as_json(cancer[:16])),
        Question("dear, npy", "dear", NPY, npy(dear)),
        Question("table, inside", "table", JSON, as_json(np.array([[3], [0]]))),
        Question("iris, a MiB as npy", "iris", NPY, npy(many)),
        Question("iris, a MiB as JSON", "iris", JSON, as_json(many[:50_000])),
    ]


SMALL = slice(0, 8)
ALL = slice(0, 10)


def make_models(folder):
    """The committed models; `dear`, which goes through the queue; `table`, which fails when it runs on
    an index outside."""
    for name in ("iris", "digits", "breast-cancer"):
        os.symlink(ROOT / "models" / name, folder / name)
    weight = numpy_helper.from_array(np.eye(DEAR_WIDTH, dtype=np.float32), "weight")
    names = ["x", *(f"h{index}" for index in range(11)), "y"]
    nodes = [
        helper.make_node("MatMul", [before, "weight"], [after])
        for before, after in zip(names, names[1:])]
    save(folder / "dear", nodes, [weight], TensorProto.FLOAT, DEAR_WIDTH, [DEAR_WIDTH])
    table = numpy_helper.from_array(np.arange(40, dtype=np.float32).reshape(10, 4), "table")
    gather = [helper.make_node("Gather", ["table", "x"], ["y"], axis=0)]
    save(folder / "table", gather, [table], TensorProto.INT64, 1, [1, 4])


def save(folder, nodes, weights, kind, width, shape):
    graph = helper.make_graph(
        nodes, "soak", [helper.make_tensor_value_info("x", kind, ["n", width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", *shape])], weights)
    (folder / "1").mkdir(parents=True)
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
        folder / "1" / "model.onnx")


# Workers


class Tally:
    """What a worker's threads did: counts by name, and what must not have happened."""

    def __init__(self):
        self.lock, self.counts, self.faults = threading.Lock(), {}, []

    def count(self, name, number=1):
        with self.lock:
            self.counts[name] = self.counts.get(name, 0) + number

    def fault(self, name, what):
        with self.lock:
            self.faults.append((name, str(what)[:600]))

    def take(self):
        with self.lock:
            taken = self.counts, self.faults
            self.counts, self.faults = {}, []
        return taken


def loop(name, client, context, tally, end, seed):
    """Calls `client` until the end; what it raises is a fault."""
    chance = random.Random(seed)
    while not end.is_set():
        try:
            client(context, tally, chance, end)
        except Exception:
            lines = traceback.format_exc().strip().splitlines()
            tally.fault(name, " | ".join([lines[-1], *lines[-7:-1]]))
            end.wait(0.5)


def worker(jobs, context, end, reports, seed):
    """A process: a thread for each job (name, client); reports every second."""
    tally = Tally()
    threads = [
        threading.Thread(target=loop, args=(name, client, context, tally, end, seed + at), daemon=True)
        for at, (name, client) in enumerate(jobs)]
    for thread in threads:
        thread.start()
    while not end.wait(1):
        reports.put(tally.take())
    until = time.monotonic() + PATIENCE_SECONDS + 30
    for thread, (name, _) in zip(threads, jobs):
        thread.join(max(until - time.monotonic(), 0))
        if thread.is_alive():
            tally.fault(name, "the client did not come to an end: the server let it hang")
    reports.put(tally.take())
    reports.put(None)


def start(jobs, context, end, reports, seed):
    process = multiprocessing.Process(target=worker, args=(jobs, context, end, reports, seed))
    process.start()
    return process
