"""TensorFlow's SavedModel, by tf2onnx."""

from __future__ import annotations

import sys
from pathlib import Path

from modelport.repository.convert.base import Converter
from modelport.repository.errors import InvalidModel
from modelport.repository.formats.files import entries, listing

MODEL = "saved_model.pb"
OPSET = 17
"""Read by every onnxruntime since 1.12, and the newest that tf2onnx writes well."""


def find(path: Path) -> Path:
    """Return the folder that holds saved_model.pb: the version's own, or the only one in it (`model.savedmodel/`)."""
    folders = [] if path.is_file() else [path, *(entry for entry in entries(path) if entry.is_dir())]
    for folder in folders:
        if (folder / MODEL).is_file():
            return folder
    there = f"{path.name} is a file" if path.is_file() else f"the folder {listing(path)}"
    raise InvalidModel(f"no {MODEL}: {there}; a SavedModel is a folder with {MODEL} and variables/")


def command(python: str, source: Path, result: Path) -> list[str]:
    """Return the call of tf2onnx, which takes the signature serving_default."""
    flags = ["--saved-model", str(source), "--output", str(result), "--opset", str(OPSET)]
    return [python, "-I", "-m", "tf2onnx.convert", *flags]


SAVEDMODEL = Converter(
    name="SavedModel",
    find=find,
    command=command,
    variable="MODELPORT_SAVEDMODEL_PYTHON",
    default=sys.executable,
    install="run `pip install 'modelport[savedmodel]'`, or name a Python that has tf2onnx and tensorflow in"
    " MODELPORT_SAVEDMODEL_PYTHON",
    recipe=f"tf2onnx opset {OPSET}",
)
