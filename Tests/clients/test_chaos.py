"""Everything at once: reloads, unloads, deadlines, clients that leave, and a drain at the end.

Promised is that nothing is lost: each request that a client waits for is answered, with its result or
with an error that says why, until a `Connection: close`.
"""

import json
import os
import random
import socket
import struct
import threading
import time

import pytest
import requests

from martlet_process import within
from test_deadlines import tanh_model
from test_models import put_model, scale_model
from wire import JSON, Wire, request

SECONDS = float(os.environ.get("MARTLET_CHAOS_SECONDS", "6"))
# Errors that a good client may get of models that come, go and are flooded, by the model's name.
ALLOWED = {
    # Cheap, reloaded with the same content all the time, and never unloaded.
    "steady": set(),
    # Dear, and asked for more than it can do.
    "flooded": {(503, "overloaded"), (503, "queue_full"), (504, "expired_in_queue"),
                (504, "computed_too_late"), (504, "timeout_too_short")},
    # Unloaded and loaded again.
    "fickle": {(503, "model_not_loaded"), (503, "model_loading")},
}
BODIES = {
    "steady": json.dumps({"instances": [[1, 1, 1, 1]]}).encode(),
    "flooded": json.dumps({"instances": [[0.5] * 16] * 4}).encode(),
    "fickle": json.dumps({"instances": [[1, 1, 1, 1]]}).encode(),
}


def ask(model, *fields):
    return request("POST", f"/models/{model}/predict", BODIES[model], JSON, *fields)


class Crowd:
    """Threads that go on until the server leaves, and what they saw."""

    def __init__(self, server):
        self.server, self.threads = server, []
        self.stopping, self.lock = threading.Event(), threading.Lock()
        self.lost, self.wrong, self.statuses = [], [], {}
        self.flooded = None

    def add(self, count, body, *arguments):
        for number in range(count):
            thread = threading.Thread(
                target=self._run, args=[body, random.Random(f"{body.__name__}{number}"), *arguments])
            self.threads.append(thread)
            thread.start()

    def _run(self, body, chance, *arguments):
        try:
            while not (self.stopping.is_set() and body in (leaver, operator)):
                body(self, chance, *arguments)
        except (ConnectionRefusedError, requests.ConnectionError) as error:
            if not self.stopping.is_set():
                with self.lock:
                    self.lost.append((body.__name__, repr(error)))
        except Exception as error:  # noqa: BLE001: every failure counts
            with self.lock:
                self.lost.append((body.__name__, repr(error)))

    def saw(self, model, answer):
        with self.lock:
            key = (model, answer.status)
            self.statuses[key] = self.statuses.get(key, 0) + 1
            if answer.status != 200:
                if (answer.status, answer.json()["error"]["code"]) not in ALLOWED[model]:
                    self.wrong.append((model, answer))
                return
            rows = answer.json()["predictions"]
            if model != "flooded":
                good = rows == [[2, 2, 2, 2]]
            else:
                # The same bytes alone, joined and in pieces.
                self.flooded = self.flooded or rows
                good = rows == self.flooded and all(row == rows[0] for row in rows)
            if not good:
                self.wrong.append((model, answer))


def good(crowd, chance, model):
    """Keeps a connection, pipelines a little, and waits for every answer."""
    with Wire(crowd.server, timeout=within(120)) as wire:
        while True:
            fields = []
            if model == "flooded":
                fields = [f"X-Request-Timeout-Ms: {chance.choice([5, 30, 200, 2000])}",
                          f"X-Request-Priority: {chance.choice(['high', 'low'])}"]
            count = chance.choice([1, 1, 1, 3])
            wire.send(b"".join(ask(model, *fields) for _ in range(count)))
            for _ in range(count):
                answer = wire.read()
                crowd.saw(model, answer)
                if answer.closes:
                    return


def leaver(crowd, chance):
    """Asks and is gone, at any point."""
    with Wire(crowd.server, timeout=within(60)) as wire:
        data = ask(chance.choice(["flooded", "steady", "fickle"])) * chance.choice([1, 4])
        wire.send(data[:chance.choice([len(data), len(data) // 2])])
        time.sleep(chance.choice([0, 0.001, 0.02]))
        if chance.random() < 0.7:
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def operator(crowd, chance, folder):
    base = crowd.server.url + "/models"
    with requests.Session() as session:
        def say(method, path, **options):
            answer = session.request(method, base + path, timeout=within(60), **options)
            assert answer.status_code in (200, 201, 404, 409), answer.text

        put_model(folder, "steady", 1, 2, extra=chance.choice([0, 1 << 14]))
        say("POST", "/steady/load")
        say("POST", "/fickle/unload")
        time.sleep(0.01)
        say("POST", "/fickle/load")
        say("PUT", "/steady/labels/stable", json={"version": "1"})
        say("PUT", "/fickle/versions/2?load=true", data=scale_model(2))
        say("POST", "/fickle/rollback")
        say("DELETE", "/fickle/versions/2")


@pytest.mark.parametrize("threads", [1, 2])
def test_nothing_is_lost_when_everything_happens_at_once(start, tmp_path, threads):
    tanh_model(tmp_path / "flooded", 100, batching={"max_batch_size": 16}, limits={"queue_items": 64})
    put_model(tmp_path, "steady", 1, 2)
    put_model(tmp_path, "fickle", 1, 2)
    server = start(
        tmp_path, "--model-control", "explicit", "--threads", threads, "--workers", "2",
        "--drain-delay", "1", "--drain-timeout", within(60))
    crowd = Crowd(server)
    for model, count in (("steady", 6), ("flooded", 12), ("fickle", 3)):
        crowd.add(count, good, model)
    crowd.add(4, leaver)
    crowd.add(1, operator, tmp_path)
    time.sleep(SECONDS)
    crowd.stopping.set()
    server.stop()
    for thread in crowd.threads:
        thread.join(within(120))
        assert not thread.is_alive()
    assert not crowd.lost, crowd.lost[:5]
    assert not crowd.wrong, crowd.wrong[:5]
    for model in ALLOWED:
        assert crowd.statuses.get((model, 200), 0) > 20, crowd.statuses
    refused = sum(count for (model, status), count in crowd.statuses.items() if status != 200)
    assert refused > 0, crowd.statuses
