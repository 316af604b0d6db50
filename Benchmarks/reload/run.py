"""What reloading one model does to another: the p99 of a loaded model, without and with reloads.

The loaded model costs some milliseconds a row and is asked at half its capacity by Poisson arrivals
(`martlet load`, latency from the intended send time). The other one, a perceptron of some MiB, is
replaced by another file and reloaded by the management API at fixed times. Turns without and with
reloads alternate; the ratio is that of the medians. A request that is not answered with success
is no result.
"""

import argparse
import http.client
import json
import os
import pathlib
import statistics
import sys
import tempfile
import threading
import time

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "overload"))

import model  # noqa: E402
import servers  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    binary = servers.ROOT / ".build/release/martlet"
    parser.add_argument("--binary", type=pathlib.Path, default=binary)
    parser.add_argument("--load-binary", type=pathlib.Path, help="another martlet, to make the load")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=20, help="of a turn")
    parser.add_argument("--milliseconds", type=float, default=2, help="of the loaded model, a row")
    parser.add_argument("--width", type=int, default=1024, help="of the perceptron that is reloaded")
    parser.add_argument("--every", type=float, default=1, help="seconds from reload to reload")
    parser.add_argument("--server-options", default="", help="more options for martlet serve")
    return parser.parse_args()


def perceptron(width, seed):
    """Three layers of width × width float32 weights: 12 MiB at 1,024."""
    random = np.random.default_rng(seed)
    nodes, weights, before = [], [], "x"
    for layer in range(3):
        weights.append(numpy_helper.from_array(
            (random.normal(size=(width, width)) / width).astype(np.float32), f"w{layer}"))
        nodes.append(helper.make_node("MatMul", [before, f"w{layer}"], [f"h{layer}"]))
        before = "y" if layer == 2 else f"r{layer}"
        nodes.append(helper.make_node("Relu", [f"h{layer}"], [before]))
    graph = helper.make_graph(
        nodes, "perceptron",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", width])], weights)
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


class Reloads:
    """Replaces and reloads the other model at fixed times until the end of the context. Both contents
    lie ready: what is measured is not how they are written."""

    def __init__(self, port, folder, contents, every):
        self.port, self.folder, self.every = port, folder, every
        self.sources = []
        for number, content in enumerate(contents):
            self.sources.append(folder.parent.parent / f"content-{number}")
            self.sources[-1].write_bytes(content)
        self.took, self.stopped = [], threading.Event()
        self.failure = None
        self.thread = threading.Thread(target=self.run)

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        due = time.monotonic()
        try:
            while not self.stopped.wait(max(0, due - time.monotonic())):
                due += self.every
                temporary = self.folder / "1" / "model.onnx.tmp"
                os.link(self.sources[len(self.took) % len(self.sources)], temporary)
                temporary.rename(self.folder / "1" / "model.onnx")
                begun = time.monotonic()
                connection.request("POST", "/models/other/load")
                answer = connection.getresponse()
                text = answer.read().decode()
                if answer.status != 200:
                    raise RuntimeError(f"status {answer.status}: {text}")
                self.took.append(time.monotonic() - begun)
        except (OSError, RuntimeError, http.client.HTTPException) as error:
            self.failure = error
        finally:
            connection.close()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()
        if self.failure:
            sys.exit(f"bench: a reload failed: {self.failure}")


def main():
    options = arguments()
    load_binary = options.load_binary or options.binary
    contents = [perceptron(options.width, seed) for seed in (1, 2)]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        other = folder / "models/other"
        (other / "1").mkdir(parents=True)
        (other / "1" / "model.onnx").write_bytes(contents[-1])
        _, took = model.of_cost(options.binary, folder / "models/loaded", options.milliseconds)
        body = json.dumps({"instances": [[0.5] * model.INPUTS]}).encode()
        body_path = folder / "body.json"
        body_path.write_bytes(body)
        with servers.martlet(
                "martlet", options.binary, folder / "models", body, "--model-control", "explicit",
                *options.server_options.split(), path="/models/loaded/predict") as server:
            closed = servers.load(
                load_binary, server, body_path, "--clients", 32, "--duration", 4, "--warmup", 1)
            rate = max(1, round(closed["rates"]["succeeded"] / 2))
            figures = {"without": [], "with": []}
            lost, reloads = 0, []

            def turn(name):
                nonlocal lost
                run = servers.load(
                    load_binary, server, body_path, "--rate", rate, "--duration", options.seconds,
                    "--connections", 64)
                latency = run["latency_ms"]
                figures[name].append((latency["p50"], latency["p99"], latency["max"]))
                lost += run["scheduled"] - run["succeeded"]

            for _ in range(options.rounds):
                turn("without")
                with Reloads(server.port, other, contents, options.every) as change:
                    turn("with")
                reloads += change.took
    print(f"The loaded model: {took:.2f} ms a row, {rate:,}/s of {2 * rate:,}/s; the other: "
          f"{len(contents[0]) / 2**20:.0f} MiB, {len(reloads)} reloads of "
          f"{statistics.median(reloads) * 1000:.0f} ms (the longest {max(reloads) * 1000:.0f} ms); "
          f"{os.cpu_count()} cores.\n")
    print("| reloads | p50 ms | p99 ms, rounds | p99 ms, median | longest ms |")
    print("|---|---:|---:|---:|---:|")
    medians = {}
    for name, rows in figures.items():
        medians[name] = statistics.median(p99 for _, p99, _ in rows)
        print(f"| {name} | {statistics.median(p50 for p50, _, _ in rows):.1f} "
              f"| {', '.join(f'{p99:.1f}' for _, p99, _ in rows)} | {medians[name]:.1f} "
              f"| {max(longest for _, _, longest in rows):.1f} |")
    print(f"\n{medians['with'] / medians['without']:.2f} × of without; {lost} requests lost")
    if lost:
        sys.exit("bench: requests were lost")


if __name__ == "__main__":
    main()
