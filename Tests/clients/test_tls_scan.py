"""sslscan finds nothing at our port that it does not find at nginx's under Mozilla's "intermediate" profile."""

import socket
import subprocess
import time
import xml.etree.ElementTree

import pytest

from certificates import Authority, openssl
from martlet_process import MODELS, tool

# https://ssl-config.mozilla.org/#server=nginx&config=intermediate (guidelines 5.7)
NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl http2;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        ssl_session_timeout 1d;
        ssl_session_cache shared:MozSSL:10m;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_ecdh_curve X25519:prime256v1:secp384r1;
        ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305;
        ssl_prefer_server_ciphers off;
        return 200 "ok";
    }}
}}
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def identity(kind, folder):
    if kind == "ec":
        return Authority(folder).sign("server")
    folder.mkdir(exist_ok=True)
    certificate, key = folder / "rsa.pem", folder / "rsa.key"
    openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
        "-days", 30, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    return certificate, key


@pytest.fixture
def nginx(tmp_path):
    processes = []

    def start(pair):
        port = free_port()
        file = tmp_path / "nginx.conf"
        file.write_text(NGINX.format(
            folder=tmp_path, port=port, certificate=pair[0], key=pair[1]))
        process = subprocess.Popen(
            [tool("nginx", "nginx"), "-p", tmp_path, "-c", file, "-e", tmp_path / "error.log"],
            stdin=subprocess.DEVNULL)
        processes.append(process)
        end = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                return port
            except ConnectionRefusedError:
                assert process.poll() is None and time.monotonic() < end, "nginx does not start"
                time.sleep(0.05)

    try:
        yield start
    finally:
        for process in processes:
            process.kill()
            process.wait(20)


def scan(port, folder):
    """What sslscan sees: kinds of findings and their names."""
    file = folder / f"scan-{port}.xml"
    done = subprocess.run(
        [tool("sslscan", "sslscan"), "--no-colour", f"--xml={file}", f"127.0.0.1:{port}"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, (done.stdout, done.stderr)
    tree = xml.etree.ElementTree.parse(file).getroot()
    found = {
        "protocol": {f"{one.get('type')} {one.get('version')}" for one in tree.iter("protocol")
                     if one.get("enabled") == "1"},
        "cipher": {f"{one.get('sslversion')} {one.get('cipher')}" for one in tree.iter("cipher")},
        "group": {f"{one.get('sslversion')} {one.get('name')}" for one in tree.iter("group")},
        "heartbleed": {one.get("sslversion") for one in tree.iter("heartbleed")
                       if one.get("vulnerable") != "0"},
        "compression": {"yes" for one in tree.iter("compression") if one.get("supported") != "0"},
        "renegotiation": {"insecure" for one in tree.iter("renegotiation")
                          if one.get("supported") == "1" and one.get("secure") != "1"},
    }
    fallback = [one.get("supported") for one in tree.iter("fallback")]
    return found, fallback, {one.get("bits") for one in tree.iter("cipher")}


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_we_offer_nothing_that_nginx_does_not(start, nginx, tmp_path, kind):
    pair = identity(kind, tmp_path / "identity")
    server = start(MODELS, "--tls-cert", pair[0], "--tls-key", pair[1], "--tls-port", "0")
    ours, fallback, bits = scan(server.tls_port, tmp_path)
    theirs, their_fallback, _ = scan(nginx(pair), tmp_path)
    assert ours["protocol"] == {"tls 1.2", "tls 1.3"} and len(ours["cipher"]) >= 5, ours
    for name, found in ours.items():
        assert found <= theirs[name], f"{name}: {found - theirs[name]}"
    assert not ours["heartbleed"] and not ours["compression"] and not ours["renegotiation"]
    assert fallback == their_fallback
    assert all(int(strength) >= 128 for strength in bits)
    assert server.process.poll() is None
