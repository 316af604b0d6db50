"""The container image as it runs: tools/image_test.sh builds it and says by environment where podman keeps it.

Prints what docs/benchmarks.md holds: size, time to ready, resident memory."""

import datetime
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import pytest
import requests
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
IMAGE, BASE = "localhost/martlet:0.1.0", "localhost/martlet-base:12"
ROW = {"instances": [[5.1, 3.5, 1.4, 0.2]]}
# As the Pod Security profile "restricted" has it, and the read-only file system of the manifest.
LOCKED = ["--read-only", "--cap-drop=all", "--security-opt=no-new-privileges"]


def podman(*arguments, check=True, **options):
    done = subprocess.run(
        ["podman", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
        **options)
    assert not check or done.returncode == 0, (arguments, done.stdout, done.stderr)
    return done


def inspect(name):
    return json.loads(podman("inspect", name).stdout)[0]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


def wait_for(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def is_ready(url):
    try:
        return requests.get(url + "/readyz", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


@pytest.fixture
def container():
    port = free_port()
    name = f"martlet-test-{port}"
    podman("run", "-d", "--name", name, "--network=host", *LOCKED, "-e", "MARTLET_HOST=127.0.0.1",
           "-e", f"MARTLET_PORT={port}", "-e", "MARTLET_DRAIN_DELAY=0", IMAGE)
    try:
        wait_for(lambda: is_ready(f"http://127.0.0.1:{port}"), "never ready")
        yield name, f"http://127.0.0.1:{port}"
    finally:
        podman("rm", "-f", "-t", "0", name, check=False)


def log_lines(name):
    done = podman("logs", name)
    return [json.loads(line) for line in (done.stdout + done.stderr).splitlines()]


def test_the_image_is_small_and_says_what_it_is():
    image = inspect(IMAGE)
    size, base = image["Size"], inspect(BASE)["Size"]
    print(f"\nimage: {size / 1e6:.1f} MB, {(size - base) / 1e6:.1f} MB over the {base / 1e6:.1f} MB of its base")
    assert size - base < 60e6
    config = image["Config"]
    assert config["User"] == "65532:65532"
    assert config["Labels"]["org.opencontainers.image.title"] == "martlet"
    assert re.fullmatch("[0-9a-f]{40}", config["Labels"]["org.opencontainers.image.revision"])
    assert config["StopSignal"] == "SIGTERM"
    assert image["Healthcheck"]["Test"] == ["CMD", "/usr/bin/martlet", "health"]


def test_there_is_no_shell():
    done = podman("run", "--rm", "--network=none", "--entrypoint=/bin/sh", IMAGE, "-c", "true", check=False)
    assert done.returncode != 0 and "no such file" in (done.stderr + done.stdout).lower()


def test_it_runs_locked_in_and_answers(container):
    name, url = container
    answer = requests.post(url + "/models/iris/predict", json=ROW, timeout=20)
    assert answer.status_code == 200 and answer.json()["predictions"][0]["label"] == "setosa"
    state = inspect(name)["State"]
    status = pathlib.Path(f"/proc/{state['Pid']}/status").read_text()
    assert re.search(r"^Uid:\s+65532\s", status, re.M) and re.search(r"^NoNewPrivs:\s+1$", status, re.M)
    assert re.search(r"^CapEff:\s+0+$", status, re.M)
    resident = int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024
    print(f"\nresident: {resident:.1f} MiB")
    assert podman("healthcheck", "run", name).returncode == 0
    assert all(line["level"] == "info" for line in log_lines(name)), "one JSON object a line, none an error"


def test_the_binary_is_ready_soon():
    """The image's own binary and models without a container: from its start to its line `started`."""
    root = pathlib.Path(podman("image", "mount", IMAGE).stdout.strip())
    times = []
    try:
        for _ in range(9):
            begun = time.monotonic()
            process = subprocess.Popen(
                [str(root / "usr/bin/martlet"), "serve", str(root / "usr/share/martlet/models"), "--port", "0",
                 "--drain-delay", "0", "--log-format", "json"],
                stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            while json.loads(process.stderr.readline())["message"] != "started":
                pass
            times.append((time.monotonic() - begun) * 1000)
            process.terminate()
            assert process.wait(30) == 0
    finally:
        podman("image", "unmount", IMAGE)
    print(f"\nbinary: ready after {min(times):.0f} ms at best, {sorted(times)[4]:.0f} ms in the middle of 9")
    assert min(times) < 250


def test_it_is_ready_soon(container):
    """The same in a container: from the process that runc makes, its own work included."""
    times = []
    name, _ = container
    for _ in range(5):
        podman("restart", "-t", "20", name)
        pid = inspect(name)["State"]["Pid"]
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = int(re.search(r"btime (\d+)", pathlib.Path("/proc/stat").read_text())[1])
        uptime = float(pathlib.Path("/proc/uptime").read_text().split()[0])
        begun = time.time() - uptime + int(fields[19]) / os.sysconf("SC_CLK_TCK")
        assert abs(time.time() - uptime - boot) < 2
        wait_for(lambda: log_lines(name)[-1]["message"] == "started", "never started")
        stamp = datetime.datetime.fromisoformat(log_lines(name)[-1]["time"]).timestamp()
        times.append((stamp - begun) * 1000)
    print(f"\ncontainer: ready after {min(times):.0f} ms at best, {sorted(times)[2]:.0f} ms in the middle of {len(times)}")
    assert -10 < min(times) < 500


def test_stopping_drains(container):
    name, url = container
    with requests.Session() as session:
        assert session.post(url + "/models/iris/predict", json=ROW, timeout=20).status_code == 200
    podman("stop", "-t", "30", name)
    state = inspect(name)["State"]
    assert state["ExitCode"] == 0 and not state["OOMKilled"]
    assert log_lines(name)[-1]["message"] == "stopped"


# The Kubernetes base


def kubelet_says(probe, base):
    """What a kubelet finds with an httpGet probe: any status from 200 to 399 is a success."""
    get = probe["httpGet"]
    assert get["port"] == "admin"
    try:
        answer = requests.get(base + get["path"], timeout=probe["timeoutSeconds"])
        return 200 <= answer.status_code < 400
    except requests.RequestException:
        return False


@pytest.fixture
def played(tmp_path):
    """The base with ports of a host that others use too. podman runs probes in a shell inside of the container, which
    this image has not: the tests ask them from outside, as a kubelet does."""
    port, admin = free_port(), free_port()
    text = subprocess.run(
        ["kubectl", "kustomize", str(ROOT / "k8s" / "base")], check=True, capture_output=True,
        text=True).stdout
    documents = [
        one for one in yaml.safe_load_all(text) if one["kind"] in ("ConfigMap", "Deployment")]
    assert len(documents) == 2
    probes = {}
    for document in documents:
        if document["kind"] == "ConfigMap":
            document["data"] |= {
                "MARTLET_PORT": str(port), "MARTLET_ADMIN_LISTEN": f"127.0.0.1:{admin}",
                "MARTLET_HOST": "127.0.0.1", "MARTLET_DRAIN_DELAY": "1"}
            continue
        document["spec"]["replicas"] = 1
        container, = document["spec"]["template"]["spec"]["containers"]
        probes = {kind: container[kind + "Probe"] for kind in ("startup", "readiness", "liveness")}
        for kind in probes:
            del container[kind + "Probe"]
        del container["ports"]
    manifest = tmp_path / "base.yaml"
    manifest.write_text(yaml.safe_dump_all(documents))
    podman("kube", "play", "--network=host", str(manifest))
    try:
        yield manifest, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{admin}", probes
    finally:
        podman("kube", "down", str(manifest), check=False)


def test_the_base_plays(played):
    manifest, url, admin, probes = played
    wait_for(lambda: kubelet_says(probes["startup"], admin), "the startup probe never passed")
    for probe in probes.values():
        assert kubelet_says(probe, admin)
    name, = [
        name for name in podman("ps", "--format", "{{.Names}}").stdout.split() if name.endswith("-martlet")]
    answer = requests.post(url + "/models/iris/predict", json=ROW, timeout=20)
    assert answer.status_code == 200 and answer.json()["predictions"][0]["label"] == "setosa"
    assert inspect(name)["HostConfig"]["ReadonlyRootfs"]
    # Readiness turns first, then the listeners close, then it ends by itself.
    pid = inspect(name)["State"]["Pid"]
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not kubelet_says(probes["readiness"], admin), "still ready after SIGTERM", 5)
    assert requests.post(url + "/models/iris/predict", json=ROW, timeout=20).status_code == 200
    wait_for(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "it does not end")
    assert "stopped" in podman("logs", name).stdout + podman("logs", name).stderr


def test_deletion_drains(played):
    """The pod is stopped with its grace period while requests are under way, as a kubelet does before it removes
    one (podman 4.3's `kube down` alone kills what is in the pod when the pause container has gone): each request is
    answered, and the exit is clean."""
    manifest, url, admin, probes = played
    grace = next(
        one for one in yaml.safe_load_all(manifest.read_text()) if one["kind"] == "Deployment"
    )["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    wait_for(lambda: kubelet_says(probes["startup"], admin), "the startup probe never passed")
    address = url.removeprefix("http://")
    down, answered, told = None, 0, False
    connection, is_new = http.client.HTTPConnection(address, timeout=20), True
    begun = time.monotonic()
    while True:
        try:
            connection.request(
                "POST", "/models/iris/predict", json.dumps(ROW), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
        except OSError:
            # A new connection finds nobody any more. One that was answered is never cut off: it is told first.
            assert down and is_new
            break
        assert answer.status == 200
        answered, is_new = answered + 1, False
        if answer.getheader("Connection") == "close":
            assert down
            told = True
            connection.close()
            connection, is_new = http.client.HTTPConnection(address, timeout=20), True
        if not down and time.monotonic() - begun > 0.5:
            down = subprocess.Popen(["podman", "pod", "stop", "-t", str(grace), "martlet-pod-0"])
    assert down.wait(60) == 0 and answered > 50 and told
    name, = [
        name for name in podman("ps", "-a", "--format", "{{.Names}}").stdout.split()
        if name.endswith("-martlet")]
    assert inspect(name)["State"]["ExitCode"] == 0
    assert podman("kube", "down", str(manifest)).returncode == 0
    assert not podman("ps", "-aq").stdout.split()
