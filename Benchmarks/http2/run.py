"""Martlet over HTTP/2 against nghttpd and nginx, and over TLS.

    make bench-http2              (or: Benchmarks/http2/run.sh --rounds 7 --seconds 5 --pin)
    QUICK=1 make bench-http2      a minute

One POST /predict of the iris model, as JSON: by h2load in the clear (prior knowledge) and over TLS, and in
HTTP/1.1 over TLS by wrk. nghttpd answers with a file of the same bytes, nginx with the same bytes as a
constant. All servers run for the whole time and take turns, in an order that rotates. Prints a table.
"""

import argparse
import contextlib
import os
import pathlib
import sys
import tempfile

import peers  # puts ../http where the next lines find it
from load import HEADER, QUICK, certificate, h2load, in_turns, rows, wrk
from servers import PROBE, ROOT, post

CASES = {
    "h2c": "HTTP/2, clear", "h2": "HTTP/2, TLS", "h1": "HTTP/1.1, TLS",
}


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2 if QUICK else 5)
    parser.add_argument("--seconds", type=int, default=3 if QUICK else 5, help="a turn of one server")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--streams", type=int, default=10, help="requests at a time on each")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of each server and of the load")
    parser.add_argument("--cases", default=",".join(CASES), help="some of %(default)s")
    parser.add_argument("--pin", action="store_true",
                        help="servers with one thread on core 0, the load with one on core 1")
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / ".build/release/martlet")
    options = parser.parse_args()
    options.cases = options.cases.split(",")
    if unknown := set(options.cases) - set(CASES):
        parser.error(f"unknown cases: {', '.join(sorted(unknown))}")
    if not options.binary.is_file():
        parser.error(f"{options.binary} is missing: swift build -c release --product martlet")
    options.core = options.load_core = None
    if options.pin:
        options.core, options.load_core, options.threads = 0, 1, 1
    return options


def start(stack, options, folder):
    pair = certificate(folder)
    own = stack.enter_context(peers.martlet(options.binary, options.threads, pair, core=options.core))
    answer = post(own.ports["plain"], PROBE)
    return [
        own,
        stack.enter_context(peers.nghttpd(folder, options.threads, answer, None, options.core)),
        stack.enter_context(peers.nghttpd(folder, options.threads, answer, pair, options.core)),
        stack.enter_context(peers.nginx(folder, options.threads, pair, answer, options.core))]


def main():
    options = arguments()
    measured = {}
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        os.chmod(folder, 0o755)  # nginx's workers look into it as another user
        running = start(stack, options, folder)
        load = os.getloadavg()[0]
        for case in options.cases:
            kind = "h2c" if case == "h2c" else "tls"

            def measure(server):
                if case == "h1":
                    return wrk(
                        server.name, server.url(kind), PROBE, "application/json", options.seconds,
                        options.connections, options.threads, options.load_core)
                return h2load(
                    server.name, server.url(kind), PROBE, "application/json", options.seconds,
                    options.connections, options.streams, options.threads, options.load_core)

            able = [
                server for server in running
                if kind in server.ports and not (case == "h1" and "nghttpd" in server.name)]
            measured[case] = in_turns(CASES[case], able, options.rounds, measure)
    where = "the server's one thread on a core, the load's on the other" if options.pin else (
        f"{options.threads} threads of each, not pinned")
    print(
        f"\nPOST /predict, iris, JSON, one row; {options.connections} connections, "
        f"{options.streams} streams each in HTTP/2; medians of {options.rounds} × {options.seconds} s\n")
    print(HEADER)
    for case, figures in measured.items():
        rows(CASES[case], figures)
    print(f"\n{os.cpu_count()} cores, shared with the load; {where}; load average before: {load:.2f}")


if __name__ == "__main__":
    sys.exit(main())
