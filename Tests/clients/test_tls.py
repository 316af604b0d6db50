"""HTTPS: real TLS clients, client certificates, reload while serving, and stalled handshakes."""

import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time

import httpx
import pytest
import requests

from answers import BY_NAME, as_json_rows, assert_equal_to_reference
from certificates import Authority, openssl
from martlet_process import MartletProcess, run, tool, MODELS
from wire import request

IRIS = BY_NAME["iris"]
KIND, BODY = as_json_rows(IRIS, IRIS.rows)
PREDICT = "/models/iris/predict"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def pair(authority):
    return authority.sign("server")


@pytest.fixture(scope="module")
def secure(pair):
    """Plain on its main port, TLS on the second."""
    process = MartletProcess(MODELS, *tls(pair))
    try:
        yield process
        process.stop()
    finally:
        process.kill()


def tls(pair, *more):
    return ["--tls-cert", pair[0], "--tls-key", pair[1], "--tls-port", "0", *more]


def curl(*arguments, status=0):
    done = subprocess.run(
        [tool("curl", "curl"), "--silent", "--show-error", "--max-time", "20", *map(str, arguments)],
        input=BODY, capture_output=True, timeout=30)
    if status is not None:
        assert done.returncode == status, (done.returncode, done.stderr, done.stdout)
    return done.stdout


def s_client(port, *arguments, stdin=b"", check=True):
    done = openssl(
        "s_client", "-connect", f"127.0.0.1:{port}", *arguments, stdin=stdin, check=check)
    return (done.stdout + done.stderr).decode(errors="replace")


def serial(port):
    """The serial number of the certificate that is served now."""
    return re.search(r"serial=(\w+)", openssl(
        "x509", "-noout", "-serial", stdin=ssl.get_server_certificate(
            ("127.0.0.1", port), timeout=20).encode()).stdout.decode())[1]


def serial_of(certificate):
    return openssl("x509", "-noout", "-serial", "-in", certificate).stdout.decode().strip()[7:]


@pytest.mark.parametrize("options,version", [
    (["--http1.1"], "1.1"), (["--http2"], "2"), (["--http1.1", "--tls-max", "1.2"], "1.1"),
    (["--http2", "--tls-max", "1.2"], "2"), (["--http2", "--tlsv1.3"], "2")])
def test_curl(secure, authority, options, version):
    out = curl(
        *options, "--cacert", authority.file, secure.tls_url + PREDICT, "-H",
        f"Content-Type: {KIND}", "--data-binary", "@-", "-w", "\n%{http_version}")
    body, _, spoken = out.rpartition(b"\n")
    assert spoken.decode() == version
    assert_equal_to_reference(json.loads(body), IRIS)


def test_curl_does_not_trust_a_stranger(secure):
    curl(secure.tls_url + "/healthz", status=60)


def test_requests(secure, authority):
    with requests.Session() as session:
        for _ in range(5):
            answer = session.post(
                secure.tls_url + PREDICT, data=BODY, headers={"Content-Type": KIND},
                verify=str(authority.file), timeout=20)
            assert_equal_to_reference(answer.json(), IRIS)


def test_httpx_speaks_http2(secure, authority):
    context = ssl.create_default_context(cafile=authority.file)
    with httpx.Client(
            http2=True, verify=context, timeout=20,
            headers={"Accept-Encoding": "identity"}) as client:
        for _ in range(5):
            answer = client.post(
                secure.tls_url + PREDICT, content=BODY, headers={"Content-Type": KIND})
            assert answer.http_version == "HTTP/2"
            assert_equal_to_reference(answer.json(), IRIS)


def test_big_bodies_both_ways(secure, authority):
    rows = json.dumps({"instances": [[5.1, 3.5, 1.4, 0.2]] * 60_000}).encode()
    context = ssl.create_default_context(cafile=authority.file)
    for http2 in (False, True):
        with httpx.Client(
                http2=http2, verify=context, timeout=60,
                headers={"Accept-Encoding": "identity"}) as client:
            answer = client.post(
                secure.tls_url + PREDICT, content=rows, headers={"Content-Type": KIND})
            assert answer.status_code == 200 and len(answer.content) > 1 << 20
            assert len(answer.json()["predictions"]) == 60_000


@pytest.mark.parametrize("offered,chosen", [
    ("h2", "h2"), ("http/1.1", "http/1.1"), ("h2,http/1.1", "h2"), ("http/1.1,h2", "h2")])
def test_alpn(secure, offered, chosen):
    assert f"ALPN protocol: {chosen}\n" in s_client(secure.tls_port, "-alpn", offered)


