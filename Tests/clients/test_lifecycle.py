"""Starting, refusing to start, and stopping without losing a request."""

import os
import shutil
import signal
import socket
import threading
import time

import numpy as np
import onnx
import pytest
import requests
from onnx import TensorProto, helper

from answers import BY_NAME, as_json_rows, as_list, as_npy, assert_equal_to_reference
from martlet_process import BINARY, MODELS, SANITIZED, run, within
from test_statuses import slow_model
from wire import Wire, predict, request

IRIS = BY_NAME["iris"]


def refuses(*arguments, says=(), **options):
    """One clear line on stderr, nothing else, and a status that is not 0."""
    done = run(*arguments, **options)
    assert done.returncode not in (0, -signal.SIGSEGV, -signal.SIGILL, -signal.SIGABRT), done
    assert done.returncode > 0, done
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    for word in says:
        assert word in lines[0], lines[0]


def test_a_port_in_use(server):
    """Also with SO_REUSEPORT: two servers must not share a port by accident."""
    refuses("serve", MODELS, "--host", "127.0.0.1", "--port", server.port, says=[str(server.port)])


def test_a_port_that_somebody_else_listens_on():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        refuses("serve", MODELS, "--host", "127.0.0.1", "--port", port, says=[str(port)])


def test_a_folder_that_is_not_there(tmp_path):
    refuses("serve", tmp_path / "nowhere", "--port", "0", says=["nowhere"])


def test_a_file_instead_of_a_folder(tmp_path):
    (tmp_path / "file").write_text("")
    refuses("serve", tmp_path / "file", "--port", "0", says=["file"])


def test_a_folder_that_cannot_be_read(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0)
    command = ["serve", closed, "--port", "0"]
    if os.geteuid() == 0:  # root reads everything: give it up
        shutil.copy(BINARY, tmp_path / "martlet")
        for folder in [tmp_path, *tmp_path.parents[:-1]]:
            if folder.stat().st_uid == os.geteuid() and str(folder) != "/tmp":
                folder.chmod(0o755)
        refuses(*command, says=["closed"], user=65534, cwd="/", executable=tmp_path / "martlet")
    else:
        refuses(*command, says=["closed"])


def test_no_model_at_all(tmp_path):
    refuses("serve", tmp_path, "--port", "0", says=[str(tmp_path)])


def test_only_broken_models(tmp_path):
    """Nothing could ever be served: the same as no model."""
    (tmp_path / "broken" / "1").mkdir(parents=True)
    (tmp_path / "broken" / "1" / "model.onnx").write_bytes(b"\xff" * 100)
    done = run("serve", tmp_path, "--port", "0")
    assert done.returncode > 0 and "broken" in done.stderr, done


def test_a_host_that_is_no_address():
    refuses("serve", MODELS, "--host", "not an address", "--port", "0", says=["not an address"])


@pytest.mark.parametrize("options", [["--port", "70000"], ["--port", "x"], ["--nonsense"]])
def test_bad_options_are_explained(options):
    done = run("serve", MODELS, *options)
    assert done.returncode > 0
    assert options[0] in done.stderr + done.stdout or options[-1] in done.stderr + done.stdout


def save(folder, nodes, inputs=("x",), opset=17, initializers=(), outputs=("y",)):
    def info(name):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4])

    graph = helper.make_graph(
        nodes, "g", [info(name) for name in inputs], [info(name) for name in outputs],
        list(initializers))
    folder.mkdir(parents=True)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("made.up", 1)],
        ir_version=8)
    onnx.save(model, folder / "model.onnx")


def broken_models(folder):
    """Each with words that its reason must have."""
    node = helper.make_node
    iris = (MODELS / "iris" / "1" / "model.onnx").read_bytes()
    save(folder / "unknown" / "1", [node("Wobble", ["x"], ["y"], name="wobbly", domain="made.up")])
    save(folder / "opset" / "1", [node("Relu", ["x"], ["y"], name="r")], opset=9999)
    save(folder / "missing" / "1", [node("MatMul", ["x", "weight"], ["y"], name="mm")])
    save(folder / "cycle" / "1", [
        node("Add", ["x", "b"], ["a"], name="one"), node("Relu", ["a"], ["b"], name="two"),
        node("Relu", ["b"], ["y"], name="three")])
    short = helper.make_tensor("weight", TensorProto.FLOAT, [4, 4], np.zeros(16, np.float32))
    short.ClearField("float_data")
    short.raw_data = bytes(12)
    save(folder / "short" / "1", [node("MatMul", ["x", "weight"], ["y"], name="mm")],
         initializers=[short])
    huge = helper.make_tensor("weight", TensorProto.FLOAT, [1], [0.0])
    del huge.dims[:]
    huge.dims.extend([1 << 62, 1 << 62])
    save(folder / "huge" / "1", [node("MatMul", ["x", "weight"], ["y"], name="mm")],
         initializers=[huge])
    for name, content in (
            ("truncated", iris[:500]), ("empty", b""), ("text", b"this is no model\n" * 100),
            ("zeros", bytes(4096))):
        (folder / name / "1").mkdir(parents=True)
        (folder / name / "1" / "model.onnx").write_bytes(content)
    (folder / "configured" / "1").mkdir(parents=True)
    (folder / "configured" / "1" / "model.onnx").write_bytes(iris)
    (folder / "configured" / "model.json").write_text('{"batching": {"max_batch_size": "many"}}')
    return {
        "unknown": ["Wobble", "wobbly"], "opset": ["9999"], "missing": ["weight", "mm"],
        "cycle": [], "short": ["weight"], "huge": ["weight"], "truncated": [], "empty": [],
        "text": [], "zeros": [], "configured": ["max_batch_size"],
    }


