"""A forest over HTTP: martlet, FastAPI with xgboost, mosec with xgboost, in turns in one run.

    Benchmarks/trees-http/run.sh               (or with: --clients 64 --rounds 5 --seconds 5)

The model is XGBoost's: 500 trees of depth 6, 28 features, two classes. A request is one row as JSON. All servers use the same file, and two workers or loops. First
all must answer the probability that xgboost gives; a run in which a request fails is no result.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy as np
import xgboost

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "Benchmarks/overload"))
import servers  # noqa: E402

FEATURES = 28


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", default="64,1", help="a list (default: %(default)s)")
    parser.add_argument("--trees", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / ".build/release/martlet")
    return parser.parse_args()


def train(trees):
    random = np.random.default_rng(1)
    x = random.random((20_000, FEATURES)).astype(np.float32)
    score = np.sin(6 * x[:, 0]) + x[:, 1] * x[:, 2] + 0.3 * random.standard_normal(len(x))
    return xgboost.train(
        {"objective": "binary:logistic", "max_depth": 6, "eta": 0.1, "nthread": 2, "seed": 1},
        xgboost.DMatrix(x, label=score > np.median(score)), trees)


def peers(model, body, port, app_port):
    fastapi = servers.Server(
        "FastAPI + xgboost, 2 workers",
        [sys.executable, "-m", "uvicorn", "fastapi_app:app", "--app-dir", HERE, "--host",
         "127.0.0.1", "--port", port, "--workers", 2, "--loop", "uvloop", "--http", "httptools",
         "--no-access-log", "--log-level", "warning"],
        port, "/predict", body, {"BENCH_MODEL": str(model)})
    mosec = servers.Server(
        "mosec + xgboost, 2 workers",
        [sys.executable, HERE / "mosec_app.py", "--port", app_port, "--log-level", "error",
         "--timeout", 10_000],
        app_port, "/inference", body, {"BENCH_MODEL": str(model), "BENCH_WORKERS": "2"})
    return [fastapi, mosec]


def check(server, rows, wanted):
    """The probability of the second class of each row, as the server gives it."""
    import http.client

    for row, value in zip(rows, wanted):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        body = json.dumps({"instances": [row.tolist()]})
        connection.request("POST", server.path, body, {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        connection.close()
        got = answer["predictions"][0]
        if isinstance(got, dict):
            got = got["probabilities"][1]
        assert abs(got - value) < 1e-5, f"{server.name} answers {got} instead of {value}"


def measure(options, server, bodies, clients):
    """Requests a second, and milliseconds of p50 and p99, by martlet's load generator."""
    run = servers.load(
        options.binary, server, bodies, "--clients", clients, "--duration", options.seconds,
        "--warmup", 1)
    if not run["succeeded"] or run["failed"] or run["statuses"].keys() - {"200"}:
        sys.exit(f"bench: {server.name} failed some requests: {json.dumps(run)[:600]}")
    latency = run["latency_ms"]
    return run["rates"]["succeeded"], latency["p50"], latency["p99"]


def main():
    options = arguments()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        booster = train(options.trees)
        version = folder / "models/forest/1"
        version.mkdir(parents=True)
        booster.save_model(version / "model.ubj")
        rows = np.random.default_rng(2).random((64, FEATURES)).astype(np.float32)
        body = json.dumps({"instances": [rows[0].tolist()]})
        path = folder / "body.json"
        path.write_text(body)
        ours = servers.martlet(
            "martlet, 2 loops", options.binary, folder / "models", body,
            path="/models/forest/predict")
        running = [ours, *peers(version / "model.ubj", body, servers.free_port(), servers.free_port())]
        with running[0], running[1], running[2]:
            for server in running:
                check(server, rows[:8], booster.inplace_predict(rows[:8]))
            print(f"| clients | server | requests/s | p50 ms | p99 ms |\n|---:|---|---:|---:|---:|")
            for clients in options.clients.split(","):
                figures = {server.name: [] for server in running}
                for turn in range(options.rounds):
                    for server in running[turn % 3:] + running[:turn % 3]:
                        figures[server.name].append(measure(options, server, path, clients))
                for name, list_ in figures.items():
                    rate, p50, p99 = (statistics.median(part) for part in zip(*list_))
                    print(f"| {clients} | {name} | {rate:,.0f} | {p50:.2f} | {p99:.2f} |", flush=True)


if __name__ == "__main__":
    main()
