"""Models that come, change and go while the server runs: watch, the management API, canary, shadow."""

import base64
import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import threading
import time

import httpx
import numpy as np
import onnx
import pytest
import requests
from onnx import TensorProto, helper, numpy_helper

from certificates import Authority
from martlet_process import MODELS, room, run

LABELS = "classes"


def scale_model(factor, columns=4, extra=0):
    """y = x · factor; `extra` float32 weights make it large."""
    nodes = [helper.make_node("Mul", ["x", "f"], ["y" if not extra else "z"])]
    weights = [numpy_helper.from_array(np.array([factor], np.float32), "f")]
    if extra:
        weights.append(numpy_helper.from_array(
            np.random.default_rng(int(factor)).random(extra, np.float32), "w"))
        nodes += [
            helper.make_node("ReduceMin", ["w"], ["m"], keepdims=0),
            helper.make_node("Mul", ["m", "zero"], ["n"]),
            helper.make_node("Add", ["z", "n"], ["y"])]
        weights.append(numpy_helper.from_array(np.array(0, np.float32), "zero"))
    graph = helper.make_graph(
        nodes, "scale",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", columns])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", columns])], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


def put_model(folder, name, version, factor, **options):
    """Into place by one rename, as a careful deployment does."""
    place = pathlib.Path(folder) / name / str(version)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.mkdir(exist_ok=True)
    (place / "model.onnx.tmp").write_bytes(scale_model(factor, **options))
    (place / "model.onnx.tmp").rename(place / "model.onnx")


def configure(folder, name, **keys):
    path = pathlib.Path(folder) / name / "model.json"
    path.with_suffix(".tmp").write_text(json.dumps(keys))
    path.with_suffix(".tmp").rename(path)


def ask(server, path, **options):
    answer = requests.post(
        server.url + path, json={"instances": [[1, 1, 1, 1]]}, timeout=30, **options)
    return answer.json()["predictions"][0][0] if answer.status_code == 200 else answer.status_code


def until(condition, seconds=30, what="it never came"):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(what)


def page(server, name):
    return requests.get(f"{server.url}/models/{name}", timeout=30).json()


def states(server, name):
    return {v["version"]: v["state"] for v in page(server, name).get("versions", [])}


def metric(server, line):
    for found in requests.get(server.url + "/metrics", timeout=30).text.splitlines():
        if found.startswith(line + " "):
            return float(found.split()[-1])
    return None


@pytest.fixture
def folder(tmp_path):
    put_model(tmp_path, "a", 1, 2)
    return tmp_path


class Load:
    """Threads that ask until they are stopped; every answer must be good."""

    def __init__(self, server, path="/models/a/predict", threads=4):
        self.server, self.path = server, path
        self.count, self.wrong, self.stopped = 0, [], False
        self.values, self.lock = set(), threading.Lock()
        self.threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def _run(self):
        with requests.Session() as session:
            while not self.stopped:
                try:
                    answer = session.post(
                        self.server.url + self.path, json={"instances": [[1, 1, 1, 1]]}, timeout=60)
                    value = answer.json()["predictions"][0][0] if answer.ok else answer.text
                    with self.lock:
                        self.count += 1
                        self.values.add(value)
                        if not answer.ok:
                            self.wrong.append(value)
                except Exception as error:  # noqa: BLE001: every failure counts
                    with self.lock:
                        self.wrong.append(repr(error))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped = True
        for thread in self.threads:
            thread.join(60)


# Watching


def test_a_watched_folder_is_followed(start, folder):
    server = start(folder, "--model-control", "watch")
    assert ask(server, "/models/a/predict") == 2
    put_model(folder, "a", 2, 3)
    until(lambda: ask(server, "/models/a/predict") == 3)
    put_model(folder, "b", 1, 5)
    until(lambda: ask(server, "/models/b/predict") == 5)
    put_model(folder, "a", 2, 4)
    until(lambda: ask(server, "/models/a/predict") == 4)
    shutil.rmtree(folder / "a" / "2")
    until(lambda: ask(server, "/models/a/predict") == 2)
    shutil.rmtree(folder / "b")
    until(lambda: ask(server, "/models/b/predict") == 404)
    configure(folder, "a", description="changed")
    until(lambda: page(server, "a").get("description") == "changed")


