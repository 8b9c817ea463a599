"""`nnc`: named vectors, pictures and sounds (Neural Network Console starter guide, "API機能の実行")."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from modelport.api.execution import ExecutionType
from modelport.client.files import encode_file, read_file, type_of
from modelport.client.formats.base import Answer, Body, Served, quoted, to_json

VECTOR = "vector"


@dataclass(frozen=True, slots=True)
class Layer:
    """One output."""

    name: str
    shape: tuple[int, ...]
    data: Any
    """Nested lists; a value that is not finite is None."""


@dataclass(frozen=True, slots=True)
class Layers:
    """What the model answered."""

    outputs: Mapping[str, Layer]
    """By name, in the model's order."""
    served: Served


@dataclass(frozen=True, slots=True)
class Nnc:
    """An inference by the API functions of Neural Network Console."""

    api: ClassVar[str] = "nnc"

    inputs: Mapping[str, Any]
    """Every input by its name. A path, bytes or an open file is a picture or sound, whose type its bytes tell;
    numbers, lists and numpy arrays are a vector, without the batch dimension."""
    execution: ExecutionType = "Dedicated"
    """The type of the model, which is part of its address."""

    def address(self, model: str) -> str:
        """Return the path for the model's type."""
        return f"/v1/{self.execution.lower()}/classifiers/{quoted(model)}/inference"

    def encode(self) -> Body:
        """Word the request."""
        inputs = [{"name": name, **_typed(name, value)} for name, value in self.inputs.items()]
        return Body(to_json({"executor": "Executor", "inputs": inputs}))

    def decode(self, answer: Answer) -> Layers:
        """Read the outputs."""
        layers = (Layer(each["name"], tuple(each["shape"]), each["data"]) for each in answer.json()["outputs"])
        return Layers({layer.name: layer for layer in layers}, answer.served)


def _typed(name: str, value: Any) -> Mapping[str, Any]:
    if isinstance(value, str | os.PathLike | bytes) or hasattr(value, "read"):
        data = read_file(value)
        return {"type": type_of(data, f"inputs.{name}"), "data": encode_file(data)}
    return {"type": VECTOR, "data": value}