def test_broken_models_beside_a_good_one(start, tmp_path):
    reasons = broken_models(tmp_path)
    shutil.copytree(MODELS / "iris", tmp_path / "iris")
    server = start(tmp_path)
    kind, body = as_json_rows(IRIS, IRIS.rows)
    answer = requests.post(
        f"{server.url}/models/iris/predict", data=body, headers={"Content-Type": kind}, timeout=20)
    assert_equal_to_reference(answer.json(), IRIS)
    models = {
        model["name"]: model for model in requests.get(f"{server.url}/models", timeout=20).json()["models"]}
    assert set(models) == {"iris", *reasons}
    errors = server.error_text()
    for name, words in reasons.items():
        version = models[name]["versions"][0]
        assert version["state"] == "failed", (name, version)
        for word in words:
            assert word in version["reason"], (name, version["reason"])
        assert name in errors, f"{name} is not in the log"
        refused = requests.post(f"{server.url}/models/{name}/predict", json=[[1, 2, 3, 4]], timeout=20)
        assert refused.status_code == 503, refused.text
        assert refused.json()["error"]["message"]
    page = requests.get(f"{server.url}/metrics", timeout=20).text
    assert 'model="unknown"' in page and "failed" in page


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopping_an_idle_server(start, number):
    server = start()
    begun = time.monotonic()
    server.stop(number)
    assert time.monotonic() - begun < within(30)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopping_under_load_loses_no_accepted_request(start, number):
    """Every request that went out on a connection the server keeps is answered, with 200. A client
    learns by `Connection: close` that its connection ends; what is refused is a new connection."""
    server = start()
    names = ["iris", "breast-cancer", "digits"]
    bodies = {name: as_list(BY_NAME[name].rows[:4]) for name in names}
    answered, failures = [0] * 16, []
    stopping = threading.Event()

    def load(lane):
        name = names[lane % 3]
        data = predict(bodies[name], name)
        try:
            while True:
                with Wire(server, timeout=40) as wire:
                    while True:
                        wire.send(data)
                        answer = wire.read()
                        if answer.status != 200:
                            failures.append((lane, answer))
                        answered[lane] += 1
                        if answer.closes:
                            break
                if stopping.is_set():
                    return
        except ConnectionRefusedError:
            if not stopping.is_set():
                failures.append((lane, "refused before the signal"))
        except Exception as error:
            failures.append((lane, repr(error)))

    threads = [threading.Thread(target=load, args=[lane]) for lane in range(16)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    stopping.set()
    server.send_signal(number)
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert server.wait() == 0, server.report()
    assert not failures, failures[:5]
    assert min(answered) > 0


def test_readiness_turns_503_while_what_was_accepted_is_finished(start, tmp_path):
    """A request of seconds is under way; an open connection sees readiness fall and liveness stay."""
    slow_model(tmp_path / "slow", layers=64)
    server = start(tmp_path)
    kind, body = as_npy(None, np.zeros((100 if SANITIZED else 6_000, 512), np.float32))
    data = request("POST", "/predict?model=slow", body, f"Content-Type: {kind}", f"Accept: {kind}")
    with Wire(server, timeout=within(100)) as busy, Wire(server) as health:
        health.send(request("GET", "/readyz"))
        assert health.read("GET").status == 200
        busy.send(data)
        time.sleep(0.3)
        server.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        health.send(request("GET", "/readyz"))
        answer = health.read("GET")
        assert answer.status == 503, answer
        assert busy.read().status == 200
    assert server.wait() == 0, server.report()


def test_connections_beyond_the_limit_are_told_so(start):
    """They get 503 at once, the others are served, and a place that is free again is given again."""
    server = start(MODELS, "--connections", "20")
    data = predict(as_list(IRIS.rows[:1]))
    held = [Wire(server) for _ in range(18)]
    try:
        for wire in held:
            wire.send(data)
            assert wire.read().status == 200
        extra = [Wire(server) for _ in range(10)]
        held += extra
        statuses = []
        for wire in extra:
            try:
                wire.send(data)
            except (BrokenPipeError, ConnectionResetError):
                pass
            statuses.append(wire.read().status)
        assert statuses.count(503) >= 8 and set(statuses) <= {200, 503}, statuses
        for wire in held[:18]:
            wire.send(data)
            assert wire.read().status == 200
    finally:
        for wire in held:
            wire.socket.close()
    time.sleep(0.2)
    with Wire(server) as wire:
        wire.send(data)
        assert wire.read().status == 200


def test_many_connections_at_once(start):
    """Two thousand open connections, each served."""
    server = start()
    wires = [Wire(server) for _ in range(2000)]
    try:
        for wire in wires:
            wire.send(predict(as_list(IRIS.rows[:1])))
        for wire in wires:
            assert wire.read().status == 200
    finally:
        for wire in wires:
            wire.socket.close()
