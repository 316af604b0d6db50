"""Throughput with 256 clients over HTTP against what the model alone computes at its best batch size.

The model alone is `martlet bench` on as many threads as there are cores, at each batch size. Over HTTP,
`martlet load` keeps 256 requests of one row in flight; its share of the processors is printed, since it
takes them from the server. A model that is cheaper than its requests cannot come near what it does
alone: so the same requests also go to a model that only takes ten of the inputs out ("HTTP alone").
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "overload"))

import numpy as np  # noqa: E402
import onnx  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

import model  # noqa: E402
import servers  # noqa: E402

BATCHES = [1, 8, 32, 64]


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    binary = servers.ROOT / ".build/release/martlet"
    parser.add_argument("--binary", type=pathlib.Path, default=binary)
    parser.add_argument("--load-binary", type=pathlib.Path, help="another martlet, to make the load")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="of a turn")
    parser.add_argument("--clients", type=int, default=256)
    parser.add_argument("--server-options", default="", help="more options for martlet serve")
    return parser.parse_args()


def alone(binary, path):
    """Rows a second of all threads at the best batch size, and that size."""
    done = subprocess.run(
        [str(binary), "bench", str(path), "--batch", ",".join(map(str, BATCHES)), "--threads",
         str(os.cpu_count()), "--seconds", "1", "--json"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=True)
    return max(
        (figures["rows_per_second"], figures["batch"])
        for figures in json.loads(done.stdout)["results"])


def nothing(folder, width):
    """A model that answers with the first ten of its inputs."""
    constants = [
        numpy_helper.from_array(np.array([value], np.int64), name)
        for name, value in (("start", 0), ("end", min(width, 10)), ("axis", 1))]
    graph = helper.make_graph(
        [helper.make_node("Slice", ["x", "start", "end", "axis"], ["y"])], "nothing",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", min(width, 10)])], constants)
    (folder / "1").mkdir(parents=True)
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
        folder / "1" / "model.onnx")
    return folder


def main():
    options = arguments()
    load_binary = options.load_binary or options.binary
    print(f"| model | alone, rows/s (batch) | {options.clients} clients, requests/s | ratio "
          "| HTTP alone, requests/s | ratio to the lower | rows a run | generator, of a core |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        five, _ = model.of_cost(options.binary, folder / "models/five", 5)
        digits = servers.ROOT / "models/digits/1/model.onnx"
        for name, path, served, width in (
                ("digits", digits, servers.ROOT / "models/digits", 64),
                ("5 ms", five, folder / "models/five", model.INPUTS)):
            body = json.dumps({"instances": [[1.0] * width]}).encode()
            body_path = folder / f"{name}.json"
            body_path.write_bytes(body)
            empty = nothing(folder / f"nothing-{width}", width)
            rates, bests, limits, sizes, shares = [], [], [], [], []

            def ask(folder):
                with servers.martlet(
                        name, options.binary, folder, body,
                        *options.server_options.split()) as server:
                    run = servers.load(
                        load_binary, server, body_path, "--clients", options.clients,
                        "--duration", options.seconds, "--warmup", 1)
                    return run["rates"]["succeeded"], rows_a_run(server), run["generator"]

            for _ in range(options.rounds):
                bests.append(alone(options.binary, path))
                limits.append(ask(empty)[0])
                rate, size, generator = ask(served)
                rates.append(rate)
                sizes.append(size)
                shares.append(generator["cpu_share_max"])
            best = statistics.median(rate for rate, _ in bests)
            rate, limit = statistics.median(rates), statistics.median(limits)
            print(f"| {name} | {best:,.0f} ({bests[0][1]}) | {rate:,.0f} | {rate / best:.2f} "
                  f"| {limit:,.0f} | {rate / min(best, limit):.2f} "
                  f"| {statistics.median(sizes):.1f} | {statistics.median(shares):.2f} |",
                  flush=True)


def rows_a_run(server):
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=20) as page:
        lines = page.read().decode().splitlines()
    def total(name):
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name + "{"))
    return total("martlet_batch_rows_sum") / max(total("martlet_batch_rows_count"), 1)


if __name__ == "__main__":
    main()