def test_a_file_that_is_still_written_is_not_read(start, folder):
    server = start(folder, "--model-control", "watch")
    (folder / "a" / "2").mkdir()
    data = scale_model(7, extra=1 << 20)
    with open(folder / "a" / "2" / "model.onnx", "wb") as file:
        for start_at in range(0, len(data), len(data) // 12):
            file.write(data[start_at:start_at + len(data) // 12])
            file.flush()
            time.sleep(0.25)
    until(lambda: ask(server, "/models/a/predict") == 7)
    assert "error" not in server.error_text(), server.error_text()


def test_a_broken_replacement_leaves_the_old_one(start, folder):
    server = start(folder, "--model-control", "watch")
    broken = folder / "a" / "1" / "model.onnx.tmp"
    broken.write_bytes(b"\xff" * 100)
    broken.rename(folder / "a" / "1" / "model.onnx")
    version = until(lambda: [
        v for v in page(server, "a")["versions"] if "last_failure" in v])[0]
    assert version["state"] == "ready" and "model.onnx" in version["last_failure"]
    assert ask(server, "/models/a/predict") == 2
    assert metric(server, 'martlet_model_load_failures_total{model="a"}') == 1
    server.says("was not replaced")
    assert requests.get(server.url + "/readyz", timeout=10).status_code == 200


def test_without_watching_only_a_hangup_looks_again(start, folder):
    server = start(folder)
    put_model(folder, "a", 2, 3)
    time.sleep(1.5)
    assert ask(server, "/models/a/predict") == 2
    server.send_signal(signal.SIGHUP)
    until(lambda: ask(server, "/models/a/predict") == 3)


# Reloading under load


def test_reloading_another_model_loses_no_request(start, folder):
    put_model(folder, "other", 1, 1)
    server = start(folder, "--model-control", "explicit")
    with Load(server) as load, requests.Session() as session:
        for number in range(30):
            put_model(folder, "other", 1, number + 2)
            answer = session.post(server.url + "/models/other/load", timeout=60)
            assert answer.status_code == 200, answer.text
            time.sleep(0.1)
    assert not load.wrong, load.wrong[:3]
    assert load.count > 100 and load.values == {2}


def test_reloading_the_model_itself_loses_no_request(start, folder):
    server = start(folder, "--model-control", "explicit")
    with Load(server) as load, requests.Session() as session:
        for number in range(30):
            put_model(folder, "a", 1, number + 3)
            answer = session.post(server.url + "/models/a/load", timeout=60)
            assert answer.status_code == 200, answer.text
            assert ask(server, "/models/a/predict") == number + 3
    assert not load.wrong, load.wrong[:3]
    assert load.count > 100 and len(load.values) > 5


def test_swaps_leave_memory_flat(start, folder):
    """MARTLET_SWAPS=10000 (make swaps) for the whole of it."""
    swaps = int(os.environ.get("MARTLET_SWAPS", "300"))
    server = start(folder, "--model-control", "explicit")

    def swap(session, number):
        put_model(folder, "a", 1, number % 50 + 1, extra=1 << 16)
        assert session.post(server.url + "/models/a/load", timeout=60).status_code == 200
        if number % 10 == 0:
            assert ask(server, "/models/a/predict") == number % 50 + 1

    with requests.Session() as session:
        for number in range(100):
            swap(session, number)
        before = server.resident_bytes
        for number in range(swaps):
            swap(session, number)
        after = until(lambda: states(server, "a") == {"1": "ready"}) and server.resident_bytes
    print(f"{swaps} swaps: {before >> 10} KiB before, {after >> 10} KiB after")
    # A model is 256 KiB: a leak of one in ten swaps would be seen.
    assert after - before < room(6 << 20), (before, after)
    text = requests.get(server.url + "/metrics", timeout=30).text
    assert text.count('martlet_model_state{model="a"') == 6


def test_loads_and_unloads_leave_memory_flat(start, folder):
    """MARTLET_SWAPS=10000 (make swaps) for the whole of it: a model is unloaded and loaded again."""
    cycles = int(os.environ.get("MARTLET_SWAPS", "300"))
    put_model(folder, "a", 1, 7, extra=1 << 16)
    server = start(folder, "--model-control", "explicit")

    def cycle(session, number):
        for verb in ("load", "unload"):
            answer = session.post(f"{server.url}/models/a/{verb}", timeout=60)
            assert answer.status_code == 200, answer.text
            if number % 10 == 0 and verb == "load":
                assert ask(server, "/models/a/predict") == 7

    with requests.Session() as session:
        for number in range(100):
            cycle(session, number)
        before = server.resident_bytes
        for number in range(cycles):
            cycle(session, number)
        after = server.resident_bytes
    print(f"{cycles} loads and unloads: {before >> 10} KiB before, {after >> 10} KiB after")
    assert after - before < room(6 << 20), (before, after)


# Management


def test_versions_are_loaded_unloaded_and_rolled_back(start, folder):
    server = start(folder, "--model-control", "explicit")
    put_model(folder, "a", 2, 3)
    url = server.url + "/models/a"
    answer = requests.post(url + "/load?version=2", timeout=30)
    assert answer.status_code == 200 and answer.json()["default_version"] == "2"
    assert ask(server, "/models/a/predict") == 3
    assert requests.post(url + "/rollback", timeout=30).json()["default_version"] == "1"
    assert ask(server, "/models/a/predict") == 2
    assert requests.post(url + "/rollback", timeout=30).status_code == 409
    assert requests.post(url + "/unload?version=1", timeout=30).status_code == 200
    assert ask(server, "/models/a/predict") == 3
    assert ask(server, "/models/a/versions/1/predict") == 503
    until(lambda: states(server, "a") == {"1": "found", "2": "ready"})
    assert requests.post(url + "/unload?version=1", timeout=30).status_code == 409
    requests.post(url + "/unload", timeout=30)
    ready = requests.get(server.url + "/models?ready=true", timeout=30).json()
    assert ready["models"] == []
    assert requests.get(server.url + "/readyz", timeout=30).status_code == 503
    requests.post(url + "/load", timeout=30)
    ready = requests.get(server.url + "/models?ready=true", timeout=30).json()
    assert [m["name"] for m in ready["models"]] == ["a"]


@pytest.mark.parametrize("method, path, status, code", [
    ("POST", "/models/z/load", 404, "model_not_found"),
    ("POST", "/models/a/load?version=9", 404, "version_not_found"),
    ("POST", "/models/a/load?version=x", 400, "bad_request"),
    ("POST", "/models/a/unload?version=9", 404, "version_not_found"),
    ("POST", "/models/a/rollback", 409, "nothing_to_roll_back_to"),
    ("POST", "/models/.x/load", 400, "bad_request"),
    ("DELETE", "/models/a/labels/x", 404, "label_not_found"),
    ("DELETE", "/models/a/versions/9", 404, "version_not_found"),
    ("GET", "/models/a/load", 405, "method_not_allowed"),
    ("POST", "/models/a/labels/x", 405, "method_not_allowed"),
    ("PUT", "/models/a/versions/3", 400, "empty_body"),
    ("PUT", "/models/a/labels/x", 400, "invalid_json"),
    ("PUT", "/models/a/nothing", 404, "not_found"),
])
def test_what_cannot_be_done_is_said(start, folder, method, path, status, code):
    server = start(folder, "--model-control", "explicit")
    answer = requests.request(method, server.url + path, timeout=30)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_load_that_fails_says_why(start, folder):
    server = start(folder, "--model-control", "explicit")
    (folder / "a" / "2").mkdir()
    (folder / "a" / "2" / "model.onnx").write_bytes(b"\xff" * 50)
    answer = requests.post(server.url + "/models/a/load?version=2", timeout=30)
    assert answer.status_code == 422 and "model.onnx" in answer.json()["error"]["message"]
    assert ask(server, "/models/a/predict") == 2
    assert states(server, "a") == {"1": "ready", "2": "failed"}


def test_labels_stand_at_loaded_versions(start, folder):
    put_model(folder, "a", 2, 3)
    configure(folder, "a", version_labels={"stable": "1"})
    server = start(folder, "--model-control", "explicit")
    url = server.url + "/models/a/labels"
    assert ask(server, "/models/a/labels/stable/predict") == 2
    assert ask(server, "/models/a/predict?label=stable") == 2
    assert ask(server, "/predict?model=a&version=stable") == 2
    assert ask(server, "/models/a/labels/canary/predict") == 404
    answer = requests.put(url + "/canary", json={"version": "2"}, timeout=30)
    assert answer.json()["version_labels"] == {"canary": "2", "stable": "1"}
    assert ask(server, "/models/a/labels/canary/predict") == 3
    requests.put(url + "/stable", json={"version": "2"}, timeout=30)
    assert ask(server, "/models/a/labels/stable/predict") == 3
    assert requests.put(url + "/stable", json={"version": "9"}, timeout=30).status_code == 404
    assert requests.put(url + "/stable", json={"v": "1"}, timeout=30).status_code == 400
    assert requests.put(url + "/7", json={"version": "1"}, timeout=30).status_code == 400
    assert requests.delete(url + "/canary", timeout=30).status_code == 200
    assert ask(server, "/models/a/labels/canary/predict") == 404


def test_management_is_off_without_its_flag(start, folder):
    server = start(folder)
    for method, path in [("POST", "/models/a/load"), ("PUT", "/models/a/versions/2"),
                         ("DELETE", "/models/a/versions/1"), ("POST", "/models/a/rollback")]:
        answer = requests.request(method, server.url + path, data=b"x", timeout=30)
        assert answer.status_code == 403, (method, path, answer.text)
        assert answer.json()["error"]["code"] == "management_off"


def test_management_needs_the_admin_scope(start, folder, tmp_path_factory):
    tokens = tmp_path_factory.mktemp("tokens") / "tokens.json"
    tokens.write_text(json.dumps({"tokens": [
        {"name": "p", "token": "p" * 20, "scopes": ["predict"]},
        {"name": "a", "token": "a" * 20, "scopes": ["admin"]}]}))
    tokens.chmod(0o600)
    server = start(folder, "--model-control", "explicit", "--tokens", tokens)
    data = scale_model(9)

    def status(token, method, path, body=None):
        headers = {"Authorization": f"Bearer {token * 20}"} if token else {}
        return requests.request(
            method, server.url + path, data=body, headers=headers, timeout=30).status_code

    for method, path, body in [("POST", "/models/a/load", None), ("PUT", "/models/a/versions/2", data),
                               ("POST", "/models/a/rollback", None),
                               ("DELETE", "/models/a/versions/2", None)]:
        assert status(None, method, path, body) == 401
        assert status("p", method, path, body) == 403
    assert status("a", "PUT", "/models/a/versions/2", data) == 201
    assert status("a", "POST", "/models/a/load", None) == 200
    assert status("a", "GET", "/models/a/versions/2") == 403
    assert status("p", "GET", "/models/a/versions/2") == 200


def test_pages_of_other_origins_change_nothing(start, folder):
    server = start(folder, "--model-control", "explicit")
    answer = requests.post(
        server.url + "/models/a/load", headers={"Origin": "https://evil.example"}, timeout=30)
    assert answer.status_code == 403


def test_an_open_address_needs_tokens(start, folder):
    server = start(folder, "--model-control", "explicit", "--admin-listen", "127.0.0.1:0",
                   host="127.0.0.1")
    admin = server.also("admin")
    assert requests.post(f"http://{admin}/models/a/load", timeout=30).status_code == 200
    assert requests.post(f"http://{admin}/models/a/predict", json=[], timeout=30).status_code == 404


# Uploads


def digest_of(data):
    value = base64.b64encode(hashlib.sha256(data).digest()).decode()
    return {"Content-Digest": f"sha-512=:eA==:, sha-256=:{value}:"}


@pytest.mark.parametrize("http2", [False, True])
def test_an_upload_is_stored_and_loaded(start, folder, http2):
    server = start(folder, "--model-control", "explicit", "--body-bytes", "1000")
    data = scale_model(11, extra=3 << 20)  # 12 MiB, far beyond --body-bytes
    with httpx.Client(http1=not http2, http2=http2, timeout=60) as client:
        url = server.url + "/models/new/versions/3"
        answer = client.put(url, content=data, headers=digest_of(data))
        assert answer.status_code == 201, answer.text
        assert answer.json()["versions"] == [{"version": "3", "state": "found"}]
        assert (folder / "new" / "3" / "model.onnx").read_bytes() == data
        assert client.post(server.url + "/models/new/load").status_code == 200
        assert ask(server, "/models/new/predict") == 11
        # The same again is no mistake; something else under the same number is.
        assert client.put(url, content=data).status_code == 201
        answer = client.put(url, content=scale_model(12))
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "version_exists")
        hexadecimal = {"X-Checksum-Sha256": hashlib.sha256(scale_model(13)).hexdigest()}
        answer = client.put(
            server.url + "/models/new/versions/4?load=true", content=scale_model(13),
            headers=hexadecimal)
        assert answer.status_code == 201 and answer.json()["default_version"] == "4"
        assert ask(server, "/models/new/predict") == 13
        page = client.get(server.url + "/models/new/versions/4").json()
        assert until(lambda: client.get(
            server.url + "/models/new/versions/4").json().get("sha256")) == hexadecimal[
                "X-Checksum-Sha256"], page
        # The connection goes on.
        assert client.get(server.url + "/healthz").status_code == 200
    assert [p.name for p in folder.iterdir() if p.name.startswith(".")] == []


@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize("headers, status, code", [
    ({"X-Checksum-Sha256": "0" * 64}, 422, "checksum_mismatch"),
    ({"X-Checksum-Sha256": "xyz"}, 400, "bad_checksum"),
    ({"Content-Digest": "sha-256=:abc:"}, 400, "bad_checksum"),
    ({"Content-Encoding": "gzip"}, 415, "unsupported_content_encoding"),
])
def test_an_upload_that_is_not_what_it_says_is_refused(
        start, folder, http2, headers, status, code):
    server = start(folder, "--model-control", "explicit")
    with httpx.Client(http1=not http2, http2=http2, timeout=60) as client:
        answer = client.put(
            server.url + "/models/a/versions/2", content=scale_model(3), headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert not (folder / "a" / "2").exists()
    until(lambda: [p.name for p in folder.iterdir() if p.name.startswith(".")] == [])


def test_a_broken_upload_is_stored_and_not_served(start, folder):
    server = start(folder, "--model-control", "explicit")
    answer = requests.put(
        server.url + "/models/a/versions/2?load=true", data=b"\xff" * 1000, timeout=30)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "load_failed")
    assert ask(server, "/models/a/predict") == 2
    assert requests.delete(server.url + "/models/a/versions/2", timeout=30).status_code == 200
    assert not (folder / "a" / "2").exists()
    until(lambda: states(server, "a") == {"1": "ready"})


def test_an_upload_in_chunks(start, folder):
    server = start(folder, "--model-control", "watch")
    data = scale_model(21, extra=1 << 18)
    pieces = (data[at:at + 10_000] for at in range(0, len(data), 10_000))
    answer = requests.put(server.url + "/models/a/versions/2", data=pieces, timeout=30)
    assert answer.status_code == 201
    until(lambda: ask(server, "/models/a/predict") == 21)


def test_an_upload_whose_client_leaves_leaves_nothing(start, folder):
    server = start(folder, "--model-control", "explicit")
    with socket.create_connection((server.host, server.port), timeout=20) as connection:
        connection.sendall(
            b"PUT /models/a/versions/2 HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"
            + b"x" * 500_000)
        until(lambda: list(folder.glob(".upload-*/model.onnx")))
    until(lambda: not list(folder.glob(".upload-*")))
    assert ask(server, "/models/a/predict") == 2


def test_only_so_many_uploads_at_the_same_time(start, folder):
    server = start(folder, "--model-control", "explicit")
    open_ones = []
    try:
        for _ in range(4):
            connection = socket.create_connection((server.host, server.port), timeout=20)
            connection.sendall(
                b"PUT /models/a/versions/2 HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx")
            open_ones.append(connection)
        until(lambda: len(list(folder.glob(".upload-*"))) == 4)
        answer = requests.put(server.url + "/models/a/versions/2", data=b"abc", timeout=30)
        assert answer.status_code == 503 and answer.headers["Retry-After"]
    finally:
        for connection in open_ones:
            connection.close()
    until(lambda: not list(folder.glob(".upload-*")))
    assert requests.put(
        server.url + "/models/a/versions/2", data=scale_model(3), timeout=30).status_code == 201


def test_predictions_go_on_beside_a_large_upload(start, folder):
    server = start(folder, "--model-control", "explicit")
    data = scale_model(5, extra=16 << 20)  # 64 MiB
    with Load(server, threads=2) as load:
        answer = requests.put(server.url + "/models/big/versions/1", data=data, timeout=120)
        assert answer.status_code == 201
    assert not load.wrong and load.count > 20
    assert server.resident_bytes < 300 << 20


# Killed in between


def test_killed_during_an_upload_it_starts_clean(start, folder):
    server = start(folder, "--model-control", "explicit")
    connection = socket.create_connection((server.host, server.port), timeout=20)
    connection.sendall(
        b"PUT /models/a/versions/2 HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"
        + b"x" * 500_000)
    until(lambda: list(folder.glob(".upload-*/model.onnx")))
    server.kill()
    connection.close()
    assert list(folder.glob(".upload-*"))
    again = start(folder, "--model-control", "explicit")
    assert not list(folder.glob(".upload-*"))
    assert ask(again, "/models/a/predict") == 2
    assert states(again, "a") == {"1": "ready"}


def test_killed_while_models_change_it_starts_clean(start, folder):
    for round_number in range(3):
        server = start(folder, "--model-control", "watch")
        stop = threading.Event()

        def change():
            number = 0
            while not stop.is_set():
                number += 1
                put_model(folder, "a", number % 3 + 1, number % 3 + 1, extra=1 << 16)

        thread = threading.Thread(target=change)
        thread.start()
        time.sleep(0.7)
        server.kill()
        stop.set()
        thread.join()
    again = start(folder, "--model-control", "watch")
    assert states(again, "a") == {"1": "ready", "2": "ready", "3": "ready"}
    for version in "123":
        assert ask(again, f"/models/a/versions/{version}/predict") == int(version)


# Traffic


def test_a_canary_gets_its_share_and_keeps_its_clients(start, folder):
    put_model(folder, "a", 2, 3)
    configure(folder, "a", canary={"version": "2", "share": 0.3, "sticky_header": "x-user"})
    server = start(folder)
    with requests.Session() as session:
        def value(**headers):
            return session.post(
                server.url + "/models/a/predict", json={"instances": [[1, 1, 1, 1]]},
                headers=headers, timeout=30).json()["predictions"][0][0]
        by_chance = [value() for _ in range(600)]
        assert 110 < by_chance.count(3) < 250 and set(by_chance) == {2, 3}
        chosen = {user: value(**{"X-User": f"user-{user}"}) for user in range(60)}
        assert set(chosen.values()) == {2, 3}
        for user, expected in chosen.items():
            assert value(**{"x-user": f"user-{user}"}) == expected
    # Who names a version gets it.
    assert {ask(server, "/models/a/versions/1/predict") for _ in range(20)} == {2}
    assert page(server, "a")["canary"] == {"version": "2", "share": 0.3}


def test_a_shadow_is_measured_and_answers_nobody(start, folder):
    put_model(folder, "a", 2, 3)
    configure(folder, "a", shadow={"version": "2"})
    server = start(folder)
    assert {ask(server, "/models/a/predict") for _ in range(50)} == {2}
    labels = '{model="a",version="2"}'
    until(lambda: metric(server, "martlet_shadow_rows_total" + labels) == 50)
    assert metric(server, "martlet_shadow_difference_max" + labels) == 1
    assert metric(server, "martlet_shadow_seconds_count" + labels) == 50
    assert metric(server, "martlet_shadow_failed_total" + labels) == 0
    # All four numbers of a row are equal: the highest is in the same place.
    assert metric(server, "martlet_shadow_agreeing_rows_total" + labels) == 50


def test_outputs_are_chosen_by_configuration(start, tmp_path):
    shutil.copytree(MODELS / "iris", tmp_path / "iris")
    configuration = json.loads((tmp_path / "iris" / "model.json").read_text())
    row = configuration["sample"]
    server = start(tmp_path)
    whole = requests.get(server.url + "/models/iris", timeout=30).json()["signature"]["outputs"]
    configuration["outputs"] = [whole[-1]["name"]]
    configuration["warm_up"] = {"samples": row, "seconds": 5}
    configure(tmp_path, "iris", **configuration)
    other = start(tmp_path)
    shown = requests.get(other.url + "/models/iris", timeout=30).json()["signature"]["outputs"]
    assert shown == whole[-1:]
    answer = requests.post(
        other.url + "/models/iris/predict", json={"instances": row}, timeout=30).json()
    assert len(answer["predictions"][0]) == 3
    refused = requests.post(
        other.url + f"/models/iris/predict?output={whole[0]['name']}", json={"instances": row},
        timeout=30)
    assert refused.status_code == 400


def test_a_required_model_decides_about_readiness(start, folder):
    configure(folder, "a", required=True)
    server = start(folder, "--model-control", "explicit")
    put_model(folder, "b", 1, 3)
    requests.post(server.url + "/models/b/load", timeout=30)
    requests.post(server.url + "/models/a/unload", timeout=30)
    answer = requests.get(server.url + "/readyz", timeout=30)
    assert answer.status_code == 503 and "'a' is required" in answer.text
    requests.post(server.url + "/models/a/load", timeout=30)
    assert requests.get(server.url + "/readyz", timeout=30).status_code == 200


# The command


def test_the_models_command(start, folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("file") / "model.onnx"
    other.write_bytes(scale_model(4, extra=1 << 20))
    server = start(folder, "--model-control", "explicit", "--unix", folder / ".socket")

    def models(*arguments, server_url=server.url):
        return run("models", *arguments, "--server", server_url)

    done = models("list")
    assert done.returncode == 0 and done.stdout == "a  1  ready  default\n", done
    done = models("upload", "a", "2", other)
    assert done.returncode == 0 and "a  2  found" in done.stdout, done
    done = models("load", "a", "--version", "2", server_url=f"unix:{folder / '.socket'}")
    assert done.returncode == 0 and "a  2  ready  default" in done.stdout, done
    assert ask(server, "/models/a/predict") == 4
    done = models("label", "a", "stable", "1")
    assert done.returncode == 0 and "a  1  ready  stable" in done.stdout, done
    done = models("rollback", "a")
    assert done.returncode == 0 and "a  1  ready  default, stable" in done.stdout, done
    assert models("label", "a", "stable", "--remove").returncode == 0
    done = models("unload", "a", "--version", "2")
    assert done.returncode == 0, done
    until(lambda: states(server, "a") == {"1": "ready", "2": "found"})
    assert models("remove", "a", "2").returncode == 0
    for arguments, word in [
        (("load", "z"), "no model is named 'z'"), (("load", "a b"), "is no name"),
        (("load", "a", "--version", "x"), "is no version"), (("rollback", "a"), "no version before"),
        (("upload", "a", "3", "/nowhere"), "/nowhere"),
    ]:
        done = models(*arguments)
        assert done.returncode > 0 and word in done.stderr, done
    done = models("list", server_url="http://127.0.0.1:1")
    assert done.returncode == 1 and "127.0.0.1:1" in done.stderr
    assert models("list", server_url="ftp://x").returncode == 64


def test_the_models_command_over_tls(start, folder, tmp_path_factory):
    authority = Authority(tmp_path_factory.mktemp("authority"))
    certificate, key = authority.sign("server")
    other = tmp_path_factory.mktemp("file") / "model.onnx"
    other.write_bytes(scale_model(4, extra=1 << 20))
    server = start(
        folder, "--model-control", "explicit", "--tls-cert", certificate, "--tls-key", key,
        "--tls-port", "0")

    def models(*arguments, url=server.tls_url):
        return run("models", *arguments, "--server", url, "--ca", authority.file)

    done = models("list")
    assert done.returncode == 0 and done.stdout == "a  1  ready  default\n", done
    done = models("upload", "a", "2", other, "--load")
    assert done.returncode == 0 and "a  2  ready  default" in done.stdout, done
    assert ask(server, "/models/a/predict") == 4
    done = models("upload", "a", "2", folder / "a" / "1" / "model.onnx")
    assert done.returncode == 1 and "other content" in done.stderr, done
    assert models("rollback", "a").returncode == 0
    assert ask(server, "/models/a/predict") == 2
    # Nobody else's certificate will do, and none for another name.
    done = run("models", "list", "--server", server.tls_url)
    assert done.returncode == 1 and "certificate" in done.stderr, done
    done = run("models", "list", "--server", server.tls_url, "--insecure")
    assert done.returncode == 0, done
    done = models("list", url=server.url.replace("http:", "https:"))
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done
    done = run("health", "--server", server.tls_url, "--ca", authority.file)
    assert (done.returncode, done.stdout) == (0, "ready\n"), done


# Over a restart


def test_a_rollback_outlasts_a_crash(start, folder):
    put_model(folder, "a", 2, 3)
    server = start(folder, "--model-control", "explicit")
    assert ask(server, "/models/a/predict") == 3
    base = server.url + "/models/a"
    assert requests.post(base + "/rollback", timeout=30).status_code == 200
    assert requests.put(base + "/labels/stable", json={"version": "1"}, timeout=30).status_code == 200
    assert ask(server, "/models/a/predict") == 2
    server.kill()
    again = start(folder, "--model-control", "watch")
    assert ask(again, "/models/a/predict") == 2
    assert ask(again, "/models/a/labels/stable/predict") == 2
    # What is new ends a rollback, as it does without a restart.
    put_model(folder, "a", 3, 5)
    until(lambda: ask(again, "/models/a/predict") == 5)
    assert ask(again, "/models/a/labels/stable/predict") == 2


def test_killed_at_any_moment_of_a_change_it_starts_clean(start, folder):
    """Labels, rollbacks, loads and uploads at full speed; killed at random, again and again."""
    put_model(folder, "a", 2, 3)
    random = np.random.default_rng(7)
    for _ in range(int(os.environ.get("MARTLET_KILLS", "6"))):
        server = start(folder, "--model-control", "explicit")
        stop = threading.Event()

        def change(number):
            with requests.Session() as session:
                base = server.url + "/models/a"
                while not stop.is_set():
                    try:
                        session.post(f"{base}/load?version={number % 2 + 1}", timeout=20)
                        session.put(
                            f"{base}/labels/l{number}", json={"version": f"{number % 2 + 1}"},
                            timeout=20)
                        session.post(base + "/rollback", timeout=20)
                        session.put(
                            f"{base}/versions/{10 + number}?load=true", data=scale_model(10 + number),
                            timeout=20)
                        session.delete(f"{base}/labels/l{number}", timeout=20)
                        session.delete(f"{base}/versions/{10 + number}", timeout=20)
                    except requests.RequestException:
                        if not stop.is_set():
                            time.sleep(0.01)

        threads = [threading.Thread(target=change, args=[number]) for number in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(float(random.uniform(0.1, 0.8)))
        server.kill()
        stop.set()
        for thread in threads:
            thread.join(60)
    again = start(folder, "--model-control", "explicit")
    assert not list(folder.glob(".upload-*")) and not list(folder.glob(".removed-*"))
    assert "not used" not in again.error_text(), again.error_text()
    versions = states(again, "a")
    assert {"1", "2"} <= set(versions) and "failed" not in versions.values(), versions
    for version, state in versions.items():
        if state == "ready":
            factor = {"1": 2, "2": 3}.get(version, int(version))
            assert ask(again, f"/models/a/versions/{version}/predict") == factor
