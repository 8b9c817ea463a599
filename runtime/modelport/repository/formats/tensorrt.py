"""TensorRT: `model.plan`, a serialized engine. It can only be read by TensorRT on its own kind of GPU."""

from __future__ import annotations

from pathlib import Path

from modelport.repository.errors import InvalidModel
from modelport.repository.formats.base import Backend, ModelSignature
from modelport.repository.formats.files import sole_file

MODEL = "model.plan"


class TensorRT:
    """Run by Triton's tensorrt backend, which reads the tensors from the engine as it loads."""

    name = "TensorRT"
    backends = (Backend("tensorrt", devices=frozenset({"GPU"})),)

    def inspect(self, path: Path) -> ModelSignature:
        """Find the engine."""
        file = sole_file(path, MODEL)
        if not file.stat().st_size:
            raise InvalidModel(f"{file.name}: an empty file, a TensorRT engine expected")
        return ModelSignature(files={MODEL: file})
