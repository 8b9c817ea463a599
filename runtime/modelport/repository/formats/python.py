"""Python: `model.py` with a class TritonPythonModel, and whatever lies beside it."""

from __future__ import annotations

import ast
from pathlib import Path

from modelport.repository.errors import InvalidModel
from modelport.repository.formats.base import Backend, Format, ModelSignature
from modelport.repository.formats.files import sole_file, walk

MODEL = "model.py"
CLASS = "TritonPythonModel"


def inspect(path: Path) -> ModelSignature:
    """Look at the source without running it.

    Where the class has `auto_complete_config`, Triton asks it for the tensors; else a config.pbtxt must name them.
    """
    file = sole_file(path, MODEL)
    methods = model_methods(file)
    beside = {} if path.is_file() else dict(walk(path))
    renamed = {name: found for name, found in beside.items() if found != file and name != "config.pbtxt"}
    return ModelSignature(files={MODEL: file, **renamed}, described="auto_complete_config" in methods)


def model_methods(file: Path) -> frozenset[str]:
    """Return the names of the methods of TritonPythonModel.

    Raises:
        InvalidModel: not Python, no such class, or one without `execute`.
    """
    try:
        tree = ast.parse(file.read_bytes(), filename=file.name)
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        reason = error.msg if isinstance(error, SyntaxError) else error
        raise InvalidModel(f"{file.name}{line}: not Python: {reason}") from error
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == CLASS]
    if not classes:
        raise InvalidModel(f"{file.name}: no class {CLASS}, which Triton's Python backend looks for")
    methods = frozenset(
        node.name for node in classes[-1].body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    if "execute" not in methods and not classes[-1].bases:
        raise InvalidModel(f"{file.name}: class {CLASS} has no method execute(self, requests)")
    return methods


PYTHON = Format("Python", inspect, (Backend("python"),))
