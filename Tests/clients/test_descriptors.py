"""File descriptors: ten thousand connections, and what happens when there are no more."""

import os
import resource
import socket
import time

import pytest
import requests

from martlet_process import MODELS
from test_limit_metrics import ADMIN, PREDICT, ROW, hits
from wire import Wire, predict

CLOCK = os.sysconf("SC_CLK_TCK")


@pytest.fixture
def files():
    """Sets this process's own soft limit; servers inherit it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        yield lambda wanted: resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def limit(server):
    return resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)


def cpu_seconds(server):
    with open(f"/proc/{server.process.pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK


def answered(wire):
    wire.send(predict(ROW))
    return wire.read().status


def test_the_soft_limit_is_raised(start, files):
    files(256)
    server = start(MODELS, "--connections", "100")
    soft, hard = limit(server)
    assert soft == hard and hard > 256
    assert "open files" not in server.error_text()


def test_a_limit_that_leaves_no_room_is_said_and_kept(start):
    """1,000 connections in 200 descriptors: 64 are kept free, what is above gets its 503."""
    server = start(MODELS, *ADMIN, "--connections", "1000", files=200)
    server.says("the limit of open files (200) leaves room for 136 connections, not 1000")
    wires = [Wire(server) for _ in range(136)]
    try:
        assert {answered(wire) for wire in wires} == {200}
        with Wire(server) as one_more:
            assert one_more.read().status == 503
        assert hits(server)["connections"] == 1 and hits(server)["descriptors"] == 0
    finally:
        for wire in wires:
            wire.socket.close()


def test_without_descriptors_accepting_pauses(start):
    """Those who are in are served; those who wait are, once there is room; nothing spins."""
    server = start(MODELS, *ADMIN)
    inside = [Wire(server) for _ in range(4)]
    assert [answered(wire) for wire in inside] == [200] * 4
    before = descriptors(server)
    soft, hard = limit(server)
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (before, hard))
    waiting = [Wire(server) for _ in range(6)]
    try:
        for wire in waiting:
            wire.send(predict(ROW))
        begun, spent = time.monotonic(), cpu_seconds(server)
        while time.monotonic() - begun < 3:
            assert [answered(wire) for wire in inside] == [200] * 4
            time.sleep(0.2)
        assert not any(wire.has_answer(0) for wire in waiting)
        assert cpu_seconds(server) - spent < 1, "it spins"
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (soft, hard))
        assert [wire.read().status for wire in waiting] == [200] * 6
    finally:
        for wire in inside + waiting:
            wire.socket.close()
    count = hits(server)["descriptors"]
    assert 0 < count < 200, "pauses of 100 ms on each of a few loops"


def test_room_comes_from_those_who_leave(start):
    server = start(MODELS, *ADMIN)
    inside = [Wire(server) for _ in range(6)]
    assert [answered(wire) for wire in inside] == [200] * 6
    _, hard = limit(server)
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (descriptors(server), hard))
    waiting = [Wire(server) for _ in range(3)]
    try:
        for wire in waiting:
            wire.send(predict(ROW))
        time.sleep(0.5)
        assert not any(wire.has_answer(0) for wire in waiting)
        for wire in inside:
            wire.socket.close()
        assert [wire.read().status for wire in waiting] == [200] * 3
    finally:
        for wire in inside + waiting:
            wire.socket.close()
    assert hits(server)["descriptors"] > 0


def test_ten_thousand_connections(start, files):
    """All at once, all served; the next gets 503; memory for each is small. Fewer where the hard
    limit of open files allows no more."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(10_000, hard - 300)
    assert count >= 1_000, f"a hard limit of {hard} open files tests nothing"
    server = start(MODELS, *ADMIN, "--connections", count, "--idle-seconds", "600")
    time.sleep(0.3)  # what asked for readiness has left
    files(hard)
    before = server.resident_bytes
    sockets = []
    try:
        for _ in range(count):
            sockets.append(socket.create_connection(("127.0.0.1", server.port), timeout=60))
        with Wire(server, timeout=60) as one_more:
            answer = one_more.read()
            assert answer.status == 503 and answer.closes and answer.field("retry-after")
        ask = predict(ROW)
        for at in (0, count // 2, count - 1):
            sockets[at].sendall(ask)
            assert sockets[at].recv(4096).startswith(b"HTTP/1.1 200 ")
        each = (server.resident_bytes - before) / count
        assert each < 4096, f"{each:.0f} bytes an idle connection"
        assert hits(server)["connections"] == 1
    finally:
        for connection in sockets:
            connection.close()
    end = time.monotonic() + 60
    while True:
        try:
            answer = requests.post(server.url + PREDICT, json=ROW, timeout=20)
            if answer.status_code == 200:
                break
        except requests.ConnectionError:
            pass
        assert time.monotonic() < end, "no room although all have left"
        time.sleep(0.1)
