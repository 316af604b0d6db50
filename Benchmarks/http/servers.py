"""The servers that are compared: each one process (group) that is started here and ended by its id."""

import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MODEL = ROOT / "models" / "iris" / "1" / "model.onnx"
START_SECONDS = 60


def tool(name):
    found = shutil.which(name, path=f"{ROOT / '.build-tools'}:{os.environ['PATH']}:/usr/sbin")
    if not found:
        sys.exit(f"bench: {name} is missing; tools/install.sh bench")
    return found


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def post(port, body, path="/predict?model=iris", kind="application/json"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", path, body, {"Content-Type": kind})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"status {answer.status}: {content[:200]!r}")
    return content


def probe(server):
    """Raises until the server answers."""
    post(server.port, PROBE)


class Server:
    """A context that starts a server and leaves when `ready` says it answers; ends it at the end.
    `core` pins it to one core."""

    def __init__(self, name, command, port, environment=None, ready=probe, core=None):
        pinned = [] if core is None else ["taskset", "-c", core]
        self.name, self.port, self.ready = name, port, ready
        self.command = [str(part) for part in [*pinned, *command]]
        self.environment = {**os.environ, **(environment or {})}

    def __enter__(self):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            env=self.environment)
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                self.ready(self)
                return self
            except (OSError, RuntimeError, http.client.HTTPException) as error:
                if self.process.poll() is not None or time.monotonic() > end:
                    self.log.seek(0)
                    text = self.log.read().decode(errors="replace")
                    self.__exit__()
                    sys.exit(f"bench: {self.name} did not start ({error}):\n{text}")
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


PROBE = json.dumps({"instances": [[6.3, 2.5, 4.9, 1.5]]}).encode()


def martlet(binary, threads):
    port = free_port()
    return Server(
        "martlet",
        [binary, "serve", ROOT / "models", "--host", "127.0.0.1", "--port", port,
         "--threads", threads], port)


def fastapi(name, module, workers, *options):
    port = free_port()
    return Server(
        name,
        [sys.executable, "-m", "uvicorn", f"{module}:app", "--app-dir", HERE, "--host", "127.0.0.1",
         "--port", port, "--workers", workers, *options], port, {"IRIS_MODEL": str(MODEL)})


def tuned_fastapi(workers):
    return fastapi(
        f"FastAPI, {workers} worker" + "s" * (workers > 1), "fastapi_app", workers, "--loop",
        "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning")


def plain_fastapi():
    """uvicorn's defaults too, but for the line it prints about every request."""
    return fastapi("FastAPI, as in tutorials", "fastapi_plain_app", 1, "--no-access-log")


def mosec(workers):
    port = free_port()
    return Server(
        f"mosec, {workers} workers",
        [sys.executable, HERE / "mosec_app.py", "--port", port, "--log-level", "error"], port,
        {"IRIS_MODEL": str(MODEL), "IRIS_WORKERS": str(workers)})


def nginx(folder, workers, answer):
    """Answers with `answer`, which is what the model servers answer to the same request."""
    port = free_port()
    text = (HERE / "nginx.conf").read_text()
    for key, value in (("WORKERS", workers), ("FOLDER", folder), ("PORT", port),
                       ("ANSWER", answer.decode())):
        text = text.replace(f"@{key}@", str(value))
    (pathlib.Path(folder) / "nginx.conf").write_text(text)
    return Server(
        "nginx, fixed body", [tool("nginx"), "-p", folder, "-c", f"{folder}/nginx.conf"], port)
