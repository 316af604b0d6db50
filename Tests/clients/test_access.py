"""Who may ask what, and where: tokens, certificates, CORS, OPTIONS, the other listeners."""

import hashlib
import json
import os
import signal
import socket
import time

import httpx
import pytest
import requests

from answers import BY_NAME, as_json_rows, assert_equal_to_reference
from certificates import Authority
from martlet_process import MODELS, run
from test_statuses import error_of

IRIS = BY_NAME["iris"]
KIND, BODY = as_json_rows(IRIS, IRIS.rows)
PREDICT = "/models/iris/predict"
ALL, WEB, SCRAPER = "all-scopes-0123456789", "predict-only-0123456789", "metrics-only-0123456789"


def tokens(*entries, clients=()):
    return json.dumps({
        "tokens": [{"name": f"t{at}", **entry} for at, entry in enumerate(entries)],
        "clients": list(clients)})


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "tokens.json"
    path.touch(0o600)
    path.write_text(tokens(
        {"token": ALL, "scopes": ["predict", "admin", "metrics"]},
        {"sha256": hashlib.sha256(WEB.encode()).hexdigest(), "scopes": ["predict"]},
        {"token": SCRAPER, "scopes": ["metrics"]}))
    return path


def ask(url, token=None, **options):
    headers = {"Content-Type": KIND} if url.endswith("predict") else {}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    method = "POST" if url.endswith("predict") else "GET"
    with httpx.Client(timeout=20, **options) as client:
        return client.request(
            method, url, headers=headers, content=BODY if method == "POST" else None)


@pytest.mark.parametrize("http2", [False, True], ids=["http1.1", "http2"])
def test_tokens(start, file, http2):
    server = start(MODELS, "--tokens", file)
    version = {"http1": not http2, "http2": http2}
    for target, token, status in (
            (PREDICT, ALL, 200), (PREDICT, WEB, 200), (PREDICT, SCRAPER, 403), (PREDICT, None, 401),
            (PREDICT, WEB + "x", 401), (PREDICT, WEB[:-1], 401), (PREDICT, "x", 401),
            ("/metrics", SCRAPER, 200), ("/metrics", WEB, 403), ("/metrics", None, 401),
            ("/healthz", None, 200), ("/livez", None, 200), ("/readyz", None, 200),
            ("/healthz", "no such token at all", 200)):
        with httpx.Client(timeout=20, **version) as client:
            headers = {"Accept-Encoding": "identity", "Content-Type": KIND}
            if token is not None:
                headers["Authorization"] = f"Bearer {token}"
            answer = client.request(
                "POST" if target == PREDICT else "GET", server.url + target, headers=headers,
                content=BODY if target == PREDICT else None)
        assert answer.status_code == status, (target, token, answer.text)
        assert answer.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
        if status == 401:
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        if status in (401, 403):
            error_of(answer)
        elif target == PREDICT:
            assert_equal_to_reference(answer.json(), IRIS)


@pytest.mark.parametrize("value", [
    "Basic dXNlcjpwYXNz", "Bearer", "bearer" + WEB, WEB, f"Bearer {WEB} {WEB}", f"Token {WEB}"])
def test_other_credentials_are_401(start, file, value):
    server = start(MODELS, "--tokens", file)
    answer = requests.post(
        server.url + PREDICT, data=BODY,
        headers={"Content-Type": KIND, "Authorization": value}, timeout=20)
    assert answer.status_code == 401 and "WWW-Authenticate" in answer.headers, answer.text


def test_the_scheme_has_no_case(start, file):
    server = start(MODELS, "--tokens", file)
    answer = requests.post(
        server.url + PREDICT, data=BODY,
        headers={"Content-Type": KIND, "Authorization": f"bEARER {WEB}"}, timeout=20)
    assert answer.status_code == 200, answer.text


def wait_for(seconds, condition, what):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.1)


