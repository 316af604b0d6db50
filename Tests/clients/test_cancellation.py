"""A client that leaves while its request waits frees its place at once (docs/limits.md)."""

import io
import json
import re
import socket
import time

import numpy as np
import pytest
import requests

from answers import NPY
from martlet_process import SANITIZED
from test_limit_metrics import ADMIN
from test_statuses import slow_model
from wire import Wire, request


def npy(array):
    made = io.BytesIO()
    np.save(made, array)
    return made.getvalue()


RST = b"\1\0\0\0\0\0\0\0"  # SO_LINGER with 0 seconds
# One of these computes for long enough that the others wait behind it, and is read in no time: as JSON,
# under a sanitizer, the first were answered before the last had been parsed.
BIG = npy(np.zeros((128, 512), np.float32))
ASK = request("POST", "/predict?model=slow", BIG, f"Content-Type: {NPY}")
SMALL = {"instances": [[0.0] * 512]}


@pytest.fixture
def slow(start, tmp_path):
    # Sanitized kernels are so slow that the waiting ones would be refused: their time would not do.
    slow_model(tmp_path / "slow", layers=12 if SANITIZED else 240)
    (tmp_path / "slow" / "model.json").write_text(
        json.dumps({"batching": {"max_batch_size": 64}}))
    return start(tmp_path, *ADMIN, "--threads", "1", "--workers", "1")


def page(server):
    return requests.get(f"http://{server.also('admin')}/metrics", timeout=20).text


def value(text, name):
    return sum(float(found) for found in re.findall(rf"^{name} (\S+)$", text, re.MULTILINE))


def in_flight(server):
    """But for the one that asks."""
    return value(page(server), "martlet_requests_in_flight") - 1


def left(server):
    return value(page(server), r'martlet_rejected_total\{model="slow".*reason="client_left"\}')


def waiting(server, count):
    wires = [Wire(server, timeout=60) for _ in range(count)]
    for wire in wires:
        wire.send(ASK)
    until(lambda: in_flight(server) >= count, "the requests never came in")
    return wires


def until(condition, what, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def reset(wire):
    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
    wire.socket.close()


def leave_by_reset(wire):
    reset(wire)


def leave_by_fin_then_reset(wire):
    wire.socket.shutdown(socket.SHUT_WR)
    time.sleep(0.05)
    reset(wire)


@pytest.mark.parametrize("leave", [leave_by_reset, leave_by_fin_then_reset])
def test_who_leaves_frees_their_place(slow, leave):
    wires = waiting(slow, 16)
    for wire in wires:
        leave(wire)
    begun = time.monotonic()
    until(lambda: in_flight(slow) == 0, "their places are not free")
    # Computing all of them would have taken longer than noticing that they left.
    assert left(slow) > 0, "nothing was cancelled"
    assert requests.post(
        slow.url + "/predict?model=slow", json=SMALL, timeout=60).status_code == 200
    assert time.monotonic() - begun < 60


def test_closing_with_an_unread_answer_is_a_reset(slow):
    """A quick answer lies unread while a slow request waits behind it."""
    wires = [Wire(slow, timeout=60) for _ in range(12)]
    for wire in wires:
        wire.send(request("GET", "/healthz") + ASK)
    until(lambda: in_flight(slow) >= 12, "the requests never came in")
    for wire in wires:
        wire.has_answer(20)
        wire.socket.close()
    until(lambda: in_flight(slow) == 0, "their places are not free")
    assert left(slow) > 0, "nothing was cancelled"


def test_half_close_alone_is_no_cancel(slow):
    wires = waiting(slow, 4)
    for wire in wires:
        wire.socket.shutdown(socket.SHUT_WR)
    for wire in wires:
        assert wire.read().status == 200
        assert wire.ended()
    assert left(slow) == 0


def test_closing_with_nothing_unread_shows_at_the_first_write(slow):
    """Nothing but FIN comes, as in a half-close: it is computed, and then the connection is gone."""
    wires = waiting(slow, 2)
    for wire in wires:
        wire.socket.close()
    time.sleep(0.1)
    assert left(slow) == 0
    until(lambda: in_flight(slow) == 0, "it is never noticed", seconds=60)
    until(
        lambda: value(page(slow), "martlet_connections_open") <= 1, "the connections stay open")


def test_nobody_spins_on_a_half_closed_connection(slow):
    """Level-triggered, the end of input would be reported for ever."""
    wires = waiting(slow, 3)
    for wire in wires:
        wire.socket.shutdown(socket.SHUT_WR)
    time.sleep(0.1)
    before = value(page(slow), "martlet_loop_turns_total")
    time.sleep(0.5)
    turns = value(page(slow), "martlet_loop_turns_total") - before
    assert turns < 200, f"{turns} turns in half a second"
    for wire in wires:
        assert wire.read().status == 200
