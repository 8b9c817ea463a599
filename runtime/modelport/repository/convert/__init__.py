"""The formats that Triton does not run, into ONNX.

    a version's files ─► Converter.command ─► subprocess, bounded ─► model.onnx, kept in the cache

Converters bring libraries that no other process of Modelport can live with, so each runs in an interpreter of its own
choosing (docs/decisions/0003-converters.md). A conversion is done once for the same source.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from modelport.repository.cache import Cache
from modelport.repository.convert.base import Converter
from modelport.repository.convert.nnp import NNP
from modelport.repository.convert.process import run
from modelport.repository.convert.savedmodel import SAVEDMODEL
from modelport.repository.formats.onnx import MODEL

CONVERTERS: Mapping[str, Converter] = {one.name: one for one in (SAVEDMODEL, NNP)}
"""By their name in `spec.model.format`."""


def convert(fmt: str, path: Path, *, cache: Cache, digest: str) -> Path:
    """Return the folder with the ONNX model made from one version, a file or folder of the source with that digest.

    Raises:
        InvalidModel: the files are not of the format, its converter is not installed, or it failed.
    """
    converter = CONVERTERS[fmt]
    source = converter.find(path)
    python = converter.interpreter(os.environ)
    key = "sha256:" + hashlib.sha256(f"{fmt} {digest} {path.name} {converter.recipe}".encode()).hexdigest()
    with cache.lock(key):
        found = cache.find(key)
        if found is None:
            with cache.staging(key, key) as staged:
                content = staged / "content"
                content.mkdir(exist_ok=True)
                run(converter, converter.command(python, source, content / MODEL), content / MODEL)
                found = cache.publish(staged, key, folder=True)
    return found.path
