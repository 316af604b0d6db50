"""Servers under test, each a process of ours that is ended by its own id, and the load on them."""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
START_SECONDS = 60


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Server:
    """A context that starts a server and leaves when it answers; ends it at the end."""

    def __init__(self, name, command, port, path, body, environment=None):
        self.name, self.command = name, [str(part) for part in command]
        self.port, self.path, self.body = port, path, body
        self.environment = {**os.environ, **(environment or {})}

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}{self.path}"

    def ask(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(connection):
            connection.request("POST", self.path, self.body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            return answer.status

    def __enter__(self):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            env=self.environment)
        end = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.ask() == 200:
                    return self
            if self.process.poll() is not None or time.monotonic() > end:
                self.log.seek(0)
                text = self.log.read().decode(errors="replace")
                self.__exit__()
                sys.exit(f"bench: {self.name} did not start:\n{text}")
            time.sleep(0.1)

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
        self.log.close()


def martlet(name, binary, folder, body, *options, path="/predict"):
    port = free_port()
    return Server(
        name, [binary, "serve", folder, "--port", port, "--drain-delay", 0, *options], port, path,
        body)


def fastapi(model, body):
    port = free_port()
    return Server(
        "FastAPI, 2 workers",
        [sys.executable, "-m", "uvicorn", "fastapi_app:app", "--app-dir", HERE, "--host",
         "127.0.0.1", "--port", port, "--workers", 2, "--loop", "uvloop", "--http", "httptools",
         "--no-access-log", "--log-level", "warning"],
        port, "/predict", body, {"BENCH_MODEL": str(model)})


def mosec(model, body):
    port = free_port()
    return Server(
        "mosec, 2 workers",
        [sys.executable, HERE / "mosec_app.py", "--port", port, "--log-level", "error",
         "--timeout", 10_000],
        port, "/inference", body, {"BENCH_MODEL": str(model), "BENCH_WORKERS": "2"})


def load(binary, server, body_path, *options):
    """One run of `martlet load`; its JSON report of that run."""
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        done = subprocess.run(
            [str(binary), "load", server.url, "--body", str(body_path), "--json", report.name,
             *map(str, options)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
        if done.returncode != 0:
            sys.exit(f"bench: martlet load failed: {done.stderr or done.stdout}")
        return json.loads(pathlib.Path(report.name).read_text())["runs"][0]
