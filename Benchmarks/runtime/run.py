"""Martlet's runtime against onnxruntime on the same model files, in process.

    Benchmarks/runtime/run.sh                      (or with: --rounds 9 --seconds 2)
    Benchmarks/runtime/run.sh --quick --only resnet18,lenet --intra-threads 1

The models are the digits MLP of this repository and those that models.py makes (see there). Both compute
the same rows over and over, with one thread and with two. They take turns, batch size by batch size, and
who begins rotates. First their answers are compared. Printed are medians over the rounds of the median call,
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

import models

ROOT = pathlib.Path(__file__).resolve().parents[2]
NUMPY_TYPES = {
    "tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64,
    "tensor(int32)": np.int32, "tensor(bool)": np.bool_,
}


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="digits," + ",".join(models.MODELS),
                        help="names of models, a list (default: %(default)s)")
    parser.add_argument("--model", type=pathlib.Path, action="append", default=[],
                        help="a model file to measure instead")
    parser.add_argument("--folder", type=pathlib.Path,
                        default=pathlib.Path(__file__).parent / "models",
                        help="where made models are kept")
    parser.add_argument("--batch", default="1,8,32", help="rows a call (default: %(default)s)")
    parser.add_argument("--intra-threads", default="1,2", help="threads a call (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1, help="a turn of one side")
    parser.add_argument("--quick", action="store_true", help="3 rounds of a quarter of a second")
    parser.add_argument("--peak", type=float, default=100,
                        help="GFLOP/s of one core, for the share (default: %(default)s)")
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / ".build/release/martlet")
    parser.add_argument("--json", type=pathlib.Path, help="write all the figures to this file")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds = 3, 0.25
    options.batches = [int(part) for part in options.batch.split(",")]
    options.lanes = [int(part) for part in options.intra_threads.split(",")]
    if options.rounds < 1 or min(options.batches + options.lanes) < 1:
        parser.error("--rounds, --batch and --intra-threads must be at least 1")
    if not options.binary.is_file():
        parser.error(f"{options.binary} is missing")
    return options


def model_files(options):
    if options.model:
        return options.model
    names = options.only.split(",")
    made = models.make(options.folder, [name for name in names if name != "digits"])
    digits = ROOT / "models" / "digits" / "1" / "model.onnx"
    return [digits] * ("digits" in names) + made


class OnnxRuntime:
    """A session with this many threads."""

    def __init__(self, path, threads):
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads
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
            if "mask" in spec.name:
                values[spec.name] = np.ones(shape, kind)
                continue
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


def martlet(options, path, rows, lanes):
    done = subprocess.run(
        [options.binary, "bench", path, "--batch", str(rows), "--intra-threads", str(lanes),
         "--seconds", str(options.seconds), "--json"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=60 + 10 * options.seconds)
    if done.returncode != 0:
        sys.exit(f"bench: martlet failed: {done.stderr}")
    return json.loads(done.stdout)


def check(options, path, reference):
    """The two agree on random rows: whole numbers equal, floats within 1e-4 of the largest."""
    feed = reference.inputs(3)
    with tempfile.TemporaryDirectory() as folder:
        command = [options.binary, "infer", path, "--output-dir", folder]
        for index, (name, value) in enumerate(feed.items()):
            np.save(f"{folder}/input{index}.npy", value)
            command += ["--input", f"{name}={folder}/input{index}.npy"]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        for spec, expected in zip(reference.session.get_outputs(), reference.outputs(feed)):
            if not spec.type.startswith("tensor("):
                continue
            name = "".join(c if c.isalnum() or c in "._-" else "_" for c in spec.name)
            actual = np.load(f"{folder}/{name}.npy")
            if not np.issubdtype(expected.dtype, np.floating):
                np.testing.assert_array_equal(actual, expected)
            else:
                # Of quantised values, one at a half rounds either way: a step is some hundredths of the largest.
                share = 0.05 if path.stem.endswith("_int8") else 1e-4
                np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=share * np.abs(expected).max())


class Row:
    """The figures of one model, batch size and number of threads, over the rounds."""

    def __init__(self, name, rows, lanes):
        self.name, self.rows, self.lanes = name, rows, lanes
        self.ours, self.bound, self.plain, self.operations = [], [], [], 0

    def line(self, peak):
        ours, bound, plain = map(statistics.median, (self.ours, self.bound, self.plain))
        rate = self.rows * self.operations / ours / 1e3
        return (f"{self.name:>14} {self.rows:>5} {self.lanes:>7} {ours:>11.1f} {bound:>11.1f} "
                f"{plain:>11.1f} {rate:>8.1f} {100 * rate / peak / self.lanes:>5.0f} % "
                f"{bound / ours:>6.2f}"), bound / ours


def measure(options, path):
    name = path.stem if path.stem != "model" else path.parent.parent.name
    sessions = {lanes: OnnxRuntime(path, lanes) for lanes in options.lanes}
    check(options, path, sessions[options.lanes[0]])
    table = [Row(name, rows, lanes) for lanes in options.lanes for rows in options.batches]
    for turn in range(options.rounds):
        for row in table:
            sides = ["martlet", "onnxruntime"]
            for side in sides if turn % 2 == 0 else reversed(sides):
                if side == "martlet":
                    report = martlet(options, path, row.rows, row.lanes)
                    row.operations = report["operations_per_row"]
                    row.ours.append(report["results"][0]["median_us"])
                else:
                    bound, plain = sessions[row.lanes].measure(row.rows, options.seconds)
                    row.bound.append(bound)
                    row.plain.append(plain)
    return table


def main():
    options = arguments()
    print(f"onnxruntime {onnxruntime.__version__}, {os.cpu_count()} cores; medians of "
          f"{options.rounds} rounds, microseconds a call; share of {options.peak:g} GFLOP/s a core")
    print(f"{'model':>14} {'batch':>5} {'threads':>7} {'martlet':>11} {'onnxruntime':>11} "
          f"{'run()':>11} {'GFLOP/s':>8} {'share':>7} {'ratio':>6}")
    ratios, figures = [], []
    for path in model_files(options):
        for row in measure(options, path):
            text, ratio = row.line(options.peak)
            print(text, flush=True)
            ratios.append(ratio)
            figures.append(vars(row))
    print(f"geometric mean of {len(ratios)} ratios: {statistics.geometric_mean(ratios):.2f} "
          "(above 1: martlet is that many times as fast)")
    if options.json:
        options.json.write_text(json.dumps(
            {"cpus": os.cpu_count(), "onnxruntime": onnxruntime.__version__, "rows": figures},
            indent=1) + "\n")


if __name__ == "__main__":
    main()
