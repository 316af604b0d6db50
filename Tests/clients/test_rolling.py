"""Both servers are replaced under load, behind haproxy and at a shared port: nobody sees it. `make rolling` does it
for a minute each."""

import json
import os
import subprocess
import sys

import pytest

from martlet_process import BINARY, ROOT, SANITIZED, run


@pytest.mark.parametrize("protocol", ["http1", "http2"])
@pytest.mark.parametrize("form", ["haproxy", "reuseport"])
def test_a_rolling_restart_loses_no_request(form, protocol, tmp_path):
    report = tmp_path / "report"
    # A sanitizer's settings go to the servers too.
    passed = {name: value for name, value in os.environ.items() if name == "LD_PRELOAD" or "SAN_OPTIONS" in name}
    done = subprocess.run(
        [sys.executable, str(ROOT / "Benchmarks/rolling/run.py"), "--form", form, "--protocol", protocol,
         "--seconds", "60" if SANITIZED else "12", "--rate-max", "1500", "--json", str(report)],
        capture_output=True, text=True, timeout=600, env={**passed, "MARTLET_BIN": str(BINARY), "PATH": "/usr/bin:/bin"})
    assert report.exists(), done.stdout + done.stderr
    result = json.loads(report.read_text())
    assert result["replaced"] >= 2 and result["scheduled"] > 500, result
    assert result["failed"] == 0 and not result["other_statuses"], result
    assert result["succeeded"] == result["scheduled"], result
    assert done.returncode == 0


def test_a_second_server_at_a_port_is_an_error_without_reuse_port(server):
    out = run("serve", ROOT / "models", "--port", server.port)
    assert out.returncode != 0 and "--port" in out.stderr


def test_a_server_that_shares_a_port_takes_no_connection_before_its_models_are_ready(start, tmp_path):
    first = start(ROOT / "models", "--reuse-port")
    # One without a model that can be loaded never gets there, so never spoils an answer.
    (tmp_path / "broken" / "1").mkdir(parents=True)
    (tmp_path / "broken" / "1" / "model.onnx").write_bytes(b"\x08\x07nothing")
    out = run("serve", tmp_path, "--port", first.port, "--reuse-port")
    assert out.returncode != 0 and "no model could be loaded" in out.stderr
    for _ in range(50):
        with first.connect() as connection:
            connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")
