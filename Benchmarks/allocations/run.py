"""How many allocations martlet makes for a request, after warm-up. Ends with status 1 above the threshold.

The counter (counter.c) is preloaded into `martlet serve`; wrk asks. Only what happens between two
readings is counted, with every connection open and used before the first. Standard library only.
"""
import argparse
import json
import mmap
import os
import pathlib
import re
import signal
import struct
import subprocess
import sys
import tempfile
import urllib.request

import network

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WARM_UP_SECONDS = 2


def row(model):
    if model == "convolutions":
        return network.sample()
    sample = json.loads((ROOT / f"models/{model}/model.json").read_text())["sample"]
    return (sample["instances"] if isinstance(sample, dict) else sample)[0]


# name: model, rows a request, connections, requests pipelined
CASES = {
    "iris, 1 row, 1 connection": ("iris", 1, 1, 1),
    "iris, 1 row, 64 connections": ("iris", 1, 64, 1),
    "iris, 1 row, 64 connections, 16 pipelined": ("iris", 1, 64, 16),
    # Told of in the answer, and not in the log, which is off.
    "iris, 1 row, 64 connections, with identifiers": ("iris", 1, 64, 1),
    "iris, 100 rows, 16 connections": ("iris", 100, 16, 1),
    "breast-cancer, 1 row, 64 connections": ("breast-cancer", 1, 64, 1),
    "breast-cancer, 64 rows, 16 connections": ("breast-cancer", 64, 16, 1),
    "digits, 1 row, 64 connections": ("digits", 1, 64, 1),
    "digits, 32 rows, 16 connections": ("digits", 32, 16, 1),
    "convolutions, 1 row, 64 connections": ("convolutions", 1, 64, 1),
    "convolutions, 8 rows, 16 connections": ("convolutions", 8, 16, 1),
}

HEADERS = """
wrk.headers["X-Request-Id"] = "e1c38d6a-54f5-4d5b-9f3a-7a0a3f0d2f11"
wrk.headers["traceparent"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
"""

LUA = """
%(headers)s
local body = '{"instances": [' .. string.rep('%(row)s', %(rows)d, ', ') .. ']}'
wrk.method, wrk.body, wrk.headers["Content-Type"] = "POST", body, "application/json"
init = function()
    local one = wrk.format(nil, "/models/%(model)s/predict")
    all = string.rep(one, %(pipelined)d)
end
request = function() return all end
"""


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--binary", default=ROOT / ".build/release/martlet", type=pathlib.Path)
    parser.add_argument("--seconds", default=4, type=int, help="of load for each case")
    parser.add_argument("--threshold", default=0.02, type=float, help="allocations a request that pass")
    parser.add_argument("--only", default="", help="cases with this in their name")
    parser.add_argument("--where", default=0, type=int, help="print where this many allocations of a case come from")
    return parser.parse_args()


class Server:
    """`martlet serve models` with the counter in it, on a free port."""

    def __init__(self, binary, folder):
        counter, counts = folder / "counter.so", folder / "counts"
        subprocess.run(
            ["gcc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", counter, HERE / "counter.c"], check=True)
        counts.write_bytes(bytes(16))
        with open(counts, "r+b") as file:
            self.counts = mmap.mmap(file.fileno(), 16)
        self.log = open(folder / "log", "w+")
        models = folder / "models"
        models.mkdir()
        for own in (ROOT / "models").iterdir():
            if own.is_dir():
                (models / own.name).symlink_to(own)
        made = models / "convolutions" / "1"
        made.mkdir(parents=True)
        (made / "model.onnx").write_bytes(network.model())
        self.process = subprocess.Popen(
            [binary, "serve", models, "--port", "0"], stdout=subprocess.PIPE, stderr=self.log, text=True,
            env={**os.environ, "LD_PRELOAD": str(counter), "ALLOCATION_COUNTS": str(counts)})
        for line in self.process.stdout:
            if found := re.search(r"listening on (http://\S+)", line):
                self.address = found[1]
                break
        else:
            sys.exit(f"allocations: {binary} did not start:\n{(folder / 'log').read_text()}")

    def calls(self):
        return struct.unpack_from("Q", self.counts)[0]

    def trace(self, number):
        struct.pack_into("q", self.counts, 8, number)

    def traces(self):
        self.log.seek(0)
        text = self.log.read()
        self.log.seek(0, os.SEEK_END)
        return text

    def answered(self):
        """Predictions answered with 200 so far. Asked for outside the readings of `calls`: it allocates."""
        page = urllib.request.urlopen(self.address + "/metrics").read().decode()
        lines = re.findall(r'^martlet_http_requests_total\{(.*)\} (\d+)', page, re.M)
        return sum(int(value) for labels, value in lines if "predict" in labels and 'code="200"' in labels)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


def measure(server, folder, case, seconds, where, identified):
    model, rows, connections, pipelined = case
    script = folder / "case.lua"
    text = json.dumps(row(model), separators=(",", ":"))
    headers = HEADERS if identified else ""
    script.write_text(LUA % {"headers": headers, "row": text, "rows": rows, "model": model, "pipelined": pipelined})
    before = server.answered()
    load = subprocess.Popen(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds + WARM_UP_SECONDS}", "-s", script, server.address],
        stdout=subprocess.PIPE, text=True)
    try:
        load.wait(WARM_UP_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    # Scrapes allocate, so they stay outside of the two readings.
    first = server.answered()
    calls = server.calls()
    if where:
        server.trace(where)
    try:
        load.wait(seconds - 1)
    except subprocess.TimeoutExpired:
        pass
    calls = server.calls() - calls
    server.trace(0)
    last = server.answered()
    output = load.communicate()[0]
    if first == before or last == first or "Non-2xx" in output or "Socket errors" in output:
        sys.exit(f"allocations: the load failed:\n{output}")
    return last - first, calls


def main():
    given = options()
    worst = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        server = Server(given.binary, folder)
        try:
            print(f"{'case':45} {'requests':>10} {'allocations':>12} {'a request':>10}")
            for name, case in CASES.items():
                if given.only not in name:
                    continue
                requests, calls = measure(
                    server, folder, case, given.seconds, given.where, "identifiers" in name)
                worst = max(worst, calls / requests)
                print(f"{name:45} {requests:10} {calls:12} {calls / requests:10.4f}", flush=True)
            if given.where:
                print(server.traces())
        finally:
            status = server.stop()
    if status != 0:
        sys.exit(f"allocations: martlet ended with status {status}")
    if worst > given.threshold:
        sys.exit(f"allocations: {worst:.4f} a request are more than {given.threshold}")


main()