@pytest.mark.parametrize("hup", [False, True], ids=["change", "sighup"])
def test_tokens_are_read_again(start, file, hup):
    server = start(MODELS, "--tokens", file)
    url, fresh = server.url + PREDICT, "a-new-token-0123456789"
    assert ask(url, fresh).status_code == 401
    beside = file.with_suffix(".new")
    beside.touch(0o600)
    beside.write_text(tokens({"token": fresh, "scopes": ["predict"]}))
    os.replace(beside, file)
    if hup:
        server.send_signal(signal.SIGHUP)
    wait_for(10, lambda: ask(url, fresh).status_code == 200, "the new token is not known")
    assert ask(url, WEB).status_code == 401
    # A bad file keeps what is, and says so without showing what it read.
    file.write_text('{"tokens": [{"name": "a", "token": "secret')
    if hup:
        server.send_signal(signal.SIGHUP)
    server.says("tokens.json")
    assert ask(url, fresh).status_code == 200
    assert "secret" not in server.error_text() and fresh not in server.error_text()


@pytest.mark.parametrize("text,word", [
    ("", "tokens.json"), ("[]", "object"), ("{}", "nobody"),
    ('{"tokens":[{"name":"a","token":"short","scopes":["predict"]}]}', "16"),
    ('{"tokens":[{"name":"a","token":"0123456789abcdef","scopes":["root"]}]}', "scope"),
    ('{"tokens":[{"name":"a","scopes":["predict"]}]}', "token"),
    ('{"tokens":[{"name":"a","token":"0123456789abcdef","scopes":[]}]}', "scope")])
def test_a_bad_file_at_the_start_is_refused(tmp_path, text, word):
    path = tmp_path / "tokens.json"
    path.write_text(text)
    done = run("serve", MODELS, "--port", "0", "--tokens", path)
    assert done.returncode > 0 and word in done.stderr, done
    assert "0123456789abcdef" not in done.stderr


def test_a_client_certificate_is_a_credential(start, file, tmp_path):
    authority = Authority(tmp_path / "authority")
    pair, scorer, other = (
        authority.sign("server"), authority.sign("a", "/CN=scorer"), authority.sign("b", "/CN=b"))
    file.write_text(tokens(
        {"token": ALL, "scopes": ["predict"]},
        clients=[{"subject": "CN=scorer", "scopes": ["predict"]}]))
    server = start(
        MODELS, "--tokens", file, "--tls-cert", pair[0], "--tls-key", pair[1], "--tls-port", "0",
        "--tls-client-ca", authority.file, "--tls-client-auth", "optional")
    for cert, token, status in (
            (scorer, None, 200), (other, None, 401), (None, None, 401), (None, ALL, 200),
            (other, ALL, 200)):
        answer = requests.post(
            server.tls_url + PREDICT, data=BODY, cert=cert, verify=str(authority.file), timeout=20,
            headers={"Content-Type": KIND, **({"Authorization": f"Bearer {token}"} if token else {})})
        assert answer.status_code == status, (cert, token, answer.text)
    assert requests.get(
        server.tls_url + "/metrics", cert=scorer, verify=str(authority.file),
        timeout=20).status_code == 403


# CORS and OPTIONS

ORIGIN = "https://app.example"


def test_cors(start):
    server = start(MODELS, "--cors-origin", ORIGIN)
    preflight = requests.options(server.url + PREDICT, timeout=20, headers={
        "Origin": ORIGIN, "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type, authorization"})
    assert preflight.status_code == 204 and preflight.content == b""
    assert preflight.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    allowed = preflight.headers["Access-Control-Allow-Headers"].lower()
    assert "content-type" in allowed and "authorization" in allowed
    simple = requests.post(
        server.url + PREDICT, data=BODY, timeout=20, headers={"Origin": ORIGIN, "Content-Type": KIND})
    assert simple.status_code == 200
    assert simple.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "origin" in simple.headers["Vary"].lower()
    for origin in ("https://evil.example", ORIGIN + ".evil.example", "null"):
        answer = requests.get(server.url + "/models", timeout=20, headers={"Origin": origin})
        assert answer.status_code == 200
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_cors_for_all(start):
    server = start(MODELS, "--cors-origin", "*")
    answer = requests.get(server.url + "/models", timeout=20, headers={"Origin": ORIGIN})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_cors_preflight_needs_no_token_and_refusals_can_be_read(start, file):
    """A browser sends no credentials in a preflight, and shows a page only what CORS allows."""
    server = start(MODELS, "--cors-origin", ORIGIN, "--tokens", file)
    preflight = requests.options(server.url + PREDICT, timeout=20, headers={
        "Origin": ORIGIN, "Access-Control-Request-Method": "POST"})
    assert preflight.status_code == 204
    refused = requests.post(
        server.url + PREDICT, data=BODY, timeout=20, headers={"Origin": ORIGIN, "Content-Type": KIND})
    assert refused.status_code == 401
    assert refused.headers["Access-Control-Allow-Origin"] == ORIGIN