def test_without_alpn_it_is_http_1_1(secure):
    out = s_client(
        secure.tls_port, "-quiet", "-ign_eof",
        stdin=b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert "HTTP/1.1 200 OK" in out and '"ok"' in out


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_old_versions_are_refused(secure, version):
    """The client would: its security level is lowered for it."""
    out = s_client(secure.tls_port, version, "-cipher", "DEFAULT@SECLEVEL=0", check=False)
    assert "Cipher is (NONE)" in out and "protocol version" in out, out


@pytest.mark.parametrize("cipher", ["AES256-SHA", "AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA"])
def test_ciphers_without_forward_secrecy_or_aead_are_refused(secure, cipher):
    out = s_client(
        secure.tls_port, "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0", check=False)
    assert "Cipher is (NONE)" in out, out


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_sessions_are_resumed(secure, tmp_path, version):
    session = tmp_path / "session"
    asks = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    first = s_client(
        secure.tls_port, version, "-ign_eof", "-sess_out", session, stdin=asks)
    assert "\nNew, TLSv1." in first and session.stat().st_size > 0
    again = s_client(secure.tls_port, version, "-ign_eof", "-sess_in", session, stdin=asks)
    assert "\nReused, TLSv1." in again and "HTTP/1.1 200 OK" in again


def test_reconnecting_resumes(secure):
    out = s_client(secure.tls_port, "-reconnect", "-tls1_2")
    assert out.count("\nReused, ") == 5


def test_renegotiation_is_refused(secure):
    out = s_client(secure.tls_port, "-tls1_2", stdin=b"R\n", check=False)
    assert "no renegotiation" in out or "renegotiation" in out.lower(), out
    assert requests.get(secure.url + "/healthz", timeout=20).status_code == 200


def test_plain_http_on_the_tls_port_and_noise_end_at_once(secure, authority):
    for noise in (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", os.urandom(4096), b"\x16\x03\x01\xff\xff"):
        with socket.create_connection(("127.0.0.1", secure.tls_port), timeout=15) as connection:
            connection.sendall(noise)
            connection.shutdown(socket.SHUT_WR)
            try:
                while connection.recv(4096):
                    pass
            except ConnectionResetError:
                pass
    assert requests.get(
        secure.tls_url + "/healthz", verify=str(authority.file), timeout=20).status_code == 200


def test_tls_on_the_main_port(start, authority, pair):
    server = start(
        MODELS, "--tls-cert", pair[0], "--tls-key", pair[1], verify=str(authority.file))
    assert server.url.startswith("https://")
    answer = requests.post(
        server.url + PREDICT, data=BODY, headers={"Content-Type": KIND}, timeout=20,
        verify=str(authority.file))
    assert_equal_to_reference(answer.json(), IRIS)


# Client certificates


def test_a_client_certificate_is_required(start, authority, pair, tmp_path):
    server = start(MODELS, *tls(pair, "--tls-client-ca", authority.file))
    mine, stranger = authority.sign("client", "/CN=scorer"), Authority(tmp_path / "o").sign("client")
    url = server.tls_url + PREDICT
    answer = requests.post(
        url, data=BODY, headers={"Content-Type": KIND}, cert=mine, verify=str(authority.file),
        timeout=20)
    assert_equal_to_reference(answer.json(), IRIS)
    out = curl(
        "--http2", "--cacert", authority.file, "--cert", mine[0], "--key", mine[1], url,
        "-H", f"Content-Type: {KIND}", "--data-binary", "@-")
    assert_equal_to_reference(json.loads(out), IRIS)
    for cert in (None, stranger):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = ssl.create_default_context(cafile=authority.file)
            context.maximum_version = version
            if cert:
                context.load_cert_chain(*cert)
            with pytest.raises((httpx.ReadError, httpx.ConnectError, httpx.RemoteProtocolError)):
                httpx.get(server.tls_url + "/healthz", verify=context, timeout=20)


def test_a_client_certificate_may_be_optional(start, authority, pair, tmp_path):
    """Without one, or with a good one, but not with a bad one."""
    server = start(
        MODELS, *tls(pair, "--tls-client-ca", authority.file, "--tls-client-auth", "optional"))
    mine, stranger = authority.sign("client2"), Authority(tmp_path / "o").sign("client")
    for cert in (None, mine):
        assert requests.get(
            server.tls_url + "/healthz", cert=cert, verify=str(authority.file),
            timeout=20).status_code == 200
    with pytest.raises((requests.exceptions.SSLError, requests.ConnectionError)):
        requests.get(
            server.tls_url + "/healthz", cert=stranger, verify=str(authority.file), timeout=20)


# Reload


def replace(source, target):
    """As an operator or cert-manager does: a new file under the old name."""
    fresh = target.with_suffix(".new")
    shutil.copy(source, fresh)
    os.replace(fresh, target)


def wait_for_serial(server, wanted, seconds):
    end = time.monotonic() + seconds
    while serial(server.tls_port) != wanted:
        assert time.monotonic() < end, f"the old certificate is still served; {server.report()}"
        time.sleep(0.1)


@pytest.fixture
def own_pair(authority, tmp_path):
    made = authority.sign("own")
    return shutil.copy(made[0], tmp_path / "cert.pem"), shutil.copy(made[1], tmp_path / "key.pem")


def test_a_new_pair_is_served_when_the_files_change(start, authority, own_pair):
    server = start(MODELS, *tls(own_pair))
    assert serial(server.tls_port) == serial_of(own_pair[0])
    new = authority.sign("renewed")
    with requests.Session() as open_before:
        ask = {"verify": str(authority.file), "timeout": 20}
        assert open_before.get(server.tls_url + "/healthz", **ask).status_code == 200
        replace(new[1], own_pair[1])
        replace(new[0], own_pair[0])
        wait_for_serial(server, serial_of(new[0]), 10)
        assert open_before.get(server.tls_url + "/healthz", **ask).status_code == 200


def test_a_new_pair_is_served_after_sighup(start, authority, own_pair):
    server = start(MODELS, *tls(own_pair))
    new = authority.sign("hup")
    replace(new[1], own_pair[1])
    replace(new[0], own_pair[0])
    server.send_signal(signal.SIGHUP)
    wait_for_serial(server, serial_of(new[0]), 5)


@pytest.mark.parametrize("hup", [False, True], ids=["change", "sighup"])
def test_a_bad_new_pair_keeps_the_old_one_and_says_so(start, authority, own_pair, hup):
    server = start(MODELS, *tls(own_pair))
    before = serial_of(own_pair[0])
    replace(authority.sign("mismatch")[0], own_pair[0])  # its key is not the one beside it
    if hup:
        server.send_signal(signal.SIGHUP)
    server.says("cert.pem")
    assert serial(server.tls_port) == before
    own_pair[0].write_text("nonsense")
    server.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert serial(server.tls_port) == before
    # And a good pair after it is taken.
    new = authority.sign("mended")
    replace(new[1], own_pair[1])
    replace(new[0], own_pair[0])
    server.send_signal(signal.SIGHUP)
    wait_for_serial(server, serial_of(new[0]), 10)


def test_a_bad_pair_at_the_start_is_refused(authority, pair, tmp_path):
    other = authority.sign("other")
    (tmp_path / "empty.pem").write_text("")
    for cert, key, word in (
            (pair[0], other[1], str(other[1])), (tmp_path / "no.pem", pair[1], "no.pem"),
            (tmp_path / "empty.pem", pair[1], "empty.pem")):
        done = run("serve", MODELS, "--port", "0", "--tls-cert", cert, "--tls-key", key)
        assert done.returncode > 0 and word in done.stderr, done
        assert len(done.stderr.strip().splitlines()) == 1


# Stalls


def test_a_stalled_handshake_is_cut(start, pair):
    server = start(MODELS, *tls(pair, "--handshake-seconds", "1"))
    hello = ssl.MemoryBIO()
    talk = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        talk.do_handshake()
    hello = hello.read()
    for part in (b"", hello[:3], hello[:-1], hello):
        with socket.create_connection(("127.0.0.1", server.tls_port), timeout=15) as connection:
            connection.sendall(part)
            begun = time.monotonic()
            try:
                while connection.recv(65536):
                    pass
            except ConnectionResetError:
                pass
            assert time.monotonic() - begun < 8


# Plain HTTP at a port for TLS


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "PUT", "OPTIONS", "DELETE", "PATCH"])
def test_plain_http_is_told_that_the_port_speaks_tls(secure, method):
    """A readable 400 and the end; it is no crash, no alert in the clear, no hang."""
    with socket.create_connection(("127.0.0.1", secure.tls_port), timeout=20) as connection:
        connection.sendall(request(method, "/healthz", b"x" * 100 if method == "POST" else b""))
        data = b""
        while part := connection.recv(65536):
            data += part
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ") and b"\r\nconnection: close" in head.lower(), data
    error = json.loads(body)["error"]
    assert error["code"] == "tls_required" and "TLS" in error["message"] and "https" in error["message"]


def test_curl_that_forgot_the_s_sees_why(secure):
    out = curl(f"http://127.0.0.1:{secure.tls_port}/healthz")
    assert json.loads(out)["error"]["code"] == "tls_required"


def test_a_plain_request_in_pieces_and_what_is_neither(secure, authority):
    with socket.create_connection(("127.0.0.1", secure.tls_port), timeout=20) as connection:
        for byte in request("GET", "/healthz"):
            try:
                connection.sendall(bytes([byte]))
            except (BrokenPipeError, ConnectionResetError):
                break
            time.sleep(0.002)
        assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")
    for noise in (b"\0" * 100, b"\xff" * 100, b"hello there, server\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", secure.tls_port), timeout=20) as connection:
            connection.sendall(noise)
            try:
                while part := connection.recv(65536):
                    assert not part.startswith(b"HTTP")
            except ConnectionResetError:
                pass
    assert requests.get(
        secure.tls_url + "/healthz", verify=str(authority.file), timeout=20).status_code == 200
