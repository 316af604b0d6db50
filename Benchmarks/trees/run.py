"""Martlet's forests against the libraries that train them, onnxruntime and tl2cgen, in process.

    Benchmarks/trees/run.sh            (or with: --models xgb-500 --batch 1,64 --rounds 5)

All compute random rows over and over with the same model: martlet and the library from its own file,
onnxruntime from onnxmltools' conversion, tl2cgen from C that it generated and gcc compiled. They take
turns, batch size by batch size, and who begins rotates. First their answers are compared. Printed are
medians over the rounds of rows a second, and ratios to the fastest of the others: absolute figures
mean little on a shared machine.

Each is called as a Python program calls it (inplace_predict, predict, run), which is most of the time
of a single row; martlet as its server calls it.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Library, trees (a class), depth or leaves, features, classes.
MODELS = {
    "xgb-100": ("xgboost", 100, 6, 28, 2),
    "xgb-500": ("xgboost", 500, 6, 28, 2),
    "xgb-100-9": ("xgboost", 100, 6, 9, 2),
    "xgb-100-64": ("xgboost", 100, 6, 64, 2),
    "xgb-classes": ("xgboost", 50, 6, 28, 10),
    "xgb-shallow": ("xgboost", 500, 3, 28, 2),
    "lgb-100": ("lightgbm", 100, 63, 28, 2),
    "lgb-500": ("lightgbm", 500, 63, 28, 2),
    "lgb-classes": ("lightgbm", 50, 63, 28, 10),
}


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="all", help=f"a list of {', '.join(MODELS)}")
    parser.add_argument("--batch", default="1,8,64,1024,65536", help="rows a call (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.5, help="a turn of one side")
    parser.add_argument("--sides", default="martlet,library,onnxruntime,tl2cgen")
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / ".build/release/martlet")
    parser.add_argument("--json", type=pathlib.Path, help="write all the figures to this file")
    options = parser.parse_args()
    options.batches = [int(part) for part in options.batch.split(",")]
    options.names = list(MODELS) if options.models == "all" else options.models.split(",")
    return options


def train(name, folder):
    library, trees, size, features, classes = MODELS[name]
    random = np.random.default_rng(1)
    x = random.random((20_000, features)).astype(np.float32)
    score = np.sin(6 * x[:, 0]) + x[:, 1] * x[:, 2] + 0.3 * random.standard_normal(len(x))
    edges = np.quantile(score, np.linspace(0, 1, classes + 1)[1:-1])
    y = np.digitize(score, edges)
    if library == "xgboost":
        import xgboost

        objective = {"objective": "binary:logistic"} if classes == 2 else {
            "objective": "multi:softprob", "num_class": classes}
        model = xgboost.train(
            {**objective, "max_depth": size, "eta": 0.1, "nthread": 2, "seed": 1},
            xgboost.DMatrix(x, label=y), trees)
        path = folder / "model.ubj"
    else:
        import lightgbm

        objective = {"objective": "binary"} if classes == 2 else {"objective": "multiclass", "num_class": classes}
        model = lightgbm.train(
            {**objective, "num_leaves": size, "verbose": -1, "num_threads": 2, "seed": 1},
            lightgbm.Dataset(x, label=y), trees)
        path = folder / "model.txt"
    model.save_model(path)
    return library, model, path, features


class Library:
    def __init__(self, library, model, threads):
        self.library, self.model, self.threads = library, model, threads
        if library == "xgboost":
            model.set_param({"nthread": threads})

    def __call__(self, x):
        if self.library == "xgboost":
            return self.model.inplace_predict(x)
        return self.model.predict(x, num_threads=self.threads)


class OnnxRuntime:
    def __init__(self, library, model, features, threads):
        import onnxmltools
        import onnxruntime
        from onnxmltools.convert.common.data_types import FloatTensorType

        convert = onnxmltools.convert_xgboost if library == "xgboost" else onnxmltools.convert_lightgbm
        options = {} if library == "xgboost" else {"zipmap": False}
        proto = convert(model, initial_types=[("x", FloatTensorType([None, features]))], **options)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads
        settings.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(proto.SerializeToString(), settings)
        self.output = self.session.get_outputs()[-1].name

    def __call__(self, x):
        return self.session.run([self.output], {"x": x})[0]


class Compiled:
    """tl2cgen: the trees as C code."""

    def __init__(self, library, model, path, folder, threads):
        import tl2cgen
        import treelite

        if library == "xgboost":
            forest = treelite.frontend.from_xgboost(model)
        else:
            forest = treelite.frontend.load_lightgbm_model(path)
        tl2cgen.export_lib(forest, toolchain="gcc", libpath=folder / "model.so", params={"parallel_comp": 2})
        self.predictor = tl2cgen.Predictor(folder / "model.so", nthread=threads)
        self.matrix = tl2cgen.DMatrix

    def __call__(self, x):
        return self.predictor.predict(self.matrix(x))


def rows_per_second(call, x, seconds):
    call(x)
    calls, begin = 0, time.perf_counter()
    while True:
        call(x)
        calls += 1
        elapsed = time.perf_counter() - begin
        if elapsed >= seconds:
            return calls * len(x) / elapsed


def martlet(binary, path, batch, options):
    done = subprocess.run(
        [binary, "bench", path, "--batch", str(batch), "--seconds", str(options.seconds),
         "--threads", str(options.threads), "--json"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["results"][0]["rows_per_second"]


def agree(sides, path, options, x, folder):
    """Every side gives the probabilities that the library gives."""
    want = np.asarray(sides["library"](x), np.float64).reshape(len(x), -1)
    np.save(folder / "x.npy", x)
    subprocess.run([options.binary, "infer", path, "--input", folder / "x.npy", "--output-dir", folder], check=True)
    answers = {"martlet": np.load(folder / "probabilities.npy")}
    for name, side in sides.items():
        answers[name] = np.asarray(side(x), np.float64).reshape(len(x), -1)
    for name, answer in answers.items():
        got = answer[:, -1:] if want.shape[1] == 1 else answer
        worst = np.abs(got.reshape(want.shape) - want).max()
        assert worst < 1e-4, f"{name} answers differently: {worst}"


def main():
    options = arguments()
    wanted = options.sides.split(",")
    figures = {}
    for name in options.names:
        with tempfile.TemporaryDirectory() as temporary:
            folder = pathlib.Path(temporary)
            library, model, path, features = train(name, folder)
            sides = {"library": Library(library, model, options.threads)}
            if "onnxruntime" in wanted:
                sides["onnxruntime"] = OnnxRuntime(library, model, features, options.threads)
            if "tl2cgen" in wanted:
                sides["tl2cgen"] = Compiled(library, model, path, folder, options.threads)
            x = np.random.default_rng(2).random((max(options.batches), features)).astype(np.float32)
            agree(sides, path, options, x[:500], folder)
            print(f"\n{name}: {MODELS[name]}, {options.threads} thread(s)")
            print(f"{'batch':>8}" + "".join(f"{side:>14}" for side in ["martlet", *sides]) + f"{'ratio':>8}")
            for batch in options.batches:
                results = {side: [] for side in ["martlet", *sides]}
                for turn in range(options.rounds):
                    order = list(results)
                    for side in order[turn % len(order):] + order[: turn % len(order)]:
                        if side == "martlet":
                            rate = martlet(options.binary, path, batch, options)
                        else:
                            rate = rows_per_second(sides[side], x[:batch], options.seconds)
                        results[side].append(rate)
                rates = {side: statistics.median(list_) for side, list_ in results.items()}
                ratio = rates["martlet"] / max(rates[side] for side in sides)
                figures[f"{name} {batch}"] = rates
                print(f"{batch:>8}" + "".join(f"{rates[side]:>14,.0f}" for side in rates) + f"{ratio:>8.2f}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
