"""Neural Network Console's NNP, by nnabla's exporter (`nnp_script.py`)."""

from __future__ import annotations

from pathlib import Path

from modelport.repository.convert.base import Converter
from modelport.repository.formats.files import sole_file

SCRIPT = Path(__file__).with_name("nnp_script.py")


def find(path: Path) -> Path:
    """Return the .nnp file."""
    return sole_file(path, "model.nnp")


def command(python: str, source: Path, result: Path) -> list[str]:
    """Return the call of the script in the interpreter that has nnabla."""
    return [python, "-I", str(SCRIPT), str(source), str(result)]


NNP = Converter(
    name="NNP",
    find=find,
    command=command,
    variable="MODELPORT_NNP_PYTHON",
    default=None,
    install="name a Python 3.10 that has nnabla, nnabla-converter and onnx in MODELPORT_NNP_PYTHON",
    recipe="nnabla opset 11",
)
