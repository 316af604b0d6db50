"""A rolling restart under load: no request may fail.

    Benchmarks/rolling/run.py [--form haproxy|reuseport] [--protocol http1|http2] [--seconds 60] [--json FILE]

haproxy    Two servers behind one haproxy, which asks each for /readyz. One after the other is told to stop,
           finishes its drain, and is started again at the same port.
reuseport  Two servers share one port (--reuse-port). Each is replaced by a new one that takes connections when
           its models are ready; then the old one is told to stop.

The load is `martlet load` in an open loop at half of what a closed loop of 32 clients gets through the same
way just before. The measure is the load generator's count: every request that was wanted must end with 200.
Without --form or --protocol, all of them. Ends with status 1 when a request failed.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("MARTLET_BIN", ROOT / ".build/release/martlet")).absolute()
PATIENCE = 60

HAPROXY = """
global
    maxconn 4000
    stats socket {folder}/haproxy.sock mode 600 level admin
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    option httpchk
    http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host localhost
    # Never before the health check has seen the server leave: that is what --drain-delay waits for.
    default-server check inter 100ms fall 2 rise 1 {proto}
frontend front
    bind 127.0.0.1:{port}
    default_backend servers
backend servers
    balance roundrobin
    server a 127.0.0.1:{a}
    server b 127.0.0.1:{b}
"""


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def find(program):
    found = shutil.which(program, path=f"{ROOT / '.build-tools'}:{os.environ['PATH']}:/usr/sbin")
    if not found:
        sys.exit(f"rolling: {program} is missing (tools/install.sh tests)")
    return found


class Server:
    """A `martlet serve` that said where it listens, which it does when its models are ready."""

    def __init__(self, port, *options):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [str(BINARY), "serve", str(ROOT / "models"), "--port", str(port), *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        timer = threading.Timer(PATIENCE, self.process.kill)
        timer.start()
        line = self.process.stdout.readline()
        timer.cancel()
        if "listening on" not in line:
            self.process.kill()
            raise AssertionError(f"a server did not start: {line}{self.error_text()}")
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def error_text(self):
        size = os.fstat(self.errors.fileno()).st_size
        return os.pread(self.errors.fileno(), size, 0).decode(errors="replace")

    def stop(self):
        """As Kubernetes and systemd do; it must leave cleanly, in its own time."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE)
        if status != 0:
            raise AssertionError(f"a server ended with status {status}: {self.error_text()}")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)


class Behind:
    """Two servers behind haproxy."""

    # Two checks at 100 ms see that a server leaves; the rest is for a machine that is busy.
    options = ("--drain-delay", "2")

    def __init__(self, protocol, folder):
        haproxy = find("haproxy")  # before there are servers to stop
        self.port, *self.ports = free_ports(3)
        self.servers = [Server(port, *self.options) for port in self.ports]
        self.replaced = 0
        configuration = pathlib.Path(folder, "haproxy.cfg")
        text = HAPROXY.format(
            folder=folder, port=self.port, a=self.ports[0], b=self.ports[1],
            proto="proto h2" if protocol == "http2" else "")
        configuration.write_text(text)
        self.errors = open(pathlib.Path(folder, "haproxy.log"), "w+")
        self.haproxy = subprocess.Popen(
            [haproxy, "-db", "-f", str(configuration)], stdin=subprocess.DEVNULL,
            stdout=self.errors, stderr=self.errors)
        self.wait_for(self.port)

    @staticmethod
    def wait_for(port):
        end = time.monotonic() + PATIENCE
        while True:
            try:
                url = f"http://127.0.0.1:{port}/readyz"
                with urllib.request.urlopen(url, timeout=5) as answer:
                    assert answer.status == 200
                    return
            except OSError:
                if time.monotonic() > end:
                    raise AssertionError(f"nobody is ready at port {port}") from None
                time.sleep(0.05)

    def replace(self, index):
        self.servers[index].stop()
        self.servers[index] = Server(self.ports[index], *self.options)
        # haproxy has to see it, or the next one to go would be the last.
        self.wait_until_up("ab"[index])
        self.replaced += 1

    def wait_until_up(self, name):
        end = time.monotonic() + PATIENCE
        while True:
            with socket.socket(socket.AF_UNIX) as control:
                control.connect(str(pathlib.Path(self.errors.name).parent / "haproxy.sock"))
                control.sendall(b"show stat\n")
                text = b"".join(iter(lambda: control.recv(65536), b"")).decode()
            if re.search(rf"^servers,{name},.*,UP,", text, re.M):
                return
            assert time.monotonic() < end, f"haproxy never saw server {name} again"
            time.sleep(0.05)

    def end(self):
        self.haproxy.terminate()
        self.haproxy.wait(PATIENCE)
        self.errors.close()


