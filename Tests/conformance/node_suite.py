"""The node tests that the package onnx ships, run through `martlet infer --batch-file`.

    python node_suite.py --update        run all, rewrite passing.txt and failing.txt
    python node_suite.py --onnxruntime   run onnxruntime's CPU provider, rewrite onnxruntime.txt
    python node_suite.py NAME...         run tests whose names contain one of these, show why they fail
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import onnx
from onnx import numpy_helper

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent
ONNX_VERSION = "1.23.2"  # what the three lists were made with
SECONDS_MAX = 300


def all_cases():
    """Every node test by name, models and data in memory."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {case.name: case for case in collect_testcases(None)}


def names_in(path):
    """The names of a list: the first word of each line that is no comment."""
    lines = (HERE / path).read_text().splitlines()
    return [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]


def is_training(name):
    """Training operators are no part of an inference runtime."""
    return name.startswith(("test_adagrad", "test_adam", "test_momentum", "test_nesterov", "test_training_dropout"))


# Values: tensors are ndarrays (or TensorProtos in the test data), sequences lists, empty optionals None.


def as_proto(value):
    return value if isinstance(value, onnx.TensorProto) else numpy_helper.from_array(np.asarray(value))


def as_array(value):
    """A value as onnxruntime takes it: NumPy's scalars are no arrays."""
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    return np.asarray(value) if isinstance(value, np.generic) else value


def write_input(value, path):
    """Writes a value and returns the word that names it in a batch file."""
    if value is None:
        return "-"
    if isinstance(value, (list, tuple)):
        words = []
        for index, element in enumerate(value):
            words.append(write_input(element, f"{path}_{index}"))
        return "[" + ",".join(words) + "]"
    file = f"{path}.pb"
    with open(file, "wb") as out:
        out.write(as_proto(value).SerializeToString())
    return file


def read_output(path):
    if os.path.exists(path + ".none"):
        return None
    if os.path.isdir(path):
        return [read_output(f"{path}/{index}") for index in range(len(os.listdir(path)))]
    proto = onnx.TensorProto()
    with open(path + ".pb", "rb") as file:
        proto.ParseFromString(file.read())
    return numpy_helper.to_array(proto)


def difference(want, got, rtol, atol, place="output"):
    """Why two values differ, None when they do not: the rules of onnx.backend.test.runner."""
    want = as_array(want)
    if want is None or got is None:
        return None if want is None and got is None else f"{place}: one is an empty optional"
    if isinstance(want, (list, tuple)):
        if not isinstance(got, list) or len(want) != len(got):
            return f"{place}: a sequence of {len(want)} was wanted"
        for index, pair in enumerate(zip(want, got)):
            why = difference(*pair, rtol, atol, f"{place}[{index}]")
            if why:
                return why
        return None
    want, got = np.asarray(want), np.asarray(got)
    is_text = want.dtype.kind in "OUST" and got.dtype.kind in "OUST"
    if want.dtype != got.dtype and not is_text:
        return f"{place}: {got.dtype} instead of {want.dtype}"
    if want.shape != got.shape:
        return f"{place}: shape {got.shape} instead of {want.shape}"
    if is_text:
        return None if want.astype(str).tolist() == got.astype(str).tolist() else f"{place}: other strings"
    if want.dtype.kind not in "fiubc":  # bfloat16 and the 8-bit floats
        want, got = want.astype(np.float32), got.astype(np.float32)
    try:
        np.testing.assert_allclose(got, want, rtol=rtol, atol=atol)
    except AssertionError as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        return f"{place}: " + " ".join(lines[:3])[:160]
    return None


class Prepared:
    """A test on disk: its lines of the batch file, and what must come out."""

    def __init__(self, case, folder):
        self.case, self.folder = case, folder
        folder.mkdir(parents=True)
        onnx.save(case.model, folder / "model.onnx")
        self.lines = []
        for index, (inputs, _) in enumerate(case.data_sets):
            words = [write_input(value, f"{folder}/in{index}_{place}") for place, value in enumerate(inputs)]
            self.lines.append("\t".join([f"{folder}/model.onnx", f"{folder}/out{index}", *words]))

    def verdict(self, states):
        """None when the test passes, else why not."""
        for index, state in enumerate(states):
            if state != "ok":
                return state
            wanted = self.case.data_sets[index][1]
            for place, want in enumerate(wanted):
                path = f"{self.folder}/out{index}/{place}"
                if not any(os.path.exists(path + end) for end in ("", ".pb", ".none")):
                    return f"output {place} is missing"
                why = difference(want, read_output(path), self.case.rtol, self.case.atol, f"output {place}")
                if why:
                    return why
        return None


