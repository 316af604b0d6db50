"""What the documentation and the server itself tell people to paste works when pasted."""

import json
import re
import subprocess

import pytest

from martlet_process import ROOT, run, tool


def shell(line, server):
    line = re.sub(r"(localhost|127\.0\.0\.1):8080", f"127.0.0.1:{server.port}", line)
    done = subprocess.run(
        ["bash", "-c", line.replace("curl ", "curl -sS --max-time 20 ", 1)], capture_output=True,
        text=True, stdin=subprocess.DEVNULL, timeout=30, cwd=ROOT)
    assert done.returncode == 0, (line, done.stderr)
    return done.stdout


def readme_lines():
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    return [
        line for block in blocks for line in block.replace("\\\n", " ").splitlines()
        if line.startswith("curl ")]


def test_the_readme_has_lines_to_paste():
    assert tool("curl", "curl") and len(readme_lines()) >= 3


@pytest.mark.parametrize("line", readme_lines())
def test_curl_lines_of_the_readme(server, line):
    out = shell(line, server)
    assert "error" not in json.loads(out), out


def test_curl_lines_that_the_server_prints(server):
    lines = [text for text in b"".join(server.lines).decode().splitlines() if "curl " in text]
    assert len(lines) == 3
    for line in lines:
        assert json.loads(shell(line.strip(), server))["predictions"], line


def test_curl_lines_of_the_help(server):
    text = run("--help").stdout.replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("curl ")]
    assert lines
    for line in lines:
        assert json.loads(shell(line, server))["predictions"], line
