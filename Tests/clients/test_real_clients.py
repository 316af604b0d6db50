"""The clients people use, each its own way, on the same question."""

import asyncio
import http.client
import json
import subprocess

import aiohttp
import httpx
import pytest
import requests

from answers import BY_NAME, as_csv, as_json_rows, assert_equal_to_reference
from martlet_process import tool

IRIS = BY_NAME["iris"]
KIND, BODY = as_json_rows(IRIS, IRIS.rows)


def curl(server, *arguments, data=BODY):
    done = subprocess.run(
        [tool("curl", "curl"), "--silent", "--show-error", "--fail-with-body", "--max-time", "20",
         *arguments], input=data, capture_output=True, timeout=30)
    assert done.returncode == 0, (done.stderr, done.stdout)
    return done.stdout


def test_curl(server):
    out = curl(
        server, f"{server.url}/predict?model=iris", "-H", f"Content-Type: {KIND}",
        "--data-binary", "@-")
    assert_equal_to_reference(json.loads(out), IRIS)


def test_curl_with_its_json_option(server):
    out = curl(server, f"{server.url}/models/iris/predict", "--json", "@-")
    assert_equal_to_reference(json.loads(out), IRIS)


def test_curl_chunked_and_expecting_100(server):
    out = curl(
        server, f"{server.url}/models/iris/predict", "-H", f"Content-Type: {KIND}",
        "-H", "Transfer-Encoding: chunked", "-H", "Expect: 100-continue", "--data-binary", "@-")
    assert_equal_to_reference(json.loads(out), IRIS)


def test_curl_sends_a_megabyte_after_100_continue(server):
    """curl asks by itself before a body of this size."""
    rows = json.dumps({"instances": [[5.1, 3.5, 1.4, 0.2]] * 60_000}).encode()
    assert len(rows) > 1 << 20
    out = curl(
        server, f"{server.url}/models/iris/predict", "-H", f"Content-Type: {KIND}",
        "--data-binary", "@-", data=rows)
    assert len(json.loads(out)["predictions"]) == 60_000


def test_curl_speaks_http_1_0(server):
    out = curl(
        server, "--http1.0", f"{server.url}/models/iris/predict", "-H", f"Content-Type: {KIND}",
        "--data-binary", "@-")
    assert_equal_to_reference(json.loads(out), IRIS)


def test_curl_csv(server):
    kind, body = as_csv(IRIS, IRIS.rows)
    out = curl(
        server, f"{server.url}/models/iris/predict", "-H", f"Content-Type: {kind}",
        "--data-binary", "@-", data=body)
    assert_equal_to_reference(json.loads(out), IRIS)


def test_curl_reuses_its_connection(server):
    url = f"{server.url}/models/iris/predict"
    out = curl(
        server, "--json", "@-", url, url, url, url, "-w", "\n%{num_connects}\n", "-o", "-")
    connects = [int(line) for line in out.decode().splitlines() if line in ("0", "1")]
    assert connects == [1, 0, 0, 0]


def test_requests_session(server):
    with requests.Session() as session:
        for _ in range(5):
            answer = session.post(
                f"{server.url}/predict", params={"model": "iris", "version": "1"},
                json=json.loads(BODY), timeout=20)
            assert answer.status_code == 200, answer.text
            assert_equal_to_reference(answer.json(), IRIS)


def test_requests_with_a_generator_is_chunked(server):
    def pieces():
        for at in range(0, len(BODY), 100):
            yield BODY[at:at + 100]

    answer = requests.post(
        f"{server.url}/models/iris/predict", data=pieces(), headers={"Content-Type": KIND},
        timeout=20)
    assert_equal_to_reference(answer.json(), IRIS)


def test_httpx(server):
    with httpx.Client(base_url=server.url, timeout=20) as client:
        for _ in range(5):
            answer = client.post("/models/iris/predict", content=BODY, headers={"Content-Type": KIND})
            assert answer.status_code == 200 and answer.http_version == "HTTP/1.1"
            assert_equal_to_reference(answer.json(), IRIS)


def test_httpx_async_on_many_connections(server):
    async def ask():
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
            return await asyncio.gather(*(
                client.post("/models/iris/predict", content=BODY, headers={"Content-Type": KIND})
                for _ in range(64)))

    for answer in asyncio.run(ask()):
        assert_equal_to_reference(answer.json(), IRIS)


@pytest.mark.parametrize("name", ["iris", "breast-cancer", "digits"])
def test_aiohttp_on_many_connections(server, name):
    reference = BY_NAME[name]
    kind, body = as_json_rows(reference, reference.rows)

    async def one(session):
        async with session.post(f"/models/{name}/predict", data=body) as answer:
            assert answer.status == 200
            return await answer.json()

    async def ask():
        limit = aiohttp.TCPConnector(limit=32)
        async with aiohttp.ClientSession(
                server.url, connector=limit, headers={"Content-Type": kind},
                timeout=aiohttp.ClientTimeout(60)) as session:
            return await asyncio.gather(*(one(session) for _ in range(128)))

    for answer in asyncio.run(ask()):
        assert_equal_to_reference(answer, reference)


def test_http_client(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    for _ in range(5):
        connection.request("POST", "/models/iris/predict", BODY, {"Content-Type": KIND})
        answer = connection.getresponse()
        assert answer.status == 200
        assert_equal_to_reference(json.loads(answer.read()), IRIS)
    connection.close()
