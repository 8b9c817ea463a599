"""TritonRepository: a model's folder as Triton itself takes it, with its own config.pbtxt."""

from __future__ import annotations

from pathlib import Path

from modelport.repository.formats.base import Backend, ModelSignature
from modelport.repository.formats.files import walk


class TritonRepository:
    """Run by whatever backend its config.pbtxt names; its tensors are those that config.pbtxt declares."""

    name = "TritonRepository"
    backends: tuple[Backend, ...] = ()

    def inspect(self, path: Path) -> ModelSignature:
        """Take every file of the version's folder; an ensemble's may be empty."""
        return ModelSignature(files=dict(walk(path)))
