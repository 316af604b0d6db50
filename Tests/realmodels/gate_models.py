"""Real models that need no PyTorch: fetched with a PyPI package, or built and trained here with numpy and scikit-learn.

`make(folder)` writes them as ONNX files and gives a `Case` for each. Weights of networks that are too large to train are
random, scaled so that values neither vanish nor grow.
"""

import dataclasses
import pathlib

import magika
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import quantization
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

OPSET = 17


@dataclasses.dataclass
class Case:
    name: str
    path: pathlib.Path
    inputs: list
    """A dictionary of arrays for each run."""
    rtol: float = 1e-4
    step: float = 0
    """The quantisation step of the outputs: rounding the other way moves a value by one."""

    def __repr__(self):
        return self.name


class Network:
    """Builds a graph layer by layer; `x` is the name of the last value."""

    def __init__(self, shape, seed=0):
        self.nodes, self.constants = [], []
        self.random = np.random.default_rng(seed)
        self.inputs = [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)]
        self.x = "input"

    def constant(self, array):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, kind, *inputs, **attributes):
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        self.x = name
        return name

    def conv(self, x, channels, filters, size, stride=1, groups=1, bias=True, pads=None):
        fan = channels // groups * size * size
        weights = self.random.standard_normal((filters, channels // groups, size, size)) * (2 / fan) ** 0.5
        inputs = [x, self.constant(weights.astype(np.float32))]
        if bias:
            inputs.append(self.constant((self.random.standard_normal(filters) * 0.1).astype(np.float32)))
        pad = size // 2 if pads is None else pads
        return self.node(
            "Conv", *inputs, kernel_shape=[size, size], strides=[stride, stride], pads=[pad] * 4, group=groups)

    def norm(self, x, channels, gain=1.0):
        values = [
            self.random.uniform(0.8, 1.2, channels) * gain, self.random.standard_normal(channels) * 0.1,
            self.random.standard_normal(channels) * 0.1, self.random.uniform(0.8, 1.2, channels)]
        return self.node("BatchNormalization", x, *[self.constant(v.astype(np.float32)) for v in values], epsilon=1e-5)

    def dense(self, x, width, classes):
        weights = self.random.standard_normal((classes, width)) / width ** 0.5
        return self.node(
            "Gemm", x, self.constant(weights.astype(np.float32)), self.constant(np.zeros(classes, np.float32)), transB=1)

    def save(self, path, output=None, dims=None):
        graph = helper.make_graph(
            self.nodes, path.stem, self.inputs,
            [helper.make_tensor_value_info(output or self.x, TensorProto.FLOAT, dims)], self.constants)
        onnx.save(helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", OPSET)]), path)
        return path


def digits():
    data = load_digits()
    return (data.images[:, None] / 16).astype(np.float32), data.target


def train_head(network, path, classes=10):
    """Trains the last layer of a network with random filters on the digits, and saves the whole."""
    images, labels = digits()
    features = onnxruntime.InferenceSession(str(network.save(path)))
    train = np.arange(len(labels)) % 5 != 0
    values = features.run(None, {"input": images})[0]
    head = LogisticRegression(max_iter=300, C=10).fit(values[train], labels[train])
    accuracy = head.score(values[~train], labels[~train])
    assert accuracy > 0.9, f"{path.stem} has learnt too little: {accuracy}"
    network.node(
        "Gemm", network.x, network.constant(head.coef_.astype(np.float32)),
        network.constant(head.intercept_.astype(np.float32)), transB=1)
    network.node("Softmax", network.x, axis=-1)
    network.save(path)
    return images[~train]


def lenet(folder):
    net = Network(["n", 1, 8, 8], seed=1)
    net.node("Tanh", net.conv("input", 1, 6, 5))
    net.node("AveragePool", net.x, kernel_shape=[2, 2], strides=[2, 2])
    net.node("Tanh", net.conv(net.x, 6, 16, 3))
    net.node("AveragePool", net.x, kernel_shape=[2, 2], strides=[2, 2])
    net.node("Flatten", net.x)
    net.node("Tanh", net.dense(net.x, 64, 120))
    path = folder / "lenet.onnx"
    images = train_head(net, path)
    return Case("lenet", path, [{"input": images[:1]}, {"input": images[:33]}])


def small_cnn(folder):
    net = Network(["n", 1, 8, 8], seed=2)
    net.node("Relu", net.norm(net.conv("input", 1, 16, 3, bias=False), 16))
    net.node("MaxPool", net.x, kernel_shape=[2, 2], strides=[2, 2])
    # Depthwise, then pointwise, as MobileNet has it.
    net.node("Clip", net.norm(net.conv(net.x, 16, 16, 3, groups=16), 16), *[
        net.constant(np.float32(v)) for v in (0, 6)])
    net.node("HardSwish", net.conv(net.x, 16, 32, 1))
    net.node("Flatten", net.x)
    path = folder / "small-cnn.onnx"
    images = train_head(net, path)
    return Case("small-cnn", path, [{"input": images[:1]}, {"input": images[:33]}])


def residual(folder, name, blocks, bottleneck, size, rows=(1, 2)):
    """ResNet-18 or -50 (He and others, 2015) with random weights."""
    net = Network(["n", 3, size, size], seed=3)
    net.node("Relu", net.norm(net.conv("input", 3, 64, 7, 2, bias=False), 64))
    net.node("MaxPool", net.x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    channels = 64
    for stage, count in enumerate(blocks):
        width = 64 << stage
        out = width * (4 if bottleneck else 1)
        for block in range(count):
            stride = 2 if stage and not block else 1
            shortcut = x = net.x
            if stride > 1 or channels != out:
                shortcut = net.norm(net.conv(x, channels, out, 1, stride, bias=False, pads=0), out, 0.7)
            if bottleneck:
                y = net.node("Relu", net.norm(net.conv(x, channels, width, 1, bias=False), width))
                y = net.node("Relu", net.norm(net.conv(y, width, width, 3, stride, bias=False), width))
                y = net.norm(net.conv(y, width, out, 1, bias=False), out, 0.5)
            else:
                y = net.node("Relu", net.norm(net.conv(x, channels, width, 3, stride, bias=False), width))
                y = net.norm(net.conv(y, width, out, 3, bias=False), out, 0.5)
            net.node("Relu", net.node("Add", y, shortcut))
            channels = out
    net.node("GlobalAveragePool", net.x)
    net.node("Flatten", net.x)
    net.dense(net.x, channels, 1000)
    path = net.save(folder / f"{name}.onnx")
    random = np.random.default_rng(4)
    return Case(name, path, [{"input": random.standard_normal((n, 3, size, size), np.float32)} for n in rows])


def recurrent(folder):
    """A bidirectional LSTM over words, its directions joined, a label each step."""
    vocabulary, width, hidden, labels = 200, 24, 32, 9
    net = Network(["n", "steps"], seed=5)
    net.inputs = [helper.make_tensor_value_info("input", TensorProto.INT64, ["n", "steps"])]
    table = net.constant(net.random.standard_normal((vocabulary, width)).astype(np.float32))
    x = net.node("Transpose", net.node("Gather", table, "input"), perm=[1, 0, 2])
    for layer, inputs in enumerate((width, 2 * hidden)):
        weights = [
            net.constant((net.random.uniform(-1, 1, shape) / hidden ** 0.5).astype(np.float32))
            for shape in ((2, 4 * hidden, inputs), (2, 4 * hidden, hidden), (2, 8 * hidden))]
        lstm = net.node("LSTM", x, *weights, hidden_size=hidden, direction="bidirectional")
        # [steps, 2, n, hidden] to [steps, n, 2 * hidden]
        x = net.node("Transpose", lstm, perm=[0, 2, 1, 3])
        x = net.node("Reshape", x, net.constant(np.array([0, 0, -1])))
    net.node("MatMul", net.node("Transpose", x, perm=[1, 0, 2]), net.constant(
        net.random.standard_normal((2 * hidden, labels)).astype(np.float32)))
    net.node("Softmax", net.x, axis=-1)
    path = net.save(folder / "bilstm.onnx")
    random = np.random.default_rng(6)
    return Case("bilstm", path, [
        {"input": random.integers(0, vocabulary, shape)} for shape in ((1, 12), (5, 31))])


def file_types(folder):
    """Magika's model that tells a file's type, as its package carries it."""
    [path] = pathlib.Path(magika.__file__).parent.glob("models/*/model.onnx")
    session = onnxruntime.InferenceSession(str(path))
    [spec] = session.get_inputs()
    width = spec.shape[1]
    # Files' contents, and one at a time: the model's variances (E[x²] - E[x]²) cancel until rounding shows, so that
    # onnxruntime's own answer for the first of these is 3e-4 off in a batch from what it is alone.
    texts = [b"import os\nprint(os.environ)\n" * 90, b"<html><body><p>text</p></body></html>" * 70, b"\x7fELF\x02\x01\x01" * 400]
    texts.append(pathlib.Path(__file__).read_bytes())
    rows = np.array([np.frombuffer((text * 9)[:width], np.uint8) for text in texts], np.int32)
    return Case("magika", path, [{spec.name: row[None]} for row in rows])


class Samples(quantization.CalibrationDataReader):
    def __init__(self, images):
        self.rows = iter([{"input": images[start:start + 20]} for start in range(0, 200, 20)])

    def get_next(self):
        return next(self.rows, None)


def quantized(folder, source, images):
    """The small network in int8, by ONNX Runtime's own tool, in each of its forms."""
    kinds = {"qdq": quantization.QuantFormat.QDQ, "qoperator": quantization.QuantFormat.QOperator}
    for name, form in kinds.items():
        for channels in (False, True):
            path = folder / f"int8-{name}{'-per-channel' if channels else ''}.onnx"
            quantization.quantize_static(
                str(source), str(path), Samples(images), quant_format=form, per_channel=channels, reduce_range=True,
                activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8)
            yield Case(path.stem, path, [{"input": images[:1]}, {"input": images[:33]}], step=1 / 256)
    path = folder / "int8-signed.onnx"
    quantization.quantize_static(
        str(source), str(path), Samples(images), quant_format=quantization.QuantFormat.QDQ, per_channel=True,
        activation_type=quantization.QuantType.QInt8, weight_type=quantization.QuantType.QInt8)
    yield Case(path.stem, path, [{"input": images[:1]}, {"input": images[:33]}], step=1 / 256)
    path = folder / "int8-dynamic.onnx"
    quantization.quantize_dynamic(str(source), str(path), reduce_range=True)
    yield Case(path.stem, path, [{"input": images[:1]}], step=1 / 256)


def make(folder):
    """All cases, their files in `folder`, which must be there."""
    for builder in (file_types, lenet, small_cnn, recurrent):
        yield builder(folder)
    images, _ = digits()
    yield from quantized(folder, folder / "small-cnn.onnx", images)
    yield residual(folder, "resnet18", (2, 2, 2, 2), False, 224)
    yield residual(folder, "resnet50", (3, 4, 6, 3), True, 224, rows=(1,))
