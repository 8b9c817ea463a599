"""TritonRepository: a model's folder as Triton itself takes it, with its own config.pbtxt.

That file names the backend and declares the tensors; it is read by `triton_config`.
"""

from __future__ import annotations

from pathlib import Path

from modelport.repository.formats.base import Format, ModelSignature
from modelport.repository.formats.files import walk


def inspect(path: Path) -> ModelSignature:
    """Take every file of the version's folder; an ensemble's may be empty."""
    return ModelSignature(files=dict(walk(path)))


TRITON_REPOSITORY = Format("TritonRepository", inspect)