def run_lines(lines, folder, binary):
    """The state of each line. A process that dies is started again behind the line it died at."""
    states = []
    while len(states) < len(lines):
        batch = folder / "batch.txt"
        batch.write_text("\n".join(lines[len(states):]) + "\n")
        done = subprocess.run(
            [binary, "infer", "--batch-file", str(batch)], capture_output=True, text=True, timeout=SECONDS_MAX,
            env={**os.environ, "SWIFT_BACKTRACE": "enable=no"})
        out = done.stdout.splitlines()
        states += [line.replace("error\t", "") for line in out]
        if len(states) < len(lines):
            last = (done.stderr.strip().splitlines() or [""])[-1]
            states.append(f"crash with {done.returncode}: {last}")
    return states


def run_martlet(cases, binary=None):
    """Why each test fails, None for those that pass."""
    binary = binary or os.environ.get("MARTLET_BIN", str(ROOT / ".build/release/martlet"))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="martlet-conformance-"))
    try:
        prepared = [Prepared(case, folder / name) for name, case in cases.items()]
        states = run_lines([line for test in prepared for line in test.lines], folder, binary)
        verdicts, start = {}, 0
        for test in prepared:
            verdicts[test.case.name] = test.verdict(states[start:start + len(test.lines)])
            start += len(test.lines)
        return verdicts
    finally:
        shutil.rmtree(folder)


def run_onnxruntime(cases):
    """The same for onnxruntime's CPU provider in this environment."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    verdicts = {}
    for name, case in cases.items():
        try:
            session = onnxruntime.InferenceSession(
                case.model.SerializeToString(), options, providers=["CPUExecutionProvider"])
            why = None
            for inputs, outputs in case.data_sets:
                feed = {
                    info.name: list(value) if isinstance(value, (list, tuple)) else as_array(value)
                    for info, value in zip(case.model.graph.input, inputs)}
                for place, (want, got) in enumerate(zip(outputs, session.run(None, feed))):
                    why = why or difference(want, got, case.rtol, case.atol, f"output {place}")
            verdicts[name] = why
        except Exception as error:  # whatever it refuses or fails at is a failure
            verdicts[name] = str(error).replace("\n", " ")[:160]
    return verdicts


# The lists.


def group(why):
    """What a failure has in common with others: the reason without names and numbers."""
    for part, title in (
            ("Not equal to tolerance", "the values differ (the expected ones were rounded to 16 bits after each step)"),
            ("element type", "an element type that is not supported (8-bit floats, 4- and 2-bit types)"),
            ("crash", "crashes")):
        if part in why:
            return title
    return why.split("): ")[-1]


def write_lists(cases, verdicts):
    passing = sorted(name for name, why in verdicts.items() if why is None)
    reference = set(names_in("onnxruntime.txt"))
    head = f"# Node tests of onnx {ONNX_VERSION}"
    (HERE / "passing.txt").write_text(
        f"{head} that martlet passes, one a line. node_suite.py --update writes this file;\n"
        "# test_node_suite.py runs each of them, and fails when another one passes.\n" + "\n".join(passing) + "\n")
    groups = {}
    for name, why in verdicts.items():
        if why is not None:
            groups.setdefault("training operators" if is_training(name) else group(why), []).append(name)
    lines = [
        f"{head} that martlet fails, by reason. A star marks those onnxruntime's CPU provider passes.",
        "# node_suite.py --update writes this file."]
    for why, names in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        lines += ["", f"# {why}"]
        lines += [f"{name}{' *' if name in reference else ''}" for name in sorted(names)]
    (HERE / "failing.txt").write_text("\n".join(lines) + "\n")
    print(summary(passing))


def summary(passing):
    reference = {name for name in names_in("onnxruntime.txt") if not is_training(name)}
    both = reference & set(passing)
    return (
        f"martlet passes {len(passing)} node tests of onnx {ONNX_VERSION}, {len(both)} of the {len(reference)} that "
        f"onnxruntime passes ({100 * len(both) / len(reference):.1f} %)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--onnxruntime", action="store_true")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    if onnx.__version__ != ONNX_VERSION:
        sys.exit(f"the lists are for onnx {ONNX_VERSION}; this is {onnx.__version__}")
    cases = all_cases()
    if arguments.onnxruntime:
        import onnxruntime

        passing = sorted(name for name, why in run_onnxruntime(cases).items() if why is None)
        (HERE / "onnxruntime.txt").write_text(
            f"# Node tests of onnx {ONNX_VERSION} that onnxruntime {onnxruntime.__version__} (CPU provider) passes, "
            "as node_suite.py --onnxruntime found them.\n" + "\n".join(passing) + "\n")
        print(len(passing))
        return
    if arguments.names:
        cases = {name: case for name, case in cases.items() if any(part in name for part in arguments.names)}
    verdicts = run_martlet(cases)
    if arguments.update:
        write_lists(cases, verdicts)
        return
    for name, why in verdicts.items():
        print(f"{name}: {why or 'ok'}")
    print(sum(why is None for why in verdicts.values()), "of", len(verdicts))


if __name__ == "__main__":
    main()