def test_without_configuration_there_is_no_cors(server):
    answer = requests.get(server.url + "/models", timeout=20, headers={"Origin": ORIGIN})
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("target,allowed", [
    ("/predict", "POST"), (PREDICT, "POST"), ("/models", "GET"), ("/healthz", "GET"),
    ("/metrics", "GET")])
def test_options(server, target, allowed):
    answer = requests.options(server.url + target, timeout=20)
    assert answer.status_code == 204 and answer.content == b""
    assert allowed in [part.strip() for part in answer.headers["Allow"].split(",")]


def test_options_asterisk(server):
    with server.connect() as connection:
        connection.sendall(b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 204") and b"\r\nAllow: " in answer


# Other listeners


def test_a_unix_socket(start, tmp_path):
    path = tmp_path / "martlet.sock"
    server = start(MODELS, "--unix", path)
    assert server.also("http") == str(path)
    for http2 in (False, True):
        transport = httpx.HTTPTransport(uds=str(path), http1=not http2, http2=http2)
        with httpx.Client(transport=transport, timeout=20) as client:
            answer = client.post(
                "http://martlet" + PREDICT, content=BODY,
                headers={"Content-Type": KIND, "Accept-Encoding": "identity"})
            assert_equal_to_reference(answer.json(), IRIS)
    server.stop()
    assert not path.exists(), "the socket's file is left behind"


def test_a_unix_socket_left_behind_by_a_crash_is_taken_over(start, tmp_path):
    path = tmp_path / "martlet.sock"
    start(MODELS, "--unix", path).kill()
    assert path.exists()
    start(MODELS, "--unix", path)
    transport = httpx.HTTPTransport(uds=str(path))
    with httpx.Client(transport=transport, timeout=20) as client:
        assert client.get("http://martlet/healthz").status_code == 200
    taken = run("serve", MODELS, "--port", "0", "--unix", path)
    assert taken.returncode > 0 and "martlet.sock" in taken.stderr, "two servers share a socket"


def test_the_admin_listener(start):
    """Health and metrics there; predictions stay where they were."""
    server = start(MODELS, "--admin-listen", "127.0.0.1:0")
    admin = "http://" + server.also("admin")
    for target in ("/healthz", "/livez", "/readyz", "/metrics"):
        assert requests.get(admin + target, timeout=20).status_code == 200, target
    refused = requests.post(
        admin + PREDICT, data=BODY, headers={"Content-Type": KIND}, timeout=20)
    assert refused.status_code == 404
    error_of(refused)
    answer = requests.post(
        server.url + PREDICT, data=BODY, headers={"Content-Type": KIND}, timeout=20)
    assert_equal_to_reference(answer.json(), IRIS)


def test_scopes_hold_at_the_admin_address_too(start, file):
    """It is another door, not another rule; predictions are refused there whatever the token."""
    server = start(MODELS, "--tokens", file, "--admin-listen", "127.0.0.1:0")
    admin = "http://" + server.also("admin")

    def status(method, target, token):
        return requests.request(
            method, admin + target, timeout=20, data=BODY if method == "POST" else None,
            headers={"Content-Type": KIND, **({"Authorization": f"Bearer {token}"} if token else {})}
        ).status_code

    for target in ("/healthz", "/livez", "/readyz"):
        assert status("GET", target, None) == 200
    for token, expected in ((None, 401), (WEB, 403), (ALL, 200)):
        assert status("GET", "/metrics", token) == expected, token
    for token, expected in ((None, 401), (WEB, 404), (ALL, 404)):
        assert status("POST", PREDICT, token) == expected, token


def has_ipv6():
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
def test_ipv6(start):
    server = start(MODELS, host="::1")
    answer = requests.post(
        server.url + PREDICT, data=BODY, headers={"Content-Type": KIND}, timeout=20)
    assert_equal_to_reference(answer.json(), IRIS)
