"""A `martlet serve` process under test: started on a free port, stopped by its own pid."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = ROOT / "models"
BINARY = pathlib.Path(os.environ.get("MARTLET_BIN", ROOT / ".build/release/martlet")).absolute()

# tools/sanitize.sh says so: the binary is several times slower and keeps freed memory for a while.
SANITIZED = os.environ.get("MARTLET_SANITIZED", "0") not in ("", "0")


def within(seconds):
    """A bound on time, wider for a sanitized server."""
    return seconds * (5 if SANITIZED else 1)


def room(byte_count):
    """A bound on memory, wider for a sanitized server."""
    return byte_count * (6 if SANITIZED else 1)


START_SECONDS = within(30)
STOP_SECONDS = within(60)
LISTENING = re.compile(rb"listening on (https?)://(127\.0\.0\.1|\[::1\]):(\d+)")
ALSO = re.compile(rb"^  also (https|http|admin) at (.+?)\s*$")


def run(*arguments, timeout=60, **options):
    """Runs martlet to its end; its output is text."""
    options.setdefault("env", {"MARTLET_LOG_FORMAT": "text", **os.environ})
    return subprocess.run(
        [str(BINARY), *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=timeout, **options)


def tool(name, package):
    """A program of Debian's, from PATH or from where tools/install.sh puts it."""
    found = shutil.which(name, path=f"{ROOT / '.build-tools'}:{os.environ['PATH']}:/usr/sbin")
    assert found, f"{name} is missing: tools/install.sh tests (Debian's package {package})"
    return found


class MartletProcess:
    """`verify` is what requests is given: the authority's file when the main port speaks TLS. `files`
    is the hard limit of open files it starts with."""

    def __init__(
            self, folder=MODELS, *options, environment=None, host="127.0.0.1", verify=None,
            files=None):
        assert BINARY.is_file(), f"{BINARY} is missing: swift build -c release, or set MARTLET_BIN"
        self.errors = tempfile.TemporaryFile()
        self.lines = []
        self.host, self.port, self.scheme, self.verify = host, None, "http", verify
        self._listening = threading.Event()
        self.process = subprocess.Popen(
            [*(["prlimit", f"--nofile={files}"] if files else []),
             str(BINARY), "serve", str(folder), "--host", host, "--port", "0",
             *([] if "--drain-delay" in options else ["--drain-delay", "0"]),
             *(["--drain-timeout", str(within(30))]
               if SANITIZED and "--drain-timeout" not in options else []),
             *map(str, options)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors,
            # What tests look for stands in lines for people; test_logs.py asks for the others.
            env={"MARTLET_LOG_FORMAT": "text", **os.environ, **(environment or {})})
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            assert self._listening.wait(START_SECONDS) and self.port, "did not say where it listens"
            self._wait_until_ready()
        except BaseException as error:
            self.kill()
            if isinstance(error, AssertionError):
                raise AssertionError(f"{error}; {self.report()}") from None
            raise

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line)
            found = LISTENING.search(line)
            if found:
                self.scheme, self.port = found[1].decode(), int(found[3])
                self._listening.set()
        self._listening.set()

    def _wait_until_ready(self):
        end = time.monotonic() + START_SECONDS
        status = None
        while time.monotonic() < end and self.process.poll() is None:
            try:
                status = requests.get(
                    f"{self.url}/readyz", timeout=5, verify=self.verify).status_code
                if status == 200:
                    return
            except requests.ConnectionError:
                pass
            time.sleep(0.02)
        raise AssertionError(f"was never ready (last status {status})")

    @property
    def url(self):
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def also(self, kind):
        """Where a second listener is (https, http or admin): what the server says of it."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            for line in list(self.lines):
                found = ALSO.match(line)
                if found and found[1].decode() == kind:
                    return found[2].decode()
            time.sleep(0.02)
        raise AssertionError(f"no {kind} listener; {self.report()}")

    @property
    def tls_port(self):
        return int(self.also("https").rpartition(":")[2])

    @property
    def tls_url(self):
        return f"https://localhost:{self.tls_port}"

    @property
    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) << 10
        raise AssertionError("the process has no resident memory")

    def says(self, text, seconds=10):
        """Waits until stderr has this text."""
        end = time.monotonic() + seconds
        while text not in self.error_text():
            assert time.monotonic() < end, f"never said {text!r}; {self.report()}"
            time.sleep(0.05)

    def connect(self, timeout=20):
        connection = socket.create_connection((self.host, self.port), timeout=timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def send_signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        """Waits for the end; its exit status."""
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not stop within {STOP_SECONDS} s; {self.report()}") from None

    def stop(self, number=signal.SIGTERM):
        """Asks it to stop as an operator does; it must leave cleanly."""
        if self.process.poll() is None:
            self.send_signal(number)
        status = self.wait()
        self._reader.join(5)
        assert status == 0, f"exit status {status}; {self.report()}"

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def error_text(self):
        # The child writes at the same offset (one open file): pread leaves it alone.
        size = os.fstat(self.errors.fileno()).st_size
        return os.pread(self.errors.fileno(), size, 0).decode(errors="replace")

    def report(self):
        output = b"".join(self.lines[-20:]).decode(errors="replace")
        return f"status {self.process.poll()}, stdout:\n{output}\nstderr:\n{self.error_text()[-4000:]}"
