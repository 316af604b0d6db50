"""Martlet over HTTP against nginx (a fixed body), FastAPI + uvicorn + onnxruntime, and mosec + onnxruntime.

    make bench            (or: Benchmarks/http/run.sh --rounds 7 --seconds 5)

One POST /predict of the iris model, as JSON, by wrk on loopback. All servers run for the whole time and
take turns, in an order that rotates; each turn begins with a warm-up that is not counted. Before
that, the answers are checked. Printed are medians over the rounds, and ratios of medians: absolute
figures mean little on a shared machine.
"""

import argparse
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy as np

import servers
from servers import PROBE, ROOT, post, tool

TARGETS = ["martlet", "nginx", "fastapi-1", "fastapi-2", "fastapi-plain", "mosec"]


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="a turn of one server")
    parser.add_argument("--warmup", type=int, default=1, help="seconds before each turn")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--threads", type=int, default=os.cpu_count(),
                        help="event loops of martlet and workers of nginx (default: the cores)")
    parser.add_argument("--load-threads", type=int, default=os.cpu_count(), help="threads of wrk")
    parser.add_argument("--targets", default=",".join(TARGETS), help="some of %(default)s")
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / ".build/release/martlet")
    parser.add_argument("--json", type=pathlib.Path, help="write all the figures to this file")
    options = parser.parse_args()
    options.targets = options.targets.split(",")
    if unknown := set(options.targets) - set(TARGETS):
        parser.error(f"unknown targets: {', '.join(sorted(unknown))}")
    if "martlet" in options.targets and not options.binary.is_file():
        parser.error(f"{options.binary} is missing: swift build -c release --product martlet")
    return options


def check(server):
    """Every held-out row gets scikit-learn's label and probabilities."""
    folder = ROOT / "models" / "iris" / "1" / "reference"
    rows = np.load(folder / "input.npy")
    body = json.dumps({"instances": [[float(str(x)) for x in row] for row in rows]})
    predictions = json.loads(post(server.port, body.encode()))["predictions"]
    labels = [prediction["label"] for prediction in predictions]
    assert labels == np.load(folder / "output_label.npy").tolist(), f"{server.name}: wrong labels"
    values = [prediction["probabilities"] for prediction in predictions]
    values = [list(value.values()) if isinstance(value, dict) else value for value in values]
    np.testing.assert_allclose(
        values, np.load(folder / "output_probability.npy"), rtol=1e-5, atol=1e-7,
        err_msg=server.name)


def wrk(server, seconds, connections, threads):
    done = subprocess.run(
        [tool("wrk"), "-t", str(threads), "-c", str(connections), "-d", f"{seconds}s", "--timeout",
         "10s", "-s", str(servers.HERE / "predict.lua"),
         f"http://127.0.0.1:{server.port}/predict?model=iris"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds + 60,
        env={**os.environ, "BENCH_BODY": PROBE.decode()})
    if done.returncode != 0:
        sys.exit(f"bench: wrk failed: {done.stderr or done.stdout}")
    figures = json.loads(done.stdout.strip().splitlines()[-1])
    if figures["failed"]:
        sys.exit(f"bench: {server.name} failed {figures['failed']} requests")
    figures["rate"] = figures["requests"] / figures["microseconds"] * 1e6
    return figures


def measure(running, options, connections, threads, label):
    """Figures of all rounds by server name."""
    figures = {server.name: [] for server in running}
    for number in range(options.rounds):
        turn = number % len(running)
        for server in running[turn:] + running[:turn]:
            if options.warmup:
                wrk(server, options.warmup, connections, threads)
            figures[server.name].append(wrk(server, options.seconds, connections, threads))
        print(f"bench: {label}, round {number + 1} of {options.rounds}", file=sys.stderr)
    return figures


def median(figures, key):
    return statistics.median(figure[key] for figure in figures)


def table(title, figures):
    print(f"\n{title}\n")
    print("| server | requests/s | lowest–highest | p50 µs | p99 µs | martlet's rate ÷ this "
          "| this p50 ÷ martlet's |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    own = figures.get("martlet")
    for name, rounds in figures.items():
        rates = [figure["rate"] for figure in rounds]
        rate_ratio = f"{median(own, 'rate') / median(rounds, 'rate'):.2f}" if own else "–"
        time_ratio = f"{median(rounds, 'p50') / median(own, 'p50'):.2f}" if own else "–"
        print(
            f"| {name} | {median(rounds, 'rate'):,.0f} | {min(rates):,.0f}–{max(rates):,.0f} "
            f"| {median(rounds, 'p50'):,.0f} | {median(rounds, 'p99'):,.0f} "
            f"| {rate_ratio} | {time_ratio} |")


def start(stack, options, folder):
    """All servers, running and checked."""
    running = []
    if "martlet" in options.targets:
        running.append(stack.enter_context(servers.martlet(options.binary, options.threads)))
    for workers in (1, 2):
        if f"fastapi-{workers}" in options.targets:
            running.append(stack.enter_context(servers.tuned_fastapi(workers)))
    if "fastapi-plain" in options.targets:
        running.append(stack.enter_context(servers.plain_fastapi()))
    if "mosec" in options.targets:
        running.append(stack.enter_context(servers.mosec(os.cpu_count())))
    for server in running:
        check(server)
    if "nginx" in options.targets:
        answer = post(running[0].port, PROBE) if running else b'{"predictions": []}'
        fixed = stack.enter_context(servers.nginx(folder, options.threads, answer))
        assert post(fixed.port, PROBE) == answer, "nginx answers something else"
        running.insert(1 if "martlet" in options.targets else 0, fixed)
    return running


def main():
    options = arguments()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        running = start(stack, options, folder)
        load = os.getloadavg()[0]
        many = measure(
            running, options, options.connections, options.load_threads,
            f"{options.connections} connections")
        lone = measure(running, options, 1, 1, "one connection")
    table(
        f"POST /predict, iris, JSON, one row, {options.connections} connections; medians of "
        f"{options.rounds} × {options.seconds} s", many)
    table("The same, one connection: what a lone request takes", lone)
    print(f"\n{os.cpu_count()} cores shared with wrk (-t{options.load_threads}); load average before: "
          f"{load:.2f}")
    if options.json:
        options.json.write_text(json.dumps({"many": many, "lone": lone}, indent=1) + "\n")


if __name__ == "__main__":
    main()
