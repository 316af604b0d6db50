"""Martlet, nginx and nghttpd with listeners for each protocol: `url(kind)` is where to ask.

Kinds: "plain" (HTTP/1.1), "h2c", "tls" (HTTP/1.1 or HTTP/2 by ALPN). A server without one says so with
a KeyError.
"""

import pathlib
import socket
import sys
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "http"))

from servers import ROOT, Server, free_port, tool  # noqa: E402

PATH = "/predict?model=iris"


class Peer(Server):
    def __init__(self, name, command, ports, **options):
        super().__init__(name, command, next(iter(ports.values())), **options)
        self.ports = ports

    def url(self, kind, path=PATH):
        scheme = "https" if kind == "tls" else "http"
        return f"{scheme}://127.0.0.1:{self.ports[kind]}{path}"


def accepts(server):
    """For servers that do not speak HTTP/1.1: they listen on all their ports."""
    for port in server.ports.values():
        socket.create_connection(("127.0.0.1", port), 5).close()


def martlet(binary, threads, pair, models=ROOT / "models", core=None, options=()):
    plain, tls = free_port(), free_port()
    return Peer(
        "martlet",
        [binary, "serve", models, "--host", "127.0.0.1", "--port", plain, "--tls-port", tls,
         "--tls-cert", pair[0], "--tls-key", pair[1], "--threads", threads, "--drain-delay", 0,
         *options],
        {"plain": plain, "h2c": plain, "tls": tls}, core=core, ready=is_ready)


def is_ready(server):
    """Models are loaded."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/readyz", timeout=5):
        pass


def nginx(folder, workers, pair, answer, core=None, connections=20_000):
    """Answers with `answer`, whatever is asked."""
    plain, h2c, tls = free_port(), free_port(), free_port()
    text = (HERE / "nginx.conf").read_text()
    for key, value in (
            ("WORKERS", workers), ("FOLDER", folder), ("PLAIN", plain), ("H2C", h2c), ("TLS", tls),
            ("CERTIFICATE", pair[0]), ("KEY", pair[1]), ("CONNECTIONS", connections),
            ("ANSWER", answer.decode().replace("'", "\\'"))):
        text = text.replace(f"@{key}@", str(value))
    configuration = pathlib.Path(folder) / "nginx-http2.conf"
    configuration.write_text(text)
    return Peer(
        "nginx, fixed body", [tool("nginx"), "-p", folder, "-c", configuration],
        {"plain": plain, "h2c": h2c, "tls": tls}, core=core, ready=accepts)


def nghttpd(folder, workers, answer, pair=None, core=None):
    """Answers with a file that holds `answer`; with TLS when it is given a certificate."""
    pages = pathlib.Path(folder) / "pages"
    pages.mkdir(exist_ok=True)
    (pages / "predict").write_bytes(answer)
    port = free_port()
    kind = "h2c" if pair is None else "tls"
    return Peer(
        "nghttpd, a file",
        [tool("nghttpd"), "-n", workers, "-d", pages, "-m", 128, "-w", 20, "-W", 23, "-a",
         "127.0.0.1", *(["--no-tls", port] if pair is None else [port, pair[1], pair[0]])],
        {kind: port}, core=core, ready=accepts)
