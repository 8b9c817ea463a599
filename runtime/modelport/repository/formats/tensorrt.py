"""TensorRT: `model.plan`, a serialized engine. It can only be read by TensorRT on its own kind of GPU."""

from __future__ import annotations

from pathlib import Path

from modelport.repository.errors import InvalidModel
from modelport.repository.formats.base import Backend, Format, ModelSignature
from modelport.repository.formats.files import sole_file

MODEL = "model.plan"


def inspect(path: Path) -> ModelSignature:
    """Find the engine."""
    file = sole_file(path, MODEL)
    if not file.stat().st_size:
        raise InvalidModel(f"{file.name}: an empty file, a TensorRT engine expected")
    return ModelSignature(files={MODEL: file})


TENSORRT = Format("TensorRT", inspect, (Backend("tensorrt", devices=frozenset({"GPU"})),))
"""Triton reads the tensors from the engine as it loads."""
