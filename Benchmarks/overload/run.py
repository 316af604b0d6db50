"""What happens at 0.5 to 4 times the capacity: goodput, latency and refusals, of martlet and others.

Requests come by Poisson arrivals (`martlet load`, open loop) to a model of about 2 ms a row, with a
deadline: the client gives up after it, and tells those servers that understand X-Request-Timeout-Ms.
Goodput is what was answered with success within it. The rates are multiples of what each server
itself does in a closed loop. The generator shares the machine with the server. Each load meets a server
that has just started: the refused clients of the load before, who were told to come back, are gone.
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile

import model
import servers

ROOT = servers.ROOT
LOADS = [0.5, 0.8, 1, 1.5, 2, 4]


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / ".build/release/martlet")
    parser.add_argument("--load-binary", type=pathlib.Path, help="another martlet, to make the load")
    parser.add_argument("--milliseconds", type=float, default=2, help="of the model, a row")
    parser.add_argument("--deadline-ms", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=8, help="of each load")
    parser.add_argument("--targets", default="martlet,unbatched,mosec,fastapi")
    parser.add_argument("--loads", default=",".join(map(str, LOADS)))
    parser.add_argument("--server-options", default="", help="more options for martlet serve")
    parser.add_argument("--json", type=pathlib.Path, help="write all the figures to this file")
    return parser.parse_args()


def text(value, form=".1f"):
    return "–" if value is None else format(value, form)


def retried(figures):
    retry = figures["retry_after"]
    # Those that are due after the run are neither.
    ended = retry["succeeded"] + retry["refused"]
    return f"{100 * retry['succeeded'] / ended:.0f} % of {ended:,}" if ended else "–"


def measure(make, options, body_path, loads):
    binary = options.load_binary or options.binary
    with make() as server:
        closed = servers.load(
            binary, server, body_path, "--clients", 32, "--duration", 4, "--warmup", 2)
    capacity = closed["rates"]["succeeded"]
    print(f"\n**{server.name}**: {capacity:,.0f} requests/s in a closed loop of 32 clients\n")
    print("| offered | requests/s | goodput | of the peak | p50 ms | p99 ms | refused | "
          "refused p50, p99 ms | given up | retries served |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    rows = []
    for factor in loads:
        rate = max(1, round(capacity * factor))
        with make() as server:
            rows.append((factor, rate, servers.load(
                binary, server, body_path, "--rate", rate, "--duration", options.seconds,
                "--warmup", 1, "--connections", 256, "--timeout-ms", options.deadline_ms,
                "--deadline-ms", options.deadline_ms, "--obey-retry-after")))
    peak = max(figures["rates"]["succeeded"] for _, _, figures in rows)
    for factor, rate, figures in rows:
        good, scheduled = figures["rates"]["succeeded"], figures["scheduled"]
        latency, refused = figures["latency_ms"], figures["refused_ms"]
        gone = figures["failures"]["timeout"] + figures["failures"]["timeout_unsent"]
        print(
            f"| {factor} × | {rate:,} | {good:,.0f} | {100 * good / peak:.0f} % "
            f"| {text(latency['p50'])} | {text(latency['p99'])} "
            f"| {100 * refused['count'] / scheduled:.0f} % "
            f"| {text(refused['p50'])}, {text(refused['p99'])} | {100 * gone / scheduled:.0f} % "
            f"| {retried(figures)} |", flush=True)
    return {"name": server.name, "capacity": capacity, "loads": [
        {"factor": factor, **figures} for factor, _, figures in rows]}


def main():
    options = arguments()
    loads = [float(part) for part in options.loads.split(",")]
    body = json.dumps({"instances": [[0.5] * model.INPUTS]}).encode()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        body_path = folder / "body.json"
        body_path.write_bytes(body)
        path, took = model.of_cost(options.binary, folder / "models/tanh", options.milliseconds)
        model.write(
            folder / "single/tanh", len(model.onnx.load(path).graph.node) - 2,
            batching={"max_batch_size": 1})
        extra = options.server_options.split()
        targets = {
            "martlet": lambda: servers.martlet(
                "martlet", options.binary, folder / "models", body, *extra),
            "unbatched": lambda: servers.martlet(
                "martlet, max_batch_size 1", options.binary, folder / "single", body, *extra),
            "mosec": lambda: servers.mosec(path, body),
            "fastapi": lambda: servers.fastapi(path, body)}
        print(f"A row takes {took:.2f} ms; {os.cpu_count()} cores, load average "
              f"{os.getloadavg()[0]:.2f}; deadline {options.deadline_ms} ms; "
              f"{options.seconds} s a load.")
        for name in options.targets.split(","):
            if name not in targets:
                sys.exit(f"bench: no target '{name}'; there are {', '.join(targets)}")
            results.append(measure(targets[name], options, body_path, loads))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
