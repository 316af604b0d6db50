"""An `onnx.backend.base.Backend` that computes with `martlet infer`: for tools that take one.

    from martlet_backend import MartletBackend
    MartletBackend.run_model(model, [x])
"""

import os
import pathlib
import tempfile

import onnx
from onnx.backend.base import Backend, BackendRep, DeviceType, Device

import node_suite


class MartletRep(BackendRep):
    """A model that is run with a process a call."""

    def __init__(self, model, binary):
        self.model, self.binary = model, binary

    def run(self, inputs, **kwargs):
        with tempfile.TemporaryDirectory(prefix="martlet-backend-") as name:
            folder = pathlib.Path(name)
            onnx.save(self.model, folder / "model.onnx")
            words = [node_suite.write_input(value, f"{folder}/in{place}") for place, value in enumerate(inputs)]
            line = "\t".join([f"{folder}/model.onnx", f"{folder}/out", *words])
            (state,) = node_suite.run_lines([line], folder, self.binary)
            if state != "ok":
                raise RuntimeError(state)
            return tuple(node_suite.read_output(f"{folder}/out/{place}") for place in range(len(self.model.graph.output)))


class MartletBackend(Backend):
    @classmethod
    def prepare(cls, model, device="CPU", **kwargs):
        super().prepare(model, device, **kwargs)
        return MartletRep(model, os.environ.get("MARTLET_BIN", str(node_suite.ROOT / ".build/release/martlet")))

    @classmethod
    def run_model(cls, model, inputs, device="CPU", **kwargs):
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def supports_device(cls, device):
        return Device(device).type == DeviceType.CPU
