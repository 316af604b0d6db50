"""wrk and h2load as functions, servers in turns, and tables: what the newer benchmarks share."""

import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

from servers import HERE, tool

QUICK = os.environ.get("QUICK") not in (None, "", "0")


def pinned(core):
    return [] if core is None else ["taskset", "-c", str(core)]


def run(name, command, seconds, **options):
    done = subprocess.run(
        [str(part) for part in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=seconds + 120, **options)
    if done.returncode != 0:
        sys.exit(f"bench: {name}: {command[0]} failed: {done.stderr or done.stdout}")
    return done.stdout


def wrk(name, url, body, kind, seconds, connections, threads, core=None):
    """Requests a second."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(body)
        file.flush()
        text = run(
            name,
            [*pinned(core), tool("wrk"), "-t", threads, "-c", connections, "-d", f"{seconds}s",
             "--timeout", "30s", "-s", HERE / "body.lua", url],
            seconds, env={**os.environ, "BENCH_FILE": file.name, "BENCH_TYPE": kind})
    figures = json.loads(text.strip().splitlines()[-1])
    if figures["failed"] or not figures["requests"]:
        sys.exit(f"bench: {name} failed {figures['failed']} of {figures['requests']} requests")
    return figures["requests"] / figures["microseconds"] * 1e6


def h2load(name, url, body, kind, seconds, connections, streams, threads, core=None):
    """Requests a second after a second of warm-up."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(body)
        file.flush()
        text = run(
            name,
            [*pinned(core), tool("h2load"), "-c", connections, "-m", streams, "-t", threads, "-D",
             seconds, "--warm-up-time", 1, "-d", file.name, "-H", f"content-type: {kind}", url],
            seconds + 1)
    counts = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", text)
    good = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", text)
    if not counts or not good or any(map(int, counts.groups()[1:])) or any(map(int, good.groups()[1:])):
        sys.exit(f"bench: {name} failed requests:\n{text[-1500:]}")
    if not int(counts[1]):
        sys.exit(f"bench: {name} answered nothing")
    return int(counts[1]) / seconds


def in_turns(label, running, rounds, measure):
    """`measure` of each server, in an order that rotates: a list of figures by name."""
    figures = {server.name: [] for server in running}
    for number in range(rounds):
        turn = number % len(running)
        for server in running[turn:] + running[:turn]:
            figures[server.name].append(measure(server))
        print(f"bench: {label}, round {number + 1} of {rounds}", file=sys.stderr)
    return figures


HEADER = ("| what | server | requests/s | lowest–highest | martlet's rate ÷ this |\n"
          "|---|---|---:|---:|---:|")


def rows(label, figures, scale=1.0, digits=0):
    """Rows of a table; figures times `scale` are what is printed."""
    own = figures.get("martlet")
    for name, rates in figures.items():
        middle = statistics.median(rates)
        ratio = f"{statistics.median(own) / middle:.2f}" if own else "–"
        print(
            f"| {label} | {name} | {middle * scale:,.{digits}f} "
            f"| {min(rates) * scale:,.{digits}f}–{max(rates) * scale:,.{digits}f} | {ratio} |")


def certificate(folder):
    """A key and a certificate of its own for localhost."""
    key, made = pathlib.Path(folder) / "key.pem", pathlib.Path(folder) / "cert.pem"
    run("openssl", [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", key, "-out", made, "-days", "30", "-subj", "/CN=localhost", "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1"], 30)
    return made, key
