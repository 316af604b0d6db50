"""Two models, one flooded at 4 times its capacity: the p99 of the other, against alone.

Alone and beside the flood take turns; the ratio is that of the medians of all rounds. Both are models of
some milliseconds a row; the quiet one is asked at a fifth of its capacity by Poisson arrivals.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

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
    parser.add_argument("--seconds", type=int, default=10, help="of a turn")
    parser.add_argument("--quiet-ms", type=float, default=5)
    parser.add_argument("--flooded-ms", type=float, default=2)
    parser.add_argument("--server-options", default="", help="more options for martlet serve")
    return parser.parse_args()


def main():
    options = arguments()
    load_binary = options.load_binary or options.binary
    body = json.dumps({"instances": [[0.5] * model.INPUTS]}).encode()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        body_path = folder / "body.json"
        body_path.write_bytes(body)
        _, quiet_ms = model.of_cost(options.binary, folder / "models/quiet", options.quiet_ms)
        _, flooded_ms = model.of_cost(options.binary, folder / "models/flooded", options.flooded_ms)
        with servers.martlet(
                "martlet", options.binary, folder / "models", body,
                *options.server_options.split(), path="/models/quiet/predict") as quiet:
            flood = servers.Server("", [], quiet.port, "/models/flooded/predict", body)
            closed = servers.load(
                load_binary, flood, body_path, "--clients", 32, "--duration", 4, "--warmup", 1)
            capacity = closed["rates"]["succeeded"]
            rate = max(1, round(os.cpu_count() * 1000 / quiet_ms / 5))
            alone, beside, served = [], [], []

            def turn(figures):
                run = servers.load(
                    load_binary, quiet, body_path, "--rate", rate, "--duration", options.seconds,
                    "--connections", 64)
                figures.append(run["latency_ms"]["p99"])
                served.append(run["succeeded"] / run["scheduled"])

            for _ in range(options.rounds):
                turn(alone)
                flooding = subprocess.Popen(
                    [str(load_binary), "load", flood.url, "--body", str(body_path), "--rate",
                     str(round(4 * capacity)), "--duration", str(options.seconds + 4),
                     "--connections", "256", "--timeout-ms", "1000"],
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                try:
                    turn(beside)
                finally:
                    flooding.terminate()
                    flooding.wait(30)
    before, after = statistics.median(alone), statistics.median(beside)
    print(f"| the quiet model ({quiet_ms:.1f} ms a row, {rate}/s) | p99 ms, rounds | median |")
    print("|---|---:|---:|")
    print(f"| alone | {', '.join(f'{value:.1f}' for value in alone)} | {before:.1f} |")
    print(f"| beside {4 * capacity:,.0f}/s of a {flooded_ms:.1f} ms model "
          f"| {', '.join(f'{value:.1f}' for value in beside)} | {after:.1f} |")
    print(f"\n{after / before:.2f} × of alone; {100 * min(served):.1f} % of its requests served")


if __name__ == "__main__":
    main()
