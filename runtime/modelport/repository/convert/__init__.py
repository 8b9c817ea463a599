"""Formats that Triton does not run, into ONNX."""

from __future__ import annotations

from pathlib import Path

from modelport.repository.cache import Cache
from modelport.repository.errors import InvalidModel


def convert(fmt: str, path: Path, *, cache: Cache, digest: str) -> Path:
    """Convert."""
    raise InvalidModel(f"spec.model.format: {fmt} cannot be converted here")