class Sharing:
    """Two servers at one port."""

    options = ("--reuse-port", "--drain-delay", "0")

    def __init__(self, protocol, folder):
        self.port, = free_ports(1)
        self.servers = [Server(self.port, *self.options) for _ in range(2)]
        self.replaced = 0

    def replace(self, index):
        new = Server(self.port, *self.options)
        old, self.servers[index] = self.servers[index], new
        try:
            old.stop()
        finally:
            old.kill()
        self.replaced += 1

    def end(self):
        pass


FORMS = {"haproxy": Behind, "reuseport": Sharing}


def load(port, protocol, *options, json_path):
    http2 = ["--http2"] if protocol == "http2" else []
    return subprocess.Popen(
        [str(BINARY), "load", f"http://127.0.0.1:{port}", "--model", "iris", *http2,
         "--json", str(json_path), *options],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ended(process, json_path):
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output
    return json.loads(pathlib.Path(json_path).read_text())["runs"][0]


def run(form, protocol, seconds, rate_max):
    """Replaces both servers, again and again if there is time, while the load runs; the report."""
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder, "report.json")
        site = FORMS[form](protocol, folder)
        try:
            calibration = load(
                site.port, protocol, "--clients", "32", "--duration", "2", json_path=report)
            capacity = ended(calibration, report)["rates"]["succeeded"]
            rate = min(capacity / 2, rate_max)
            begun = time.monotonic()
            running = load(
                site.port, protocol, "--rate", f"{rate:.0f}", "--duration", str(seconds),
                json_path=report)
            # Both at least once, and not so late that the load has ended.
            time.sleep(min(seconds / 10, 2))
            while site.replaced < 2 or (
                    site.replaced < 8 and time.monotonic() - begun < seconds * 0.6):
                site.replace(site.replaced % 2)
                time.sleep(0.3)
            assert running.poll() is None, "the load ended before both servers were replaced"
            replaced_after = time.monotonic() - begun
            result = ended(running, report)
            for server in site.servers:
                server.stop()
        finally:
            for server in site.servers:
                server.kill()
            site.end()
    other = {status: count for status, count in result["statuses"].items() if status != "200"}
    return {
        "form": form, "protocol": protocol, "capacity": round(capacity), "rate": round(rate),
        "seconds": result["seconds"], "replaced": site.replaced,
        "replaced_after_seconds": round(replaced_after, 1), "scheduled": result["scheduled"],
        "succeeded": result["succeeded"], "other_statuses": other,
        "failed": result["failed"], "failures": {k: v for k, v in result["failures"].items() if v},
        "retried_on_stale": result["retried_on_stale"],
        "resent_unprocessed": result["resent_unprocessed"],
        "latency_ms": {k: result["latency_ms"][k] for k in ("p50", "p99", "max")},
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--form", choices=FORMS)
    parser.add_argument("--protocol", choices=["http1", "http2"])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate-max", type=float, default=1e6, help="never ask for more a second")
    parser.add_argument("--json", help="write the results there, one a line")
    options = parser.parse_args()
    bad = 0
    lines = []
    for form in [options.form] if options.form else FORMS:
        for protocol in [options.protocol] if options.protocol else ["http1", "http2"]:
            result = run(form, protocol, options.seconds, options.rate_max)
            lines.append(json.dumps(result))
            lost = result["scheduled"] - result["succeeded"]
            bad += lost
            print(f"{form:9} {protocol}  {result['rate']:6}/s for {result['seconds']:.0f} s, "
                  f"{result['replaced']} servers replaced: {result['scheduled']} wanted, "
                  f"{lost} failed {result['failures'] or ''}{result['other_statuses'] or ''} "
                  f"(sent again by the client: {result['retried_on_stale']} on a connection just closed, "
                  f"{result['resent_unprocessed']} refused by GOAWAY); "
                  f"p50 {result['latency_ms']['p50']:.2f} ms, p99 {result['latency_ms']['p99']:.2f} ms, "
                  f"max {result['latency_ms']['max']:.1f} ms", flush=True)
    if options.json:
        pathlib.Path(options.json).write_text("\n".join(lines) + "\n")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
