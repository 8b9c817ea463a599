"""What a converter is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from modelport.repository.errors import InvalidModel


@dataclass(frozen=True, slots=True)
class Converter:
    """A way to make ONNX from one format."""

    name: str
    """The format's, as in `spec.model.format`."""
    find: Callable[[Path], Path]
    """From a version's file or folder to what is converted; raises InvalidModel where it is not there."""
    command: Callable[[str, Path, Path], list[str]]
    """From the interpreter, the source and the ONNX file to write, to the command."""
    variable: str
    """Environment variable that names the interpreter with the converter's libraries."""
    default: str | None
    """Interpreter without that variable; None where the libraries cannot be installed beside Modelport."""
    install: str
    """What a person does who has no such interpreter."""
    recipe: str
    """Changes whenever the same source would give another result."""

    def interpreter(self, environ: Mapping[str, str]) -> str:
        """Return the interpreter to run.

        Raises:
            InvalidModel: none is named, and there is no default.
        """
        python = environ.get(self.variable) or self.default
        if python is None:
            raise self.missing()
        return python

    def missing(self) -> InvalidModel:
        """Word that the converter is not installed."""
        return InvalidModel(
            f"spec.model.format: {self.name} is converted to ONNX, and its converter is missing; {self.install}"
        )
