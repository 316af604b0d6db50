"""Clients that do all right: each gets every answer, with the same bytes each time, whatever the others
do. Anything else is a fault of the server."""

import itertools
import json
import os
import re
import subprocess
import tempfile

import httpx
import requests

from martlet_process import tool
from wire import Wire
from work import ALL, PATIENCE_SECONDS, SMALL

LUA = """
wrk.method, wrk.body = "POST", os.getenv("SOAK_BODY")
wrk.headers["Content-Type"] = "application/json"
function done(summary, latency, requests)
    local e = summary.errors
    io.write(string.format('{"requests": %d, "connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d}\\n',
        summary.requests, e.connect, e.read, e.write, e.status, e.timeout))
end
"""
ROUND_SECONDS = 10


def check(question, status, content):
    assert status == 200, f"{question.name}: status {status}: {content[:300]!r}"
    assert content == question.answer, f"{question.name}: another answer than before"


class Load:
    """wrk or h2load in rounds: what makes the load full."""

    def __init__(self, name, question, secure, connections, streams=None):
        self.name, self.question, self.secure = name, question, secure
        self.connections, self.streams = connections, streams

    def __call__(self, context, tally, chance, end):
        question = context.questions[self.question]
        base = context.place.tls_url if self.secure else context.place.url
        # wrk has no resolver of its own trust: it checks no certificate, and names do not matter.
        run = self.wrk if self.streams is None else self.h2load
        tally.count(self.name, run(base.replace("localhost", "127.0.0.1") + question.target, question))

    def wrk(self, url, question):
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write(LUA)
            script.flush()
            done = subprocess.run(
                [tool("wrk", "wrk"), "-t1", f"-c{self.connections}", f"-d{ROUND_SECONDS}s",
                 "--timeout", f"{PATIENCE_SECONDS}s", "-s", script.name, url],
                stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=ROUND_SECONDS + PATIENCE_SECONDS * 2,
                env={**os.environ, "SOAK_BODY": question.body.decode()})
        assert done.returncode == 0, done.stderr or done.stdout
        figures = json.loads(done.stdout.strip().splitlines()[-1])
        number = figures.pop("requests")
        assert not any(figures.values()) and number > 0, f"wrk: {figures} of {number}"
        return number

    def h2load(self, url, question):
        number = self.connections * self.streams * 500
        with tempfile.NamedTemporaryFile() as body:
            body.write(question.body)
            body.flush()
            done = subprocess.run(
                [tool("h2load", "nghttp2-client"), "-n", str(number), "-c", str(self.connections),
                 "-m", str(self.streams), "-t1", "-d", body.name, "-H",
                 f"content-type: {question.kind}", url],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        text = done.stdout
        wanted = rf"{number} done, {number} succeeded, 0 failed, 0 errored, 0 timeout"
        assert re.search(wanted, text) and f"status codes: {number} 2xx" in text, text[-900:]
        return number


def session(context, tally, chance, end):
    """Keeps its connection, as an application does."""
    secure = chance.random() < 0.5
    base = context.place.tls_url if secure else context.place.url
    with requests.Session() as client:
        for _ in range(200):
            if end.is_set():
                return
            question = chance.choice(context.questions[SMALL])
            answer = client.post(
                base + question.target, data=question.body, headers=question.headers,
                timeout=PATIENCE_SECONDS, verify=context.place.authority)
            check(question, answer.status_code, answer.content)
            tally.count("requests, kept")


def fresh(context, tally, chance, end):
    """A connection for each request; few a second, or the client runs out of ports."""
    question = chance.choice(context.questions[SMALL])
    secure = chance.random() < 0.5
    base = context.place.tls_url if secure else context.place.url
    answer = requests.post(
        base + question.target, data=question.body, timeout=PATIENCE_SECONDS,
        headers={**question.headers, "Connection": "close"}, verify=context.place.authority)
    check(question, answer.status_code, answer.content)
    tally.count("requests, fresh")
    end.wait(0.02)


def big(context, tally, chance, end):
    """A MiB there and more back."""
    question = chance.choice(context.questions[8:10])
    with httpx.Client(
            http1=False, http2=True, verify=context.trust, timeout=PATIENCE_SECONDS) as client:
        for base in (context.place.url, context.place.tls_url):
            answer = client.post(
                base + question.target, content=question.body, headers=question.headers)
            check(question, answer.status_code, answer.content)
            tally.count("big, HTTP/2")
    answer = requests.post(
        context.place.url + question.target, data=question.body, headers=question.headers,
        timeout=PATIENCE_SECONDS)
    check(question, answer.status_code, answer.content)
    tally.count("big, HTTP/1.1")
    end.wait(0.5)


def http2(context, tally, chance, end):
    base = chance.choice([context.place.url, context.place.tls_url])
    with httpx.Client(
            http1=False, http2=True, verify=context.trust, timeout=PATIENCE_SECONDS) as client:
        for _ in range(50):
            if end.is_set():
                return
            question = chance.choice(context.questions[SMALL])
            answer = client.post(
                base + question.target, content=question.body, headers=question.headers)
            check(question, answer.status_code, answer.content)
            tally.count("HTTP/2")


def pipelining(context, tally, chance, end):
    """Dear and cheap requests on one connection: the answers come in order."""
    with Wire(context.place, PATIENCE_SECONDS) as wire:
        for _ in range(20):
            if end.is_set():
                return
            asked = [chance.choice(context.questions[SMALL]) for _ in range(16)]
            wire.send(b"".join(question.wire() for question in asked))
            for question in asked:
                answer = wire.read()
                check(question, answer.status, answer.body)
            tally.count("pipelined", len(asked))


def half_closing(context, tally, chance, end):
    """FIN behind the request: the client still wants its answer."""
    question = chance.choice(context.questions[ALL])
    with Wire(context.place, PATIENCE_SECONDS) as wire:
        wire.send(question.wire())
        wire.socket.shutdown(1)
        answer = wire.read()
        check(question, answer.status, answer.body)
        assert wire.ended(), "the connection stays open after both sides' end"
    tally.count("half-closed")
    end.wait(0.05)


def small_pieces(context, tally, chance, end):
    """A request in pieces of any size, at a decent rate."""
    question = chance.choice(context.questions[SMALL])
    data = question.wire()
    with Wire(context.place, PATIENCE_SECONDS) as wire:
        cuts = sorted(chance.sample(range(1, len(data)), min(6, len(data) - 1)))
        for first, last in itertools.pairwise([0, *cuts, len(data)]):
            wire.send(data[first:last])
            end.wait(0.01)
        answer = wire.read()
        check(question, answer.status, answer.body)
    tally.count("in pieces")


LOADS = [
    ("wrk, HTTP/1.1, iris", Load("wrk, HTTP/1.1, iris", 0, False, 32)),
    ("wrk, TLS, breast-cancer", Load("wrk, TLS, breast-cancer", 5, True, 16)),
    ("h2load, h2c, iris", Load("h2load, h2c, iris", 0, False, 8, 10)),
    ("h2load, TLS, iris rows", Load("h2load, TLS, iris rows", 1, True, 4, 10)),
]
CLIENTS = [
    ("session", session), ("session", session), ("fresh", fresh), ("big", big), ("HTTP/2", http2),
    ("pipelining", pipelining), ("half-closing", half_closing), ("in pieces", small_pieces),
]
