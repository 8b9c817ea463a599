"""TritonRepository: a model's folder as Triton itself takes it, with its own config.pbtxt.

That file names the backend and declares the tensors; it is read by `triton_config`.
"""

from __future__ import annotations

from pathlib import Path

from modelport.repository.errors import InvalidModel
from modelport.repository.formats.base import Format, ModelSignature
from modelport.repository.formats.files import walk

CONFIG = "config.pbtxt"


def inspect(path: Path) -> ModelSignature:
    """Take every file of the version's folder, which may be empty.

    Raises:
        InvalidModel: there are no version folders, and config.pbtxt lies among the model's own files.
    """
    if path.is_file() or (path / CONFIG).exists():
        raise InvalidModel(f"no version folder beside {CONFIG}; put the model's own files into one, named 1")
    return ModelSignature(files=dict(walk(path)))


TRITON_REPOSITORY = Format("TritonRepository", inspect)
