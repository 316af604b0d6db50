"""What systemd and containers rely on: sd_notify, socket activation, `martlet health`."""

import os
import re
import signal
import socket
import subprocess
import time

import requests

from martlet_process import BINARY, MODELS, within, run


def receive(notify):
    """The next datagram, as a dictionary of its lines."""
    notify.settimeout(within(30))
    return dict(line.split("=", 1) for line in notify.recv(4096).decode().splitlines())


def until(notify, wanted):
    end = time.monotonic() + within(30)
    while time.monotonic() < end:
        message = receive(notify)
        if wanted in message:
            return message
    raise AssertionError(f"no {wanted}")


def activated(tmp_path, listening, extra=None):
    """A server with sockets passed as descriptors 3 and up, and a manager to notify."""
    path = tmp_path / "notify"
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(str(path))
    # LISTEN_PID must be the server's own: a shell sets it and becomes the server.
    script = f'LISTEN_PID=$$ exec "{BINARY}" serve "{MODELS}" --drain-delay 0'
    environment = {
        **os.environ, "NOTIFY_SOCKET": str(path), "LISTEN_FDS": "1", **(extra or {})}
    process = subprocess.Popen(
        ["bash", "-c", f"exec 3<&{listening.fileno()}; {script}"], env=environment,
        pass_fds=[listening.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE)
    return process, notify


def test_the_manager_opens_the_socket_and_hears_of_each_state(tmp_path):
    listening = socket.create_server(("127.0.0.1", 0), backlog=64)
    port = listening.getsockname()[1]
    process, notify = activated(tmp_path, listening, {"WATCHDOG_USEC": "400000"})
    try:
        # A client that comes before the server is up waits in the socket's queue.
        answer = requests.post(
            f"http://127.0.0.1:{port}/models/iris/predict",
            json={"instances": [[5.1, 3.5, 1.4, 0.2]]}, timeout=within(30))
        assert answer.status_code in (200, 503)  # 503 with Retry-After while models load
        assert re.fullmatch(r"\d+ model versions ready", until(notify, "READY")["STATUS"])
        assert requests.get(f"http://127.0.0.1:{port}/readyz", timeout=20).status_code == 200
        assert until(notify, "WATCHDOG")["WATCHDOG"] == "1"
        process.send_signal(signal.SIGHUP)
        assert "MONOTONIC_USEC" in until(notify, "RELOADING")
        until(notify, "READY")
        process.send_signal(signal.SIGTERM)
        until(notify, "STOPPING")
        assert process.wait(within(30)) == 0, process.stderr.read()
    finally:
        process.kill()
        process.wait()
        notify.close()
        listening.close()


def test_two_servers_in_turn_on_one_socket_refuse_nobody(tmp_path):
    """A restart: connections wait in the queue of a socket that nobody accepts from for a moment."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/healthz"
        for turn in range(2):
            folder = tmp_path / str(turn)
            folder.mkdir()
            process, notify = activated(folder, listening)
            try:
                assert requests.get(url, timeout=within(30)).status_code == 200
                until(notify, "READY")
                process.send_signal(signal.SIGTERM)
                assert process.wait(within(30)) == 0
            finally:
                process.kill()
                process.wait()
                notify.close()


def test_a_descriptor_that_does_not_listen_is_named(tmp_path):
    with socket.socket() as idle:
        process, notify = activated(tmp_path, idle)
        try:
            assert process.wait(within(30)) == 1
            assert b"passed as descriptor 3" in process.stderr.read()
        finally:
            process.kill()
            process.wait()
            notify.close()


def test_health_asks_the_server_beside_it(server):
    port = str(server.port)
    out = run("health", env={**os.environ, "MARTLET_PORT": port, "MARTLET_HOST": "0.0.0.0"})
    assert (out.returncode, out.stdout) == (0, "ready\n"), out.stderr
    out = run("health", "--live", "--server", f"http://127.0.0.1:{port}")
    assert (out.returncode, out.stdout) == (0, "alive\n"), out.stderr


def test_health_fails_with_a_reason():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    out = run("health", "--server", f"http://127.0.0.1:{port}")
    assert out.returncode == 1 and "connect" in out.stderr
    out = run("health", "--server", "ftp://x")
    assert out.returncode == 64 and "http://HOST:PORT" in out.stderr
