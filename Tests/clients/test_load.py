"""`martlet load` against a scripted server, whose every deed must be counted, and against martlet."""

import contextlib
import json
import signal
import socket
import socketserver
import struct
import subprocess
import threading
import time

import pytest

from certificates import Authority
from martlet_process import BINARY, MODELS, run

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Script:
    """A threaded HTTP/1.1 server; `answer(number, connection)` is asked for each request's bytes, and may
    return None (say nothing), or raise `Close` or `Reset`."""

    class Close(Exception):
        pass

    class Reset(Exception):
        pass

    def __init__(self, answer, port=0):
        self.answer, self.requests, self.connections = answer, 0, 0
        self.lock = threading.Lock()
        script = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                with script.lock:
                    script.connections += 1
                    connection = script.connections
                self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with contextlib.suppress(OSError):
                    self.serve(connection)

            def serve(self, connection):
                data = b""
                while True:
                    while b"\r\n\r\n" not in data:
                        more = self.request.recv(65536)
                        if not more:
                            return
                        data += more
                    head, _, data = data.partition(b"\r\n\r\n")
                    fields = head.lower().split(b"\r\n")
                    length = [int(f.split(b":")[1]) for f in fields if f.startswith(b"content-length:")]
                    while length and len(data) < length[0]:
                        data += self.request.recv(65536)
                    data = data[length[0] if length else 0:]
                    with script.lock:
                        script.requests += 1
                        number = script.requests
                    try:
                        answer = script.answer(number, connection)
                    except Script.Close:
                        return
                    except Script.Reset:
                        self.request.setsockopt(
                            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        return
                    if answer is not None:
                        self.request.sendall(answer)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address, daemon_threads, request_queue_size = True, True, 1024

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/x"


def load(url, *options, timeout=90):
    done = run("load", url, *options, "--json", "-", timeout=timeout)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    for result in report["runs"]:
        accounted(result)
    return report


def once(url, *options, **keywords):
    return load(url, *options, **keywords)["runs"][0]


def accounted(result):
    """Every request that was wanted, and every retry after a refusal, has exactly one end."""
    ends = sum(result["statuses"].values()) + sum(result["failures"].values())
    assert result["scheduled"] + result["retry_after"]["obeyed"] == ends, result
    assert result["succeeded"] == result["status_classes"]["2xx"] == result["latency_ms"]["count"]
    assert sum(result["failures"].values()) == result["failed"]


def failures(result):
    return {name: count for name, count in result["failures"].items() if count}


GET = ("--method", "GET")


def test_every_request_is_counted_once():
    with Script(lambda number, connection: OK) as script:
        result = once(script.url, *GET, "--clients", 5, "--requests", 1000)
        assert result["statuses"] == {"200": 1000} and not failures(result)
        assert result["sent"] == 1000 == script.requests
        assert result["connections"]["opened"] == 5 == script.connections
        assert result["bytes"]["received"] == 1000 * len(OK)
        assert result["mode"] == "closed" and result["rates"]["intended"] is None


def test_threads_share_clients_and_requests():
    with Script(lambda number, connection: OK) as script:
        result = once(script.url, *GET, "--clients", 5, "--requests", 101, "--threads", 3)
        assert result["succeeded"] == 101 == script.requests and script.connections == 5


def test_statuses_are_told_apart():
    def answer(number, connection):
        status = [b"200 OK", b"503 Busy", b"429 Slow", b"404 None", b"500 Oops"][number % 5]
        return b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n"

    with Script(answer) as script:
        result = once(script.url, *GET, "--clients", 4, "--requests", 500)
        assert result["statuses"] == {s: 100 for s in ("200", "503", "429", "404", "500")}
        assert result["refused_ms"]["count"] == 200 and result["other_ms"]["count"] == 200
        assert result["status_classes"] == {"2xx": 100, "3xx": 0, "4xx": 200, "5xx": 200}
        assert result["retry_after"]["seen"] == 0


def test_chunked_and_closing_answers():
    def answer(number, connection):
        if number % 2:
            return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
        return b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"

    with Script(answer) as script:
        result = once(script.url, *GET, "--clients", 3, "--requests", 200)
        assert result["succeeded"] == 200 and not failures(result)
        assert result["connections"]["opened"] > 90


def test_closed_without_a_byte_is_sent_again_on_a_new_connection():
    def answer(number, connection):
        if number % 10 == 0:
            raise Script.Close
        return OK

    with Script(answer) as script:
        result = once(script.url, *GET, "--clients", 1, "--requests", 89)
        assert result["retried_on_stale"] == 9 and not failures(result)
        assert result["succeeded"] == 89 and script.requests == 98


def test_an_answer_that_stops_half_way_is_given_up():
    with Script(lambda number, connection: OK[:-1] if number % 10 == 0 else OK) as script:
        result = once(script.url, *GET, "--clients", 1, "--requests", 50, "--timeout-ms", 300)
        assert failures(result) == {"timeout": 5} and result["succeeded"] == 45


@pytest.mark.parametrize("reset", [Script.Close, Script.Reset])
def test_a_server_that_always_drops_is_no_success(reset):
    def answer(number, connection):
        raise reset

    with Script(answer) as script:
        result = once(script.url, *GET, "--clients", 2, "--requests", 20)
        assert failures(result) == {"reset": 20} and result["succeeded"] == 0
        # The first on a connection that was idle is repeated; those on new connections are not.
        assert result["retried_on_stale"] <= 20 and script.requests == 20 + result["retried_on_stale"]


def test_malformed_and_truncated_answers():
    def answer(number, connection):
        return b"HTTP/1.1 2x0 OK\r\n\r\n" if number % 2 else OK

    with Script(answer) as script:
        result = once(script.url, *GET, "--clients", 1, "--requests", 40)
        assert failures(result) == {"malformed": 20} and result["succeeded"] == 20

    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                if connection.recv(65536):
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
                connection.close()

    threading.Thread(target=serve, daemon=True).start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    result = once(url, *GET, "--clients", 1, "--requests", 10)
    listener.close()
    assert failures(result) == {"truncated": 10}


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    result = once(f"http://127.0.0.1:{port}/", *GET, "--clients", 2, "--duration", 1)
    assert set(failures(result)) == {"connect"} and 2 <= result["failures"]["connect"] <= 60
    result = once(f"http://127.0.0.1:{port}/", *GET, "--rate", 200, "--duration", 1)
    assert set(failures(result)) == {"connect"} and result["failed"] == result["scheduled"] > 100


def test_clients_give_up_and_are_counted():
    with Script(lambda number, connection: None) as script:
        result = once(
            script.url, *GET, "--rate", 2000, "--arrivals", "constant", "--duration", 1,
            "--timeout-ms", 200, "--connections", 2)
        assert set(failures(result)) == {"timeout", "timeout_unsent"}
        assert result["scheduled"] == 2000 == result["failed"]
        # Two connections, each free again after 4 ms at the least.
        assert 2 <= result["failures"]["timeout"] <= 700


def test_answers_that_never_come_are_not_lost():
    with Script(lambda number, connection: OK if number <= 20 else None) as script:
        result = once(script.url, *GET, "--clients", 4, "--duration", 1, timeout=60)
        assert failures(result) == {"unanswered": 4} and result["succeeded"] == 20


def test_open_loop_keeps_its_rate_and_its_seed():
    with Script(lambda number, connection: OK) as script:
        report = load(script.url, *GET, "--rate", "100,300", "--duration", 2, "--seed", 7)
        again = load(script.url, *GET, "--rate", "100,300", "--duration", 2, "--seed", 7)
        other = load(script.url, *GET, "--rate", "100,300", "--duration", 2, "--seed", 8)
    counts = [run["scheduled"] for run in report["runs"]]
    assert counts == [run["scheduled"] for run in again["runs"]]
    assert counts != [run["scheduled"] for run in other["runs"]]
    for rate, result in zip((100, 300), report["runs"]):
        # Five standard deviations of a Poisson number.
        assert abs(result["scheduled"] - 2 * rate) < 5 * (2 * rate) ** 0.5
        assert result["succeeded"] == result["scheduled"] and result["rate"] == rate


def test_a_pause_of_the_server_shows_in_full():
    """No coordinated omission: all requests that were meant to be sent while the server paused count
    with the time they really took."""
    pause = {"until": 0.0, "done": False}
    lock = threading.Lock()
    began = time.monotonic()

    def answer(number, connection):
        with lock:
            if not pause["done"] and time.monotonic() - began > 1.5:
                pause["done"], pause["until"] = True, time.monotonic() + 1
        wait = pause["until"] - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        return OK

    with Script(answer) as script:
        result = once(
            script.url, *GET, "--rate", 100, "--arrivals", "constant", "--duration", 5,
            "--connections", 4)
    assert result["scheduled"] == 500 == result["succeeded"]
    # A fifth of all fell into the pause, half of a second each on average.
    assert result["latency_ms"]["max"] >= 900
    assert result["latency_ms"]["p99"] >= 800
    assert result["latency_ms"]["p90"] >= 300
    # What the connections themselves saw hides it: four requests took a second.
    assert result["service_ms"]["p90"] < 300
    assert result["connections"]["requests_queued"] > 50


def test_retry_after_is_obeyed_and_counted():
    def answer(number, connection):
        seen.append(time.monotonic())
        if number <= 10:
            return (
                b"HTTP/1.1 503 Busy\r\nRetry-After: 9\r\nX-Retry-After-Ms: 400\r\n"
                b"Content-Length: 0\r\n\r\n")
        return OK

    seen = []
    with Script(answer) as script:
        result = once(
            script.url, *GET, "--clients", 10, "--requests", 10, "--obey-retry-after")
    again = result["retry_after"]
    assert (again["seen"], again["obeyed"], again["succeeded"]) == (10, 10, 10)
    assert result["statuses"] == {"200": 10, "503": 10} and result["scheduled"] == 10
    assert result["refused_ms"]["count"] == 10 and again["total_ms"]["min"] >= 400
    # From the time it was to be sent again.
    assert result["latency_ms"]["p50"] < 400
    assert min(seen[10:]) - max(seen[:10]) > 0.2

    seen = []
    with Script(answer) as script:
        result = once(script.url, *GET, "--clients", 10, "--requests", 10)
    assert result["retry_after"]["seen"] == 10 and result["retry_after"]["obeyed"] == 0
    assert result["statuses"] == {"503": 10}


def test_a_retry_that_is_refused_again_is_not_repeated():
    refusal = b"HTTP/1.1 429 Slow\r\nX-Retry-After-Ms: 10\r\nContent-Length: 0\r\n\r\n"
    with Script(lambda number, connection: refusal) as script:
        result = once(script.url, *GET, "--clients", 3, "--requests", 30, "--obey-retry-after")
    assert result["retry_after"]["obeyed"] == 30 == result["retry_after"]["refused"]
    assert result["statuses"] == {"429": 60} and result["succeeded"] == 0


def test_warm_up_does_not_count():
    with Script(lambda number, connection: OK) as script:
        result = once(
            script.url, *GET, "--rate", 100, "--arrivals", "constant", "--duration", 1,
            "--warmup", 1)
        assert result["scheduled"] == 100 and script.requests == 200


def test_a_server_that_restarts_costs_what_it_was_asked_and_no_more():
    with Script(lambda number, connection: OK) as first:
        port = first.port
        generator = subprocess.Popen(
            [str(BINARY), "load", first.url, *GET, "--rate", "100", "--arrivals", "constant",
             "--duration", "4", "--connections", "4", "--json", "-"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        end = time.monotonic() + 30
        while first.requests < 50 and time.monotonic() < end:
            time.sleep(0.01)
    # The old server's threads still answer on their connections; new ones are refused for a while.
    time.sleep(0.3)
    with Script(lambda number, connection: OK, port=port):
        out, _ = generator.communicate(timeout=60)
    result = json.loads(out)["runs"][0]
    accounted(result)
    assert generator.returncode == 0 and result["scheduled"] == 400
    assert result["succeeded"] > 200


def test_interrupted_it_still_reports():
    with Script(lambda number, connection: OK) as script:
        generator = subprocess.Popen(
            [str(BINARY), "load", script.url, *GET, "--clients", "2", "--duration", "600", "--json",
             "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        end = time.monotonic() + 30
        while script.requests < 100 and time.monotonic() < end:
            time.sleep(0.01)
        generator.send_signal(signal.SIGINT)
        out, err = generator.communicate(timeout=30)
    result = json.loads(out)["runs"][0]
    accounted(result)
    assert generator.returncode == 0 and result["interrupted"] and "ended early" in err
    assert result["succeeded"] >= 99 and result["seconds"] < 60


def test_headers_deadline_priority_and_token(tmp_path):
    heads = []

    def serve(listener):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                data = connection.recv(65536)
                if data:
                    heads.append(data.decode())
                    connection.sendall(OK)
                connection.close()

    (tmp_path / "token").write_text("a-token-of-16-characters\n")
    (tmp_path / "rows.csv").write_text("1,2\n")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        once(url, "--clients", 1, "--requests", 1, "--body", tmp_path / "rows.csv",
             "--model", "m", "--version", "3", "--deadline-ms", 50, "--priority", "high",
             "--header", "X-Tag: a b", "--token-file", tmp_path / "token")
    head = heads[-1]
    assert head.startswith("POST /models/m/versions/3/predict HTTP/1.1\r\n")
    for line in (
            "Content-Type: text/csv", "X-Request-Timeout-Ms: 50", "X-Request-Priority: high",
            "X-Tag: a b", "Authorization: Bearer a-token-of-16-characters", "Content-Length: 4"):
        assert f"\r\n{line}\r\n" in head, head
    assert head.endswith("\r\n\r\n1,2\n")


@pytest.mark.parametrize("arguments", [
    ("--rate", "0"), ("--rate", "-5"), ("--rate", "fast"), ("--clients", "0"), ("--clients", "1,x"),
    ("--rate", "5", "--clients", "5"), ("--rate", "5", "--requests", "5"), ("--duration", "0"),
    ("--arrivals", "bursty"), ("--format", "xml"), ("--rows", "0"), ("--header", "none"),
    ("--header", "Host: x"), ("--method", "get"), ("--streams", "0"), ("--threads", "0"),
])
def test_arguments_that_cannot_be_are_refused(arguments):
    done = run("load", "http://127.0.0.1:1", "--method", "GET", *arguments)
    assert done.returncode == 64 and done.stderr, done


def test_errors_name_their_cause(server, tmp_path):
    for arguments, part in [
            (("nonsense://x",), "no URL"), ((server.url,), "--model"),
            ((server.url, "--model", "nope"), "404"),
            ((server.url, "--model", "iris", "--body", "/nowhere"), "/nowhere"),
            (("http://127.0.0.1:1",), "refused"), (("http://name.invalid",), "name.invalid")]:
        done = run("load", *arguments, "--clients", 1, "--requests", 1)
        assert done.returncode != 0 and part in done.stderr and done.stderr.count("\n") == 1, done


# Against martlet.


@pytest.mark.parametrize("protocol", [(), ("--http2",), ("--http2", "--streams", "3")])
@pytest.mark.parametrize("model", ["iris", "digits", "breast-cancer"])
def test_martlet_answers_what_is_made_from_its_metadata(server, model, protocol):
    result = once(
        server.url, "--model", model, "--clients", 8, "--requests", 400, "--rows", 3, *protocol)
    assert result["statuses"] == {"200": 400} and not failures(result)


@pytest.mark.parametrize("options", [
    ("--format", "npy"), ("--format", "csv"), ("--payload", "sample"), ("--rate", "300"),
    ("--rate", "300", "--http2"), ("--version", "1"),
])
def test_martlet_takes_every_kind_of_body(server, options):
    pace = () if "--rate" in options else ("--clients", 4)
    result = once(server.url, "--model", "iris", *pace, "--duration", 1, *options)
    assert set(result["statuses"]) == {"200"} and not failures(result)
    assert result["succeeded"] > 100


def test_a_url_with_a_path_goes_there(server):
    result = once(f"{server.url}/predict?model=iris", "--clients", 2, "--requests", 50)
    assert result["statuses"] == {"200": 50}
    result = once(f"{server.url}/models/digits/predict", "--clients", 2, "--requests", 50)
    assert result["statuses"] == {"200": 50}
    result = once(f"{server.url}/nowhere", "--method", "GET", "--clients", 2, "--requests", 50)
    assert result["statuses"] == {"404": 50} and result["succeeded"] == 0


@pytest.mark.parametrize("protocol", [(), ("--http2",)])
def test_tls(start, tmp_path, protocol):
    authority = Authority(tmp_path / "a")
    certificate, key = authority.sign("server")
    mine, mine_key = authority.sign("client", "/CN=robot")
    server = start(
        MODELS, "--tls-cert", certificate, "--tls-key", key, "--tls-client-ca", authority.file,
        "--tls-client-auth", "optional", verify=str(authority.file))
    load_it = ("--model", "iris", "--clients", 8, "--requests", 400, *protocol)
    result = once(server.url, "--ca", authority.file, *load_it)
    assert result["statuses"] == {"200": 400} and not failures(result)
    result = once(
        server.url, "--ca", authority.file, "--cert", mine, "--key", mine_key, *load_it)
    assert result["statuses"] == {"200": 400} and not failures(result)
    result = once(server.url, "--insecure", *load_it)
    assert result["statuses"] == {"200": 400}
    # A stranger's certificate: the metadata cannot be had, and no request gets through.
    done = run("load", server.url, *load_it)
    assert done.returncode == 1 and "certificate" in done.stderr
    result = once(
        f"{server.url}/healthz", "--method", "GET", "--clients", 2, "--duration", 1, *protocol)
    assert set(failures(result)) == {"tls"} and result["succeeded"] == 0


def test_a_unix_socket(start, tmp_path):
    path = tmp_path / "m.sock"
    start(MODELS, "--unix", path)
    result = once(
        "http://localhost", "--unix", path, "--model", "iris", "--clients", 4, "--requests", 200)
    assert result["statuses"] == {"200": 200}


@pytest.mark.parametrize("protocol", [(), ("--http2",)])
def test_a_draining_server_costs_no_request_that_it_accepted(start, protocol):
    """Two servers on one port, as in a rolling restart: the first leaves under load."""
    first = start(MODELS, "--drain-delay", "1")
    generator = subprocess.Popen(
        [str(BINARY), "load", first.url, "--model", "iris", "--rate", "400", "--duration", "5",
         "--connections", "4", *protocol, "--json", "-"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    time.sleep(1.5)
    first.send_signal(signal.SIGTERM)
    out, _ = generator.communicate(timeout=90)
    assert first.wait() == 0
    result = json.loads(out)["runs"][0]
    accounted(result)
    # Once nobody listens, connecting fails; nothing else does.
    assert set(failures(result)) <= {"connect"}, result
    assert set(result["statuses"]) <= {"200"} and result["succeeded"] > 300
