"""Martlet's runtime against onnxruntime on the same model file, in process, one thread each.

    Benchmarks/runtime/run.sh            (or with: --rounds 9 --seconds 2)

Both compute the same rows over and over. They take turns, batch size by batch size, and who begins
rotates. First their answers are compared. Printed are medians over the rounds of the median call,
and ratios of those: absolute figures mean little on a shared machine.

onnxruntime is called with its inputs and outputs bound beforehand (io_binding), which leaves it the
least work for each call; the column `run()` is what a Python program pays that passes arrays.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnxruntime

ROOT = pathlib.Path(__file__).resolve().parents[2]
NUMPY_TYPES = {
    "tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64,
    "tensor(int32)": np.int32, "tensor(bool)": np.bool_,
}


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path,
                        default=ROOT / "models" / "digits" / "1" / "model.onnx")
    parser.add_argument("--batch", default="1,8,32,128", help="rows a call (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1, help="a turn of one side")
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / ".build/release/martlet")
    parser.add_argument("--json", type=pathlib.Path, help="write all the figures to this file")
    options = parser.parse_args()
    options.batches = [int(part) for part in options.batch.split(",")]
    if options.rounds < 1 or min(options.batches) < 1:
        parser.error("--rounds and --batch must be at least 1")
    for path in (options.binary, options.model):
        if not path.is_file():
            parser.error(f"{path} is missing")
    return options


class OnnxRuntime:
    """A session with one thread."""

    def __init__(self, path):
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = 1
        settings.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            str(path), settings, providers=["CPUExecutionProvider"])

    def inputs(self, rows):
        random = np.random.default_rng(1)
        values = {}
        for spec in self.session.get_inputs():
            kind = NUMPY_TYPES.get(spec.type)
            if kind is None:
                sys.exit(f"bench: input '{spec.name}' is a {spec.type}; this benchmark makes none")
            shape = [rows] + [size if isinstance(size, int) else 8 for size in spec.shape[1:]]
            number = random.random(shape) if "float" in spec.type or "double" in spec.type \
                else random.integers(0, 2, shape)
            values[spec.name] = number.astype(kind)
        return values

    def outputs(self, feed):
        return self.session.run(None, feed)

    def measure(self, rows, seconds):
        """Microseconds of the median call: bound, and by run()."""
        feed = self.inputs(rows)
        binding = self.session.io_binding()
        for name, value in feed.items():
            binding.bind_cpu_input(name, value)
        for spec in self.session.get_outputs():
            if not spec.type.startswith("tensor("):
                binding = None  # maps and sequences cannot be bound
                break
            binding.bind_output(spec.name)
        plain = median_call(lambda: self.session.run(None, feed), seconds / 4)
        if binding is None:
            return plain, plain
        bound = median_call(lambda: self.session.run_with_iobinding(binding), seconds * 3 / 4)
        return bound, plain


def median_call(call, seconds):
    warm = time.perf_counter() + max(seconds / 5, 0.1)
    while time.perf_counter() < warm:
        call()
    times = []
    end = time.perf_counter_ns() + int(seconds * 1e9)
    last = time.perf_counter_ns()
    while last < end:
        call()
        now = time.perf_counter_ns()
        times.append(now - last)
        last = now
    return statistics.median(times) / 1e3


def martlet(options, rows):
    done = subprocess.run(
        [options.binary, "bench", options.model, "--batch", str(rows), "--threads", "1",
         "--seconds", str(options.seconds), "--json"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=60 + 10 * options.seconds)
    if done.returncode != 0:
        sys.exit(f"bench: martlet failed: {done.stderr}")
    return json.loads(done.stdout)


def check(options, reference):
    """The two agree on random rows: whole numbers equal, floats within 1e-5."""
    feed = reference.inputs(37)
    with tempfile.TemporaryDirectory() as folder:
        command = [options.binary, "infer", options.model, "--output-dir", folder]
        for index, (name, value) in enumerate(feed.items()):
            np.save(f"{folder}/input{index}.npy", value)
            command += ["--input", f"{name}={folder}/input{index}.npy"]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        for spec, expected in zip(reference.session.get_outputs(), reference.outputs(feed)):
            if not spec.type.startswith("tensor("):
                continue
            name = "".join(c if c.isalnum() or c in "._-" else "_" for c in spec.name)
            actual = np.load(f"{folder}/{name}.npy")
            if np.issubdtype(expected.dtype, np.floating):
                np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)
            else:
                np.testing.assert_array_equal(actual, expected)


def main():
    options = arguments()
    reference = OnnxRuntime(options.model)
    check(options, reference)
    figures = {rows: {"martlet": [], "bound": [], "run": []} for rows in options.batches}
    operations, kernels = 0, ""
    for turn in range(options.rounds):
        for rows in options.batches:
            sides = ["martlet", "onnxruntime"]
            for side in sides if turn % 2 == 0 else reversed(sides):
                if side == "martlet":
                    report = martlet(options, rows)
                    operations, kernels = report["operations_per_row"], report["kernels"]
                    figures[rows]["martlet"].append(report["results"][0]["median_us"])
                else:
                    bound, plain = reference.measure(rows, options.seconds)
                    figures[rows]["bound"].append(bound)
                    figures[rows]["run"].append(plain)
        print(f"round {turn + 1} of {options.rounds} done", file=sys.stderr)

    print(f"{options.model.relative_to(ROOT) if options.model.is_relative_to(ROOT) else options.model}"
          f", one thread, {kernels} kernels, onnxruntime {onnxruntime.__version__}; "
          f"medians of {options.rounds} rounds")
    print(f"{'batch':>7} {'martlet':>12} {'GFLOP/s':>8} {'onnxruntime':>13} {'run()':>12} "
          f"{'ratio':>7} {'to run()':>9}")
    for rows in options.batches:
        ours, bound, plain = (statistics.median(figures[rows][key])
                              for key in ("martlet", "bound", "run"))
        rate = rows * operations / ours / 1e3
        print(f"{rows:>7} {ours:>9.1f} µs {rate:>8.1f} {bound:>10.1f} µs {plain:>9.1f} µs "
              f"{bound / ours:>7.2f} {plain / ours:>9.2f}")
    print("A ratio above 1: martlet is that many times as fast.")
    if options.json:
        options.json.write_text(json.dumps(
            {"model": str(options.model), "cpus": os.cpu_count(), "onnxruntime":
             onnxruntime.__version__, "microseconds": figures}, indent=1) + "\n")


if __name__ == "__main__":
    main()
