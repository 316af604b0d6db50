"""The models that PyTorch exports, against onnxruntime (`make realmodels`)."""

import pytest

import agreement
import torch_models

ATTENTIONS = [f"minilm-{kind}-opset{opset}" for kind in ("eager", "sdpa") for opset in (14, 17)]
DIGITS = [f"torch-{kind}-opset{opset}" for kind in ("lenet", "cnn") for opset in (14, 17, 20)]
RESIDUAL = ["torch-resnet18", "torch-resnet50"]
SEQUENCES = [f"torch-{kind}-opset{opset}" for kind in ("tagger", "decoder") for opset in (14, 17)]
CASES = ATTENTIONS + DIGITS + RESIDUAL + SEQUENCES


@pytest.fixture(scope="session")
def cases(tmp_path_factory):
    made = {case.name: case for case in torch_models.make(tmp_path_factory.mktemp("models"))}
    assert list(made) == CASES
    return made


@pytest.mark.parametrize("name", CASES)
def test_an_exported_model_answers_as_onnxruntime_does(name, cases, tmp_path):
    for number, inputs in enumerate(cases[name].inputs):
        folder = tmp_path / str(number)
        folder.mkdir()
        agreement.check(cases[name], inputs, folder)


@pytest.mark.parametrize("name", CASES)
def test_an_exported_model_answers_the_same_without_any_pass(name, cases, tmp_path):
    agreement.check(cases[name], cases[name].inputs[0], tmp_path, "--passes", "none")


@pytest.mark.parametrize("name", [name for name in CASES if name not in RESIDUAL])
@pytest.mark.parametrize("leave_out", ["fuse-gelu", "fuse-swish", "fuse-layer-norm", "fuse-attention", "fuse-linear", "fold-constants"])
def test_an_exported_model_answers_the_same_without_one_pass(name, leave_out, cases, tmp_path):
    agreement.check(cases[name], cases[name].inputs[-1], tmp_path, "--passes", f"-{leave_out}")


@pytest.mark.parametrize("name", CASES)
def test_a_model_that_onnxruntime_has_optimised_answers_the_same(name, cases, tmp_path):
    case = agreement.optimised(cases[name], tmp_path)
    for number, inputs in enumerate(case.inputs):
        folder = tmp_path / str(number)
        folder.mkdir()
        agreement.check(case, inputs, folder)


@pytest.mark.parametrize("name", ["minilm-eager-opset14", "minilm-sdpa-opset17"])
def test_a_model_that_the_transformers_tool_has_rewritten_answers_the_same(name, cases, tmp_path):
    for case in torch_models.transformed(cases[name], tmp_path):
        agreement.check(case, case.inputs[1], tmp_path)


@pytest.mark.parametrize("name", ["minilm-eager-opset17", "torch-tagger-opset17", "torch-decoder-opset17"])
def test_a_dynamically_quantised_model_answers_the_same(name, cases, tmp_path):
    case = torch_models.quantized(cases[name], tmp_path)
    agreement.check(case, case.inputs[0], tmp_path)


@pytest.mark.parametrize("name, pass_name", [
    *[(name, f"fuse-{part}") for name in ATTENTIONS for part in ("gelu", "attention")],
    ("minilm-eager-opset14", "fuse-layer-norm"), ("torch-cnn-opset17", "fuse-swish"), ("torch-cnn-opset17", "fuse-gelu"),
    ("torch-resnet18", "fuse-residual"), ("torch-resnet50", "fuse-residual"), ("torch-resnet18", "fuse-activations")])
def test_the_exporters_patterns_are_fused(name, pass_name, cases):
    done = agreement.inspect(cases[name].path)
    assert f"{pass_name} -" in done
