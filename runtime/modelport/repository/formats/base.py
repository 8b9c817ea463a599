"""What a model format is: which files make up a model, and what it says of its own tensors.

    a version's folder or file ── Format.inspect ──► ModelSignature ──► lint, config.pbtxt, publication

A format reads files and nothing else: it starts no process, imports no model code and knows neither the manifest nor
Triton's configuration. One module implements each; `formats.FORMATS` is the only table of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ANY = -1
"""A dimension of any size."""

DTYPES = (
    *("BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64"),
    *("FP16", "BF16", "FP32", "FP64", "BYTES"),
)
"""Triton's data types (Open Inference Protocol v2, "Tensor Data Types")."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input or output as the model itself has it; `shape` is complete, with `ANY` for a free dimension."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        """Word it for a message: `image FP32 [-1, 3, 224, 224]`."""
        return f"{self.name} {self.dtype} [{', '.join(map(str, self.shape))}]"


@dataclass(frozen=True, slots=True)
class ModelSignature:
    """What one version of a model consists of and says of itself."""

    files: Mapping[str, Path]
    """What Triton needs of it: path inside the version's folder, and the file that lies there."""
    inputs: tuple[Tensor, ...] = ()
    outputs: tuple[Tensor, ...] = ()
    """Both empty where the format does not tell; `described` says who does."""
    batchable: bool = False
    """Rows of different requests may be put together along the first dimension."""
    described: bool = True
    """False: the tensors must be declared in a config.pbtxt; Triton cannot find them out itself."""
    facts: Mapping[str, str | int] = field(default_factory=dict)
    """For people and lints: producer, opset, IR version …"""

    @property
    def known(self) -> bool:
        """Whether the tensors could be read from the files."""
        return bool(self.inputs or self.outputs)

    @property
    def free_rows(self) -> bool:
        """Whether the first dimension of every tensor is free, without which nothing can be batched."""
        return self.known and all(tensor.shape[:1] == (ANY,) for tensor in (*self.inputs, *self.outputs))


@dataclass(frozen=True, slots=True)
class Backend:
    """One way in which Triton can run a format."""

    name: str
    """As in `backend:` of config.pbtxt."""
    runner: str | None = None
    """The file of `runners/` that runs the model inside the Python backend; None for Triton's own backend."""
    devices: frozenset[str] = frozenset({"CPU", "GPU"})
    """What it computes on."""
    parameters: frozenset[str] | None = None
    """Parameters that it knows; None where that is its own affair."""


@dataclass(frozen=True, slots=True)
class Format:
    """One model format."""

    name: str
    """As in `spec.model.format`."""
    inspect: Callable[[Path], ModelSignature]
    """Reads one version, a file or the folder that holds it; raises InvalidModel where there is no such file, where
    there are several, or where it cannot be read as this format."""
    backends: tuple[Backend, ...] = ()
    """In order of preference; empty where the model's own config.pbtxt says it."""
