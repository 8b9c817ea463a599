"""Requests of any number of rows, for the wire formats that describe a model by themselves. One entry a format.

They are how TensorFlow Serving, Triton and others are tested too. What only a gateway serves is called by the examples
of its own document (`modelport.discovery`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelport.loadtest.errors import LoadtestError
from modelport.loadtest.samples import Input


@dataclass(frozen=True, slots=True)
class Api:
    """How to call a model in one format without knowing the model."""

    name: str
    """As in `spec.apis`."""
    call: str
    """Path that predicts, below the server's base."""
    metadata: str
    """Path that describes the model's inputs."""
    example: Callable[[Any, int], Any]
    """The metadata's JSON and a number of rows -> the request's JSON. Raises KeyError, TypeError or ValueError where
    the JSON is not this format's metadata."""

    def body(self, metadata: Any, rows: int) -> bytes:
        """Return a request of `rows` rows that the described model takes."""
        try:
            return json.dumps(self.example(metadata, rows), separators=(",", ":")).encode()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise LoadtestError(f"what came is not the {self.name} metadata of a model") from error

    def match(self, path: str) -> tuple[str, str] | None:
        """Split a path that predicts in this format into the base before it and the model's path; None if it is not."""
        head, tail = (re.escape(part) for part in self.call.split("{model}"))
        found = re.fullmatch(rf"(.*){head}([^/:]+(?:/(?:versions|labels)/[^/:]+)?){tail}", path)
        return (found[1], found[2]) if found else None


_V1_KINDS: Mapping[str, str] = {
    "DT_BOOL": "bool",
    "DT_STRING": "string",
    **dict.fromkeys(("DT_HALF", "DT_BFLOAT16", "DT_FLOAT", "DT_DOUBLE"), "float"),
    **{f"DT_{sign}INT{bits}": "integer" for sign in ("", "U") for bits in (8, 16, 32, 64)},
}
_V2_KINDS: Mapping[str, str] = {
    "BOOL": "bool",
    "BYTES": "string",
    **dict.fromkeys(("FP16", "BF16", "FP32", "FP64"), "float"),
    **{f"{sign}INT{bits}": "integer" for sign in ("", "U") for bits in (8, 16, 32, 64)},
}


def _predict(metadata: Any, rows: int) -> Any:
    """Word a predict request (RESTful API of TensorFlow Serving, "Predict API"): rows if all inputs have them."""
    signatures = metadata["metadata"]["signature_def"]["signature_def"]
    name = _predict_signature(signatures)
    inputs = [
        Input(key, _V1_KINDS.get(info["dtype"], ""), _dims(info["tensor_shape"]), info["dtype"])
        for key, info in signatures[name]["inputs"].items()
    ]
    request: dict[str, Any] = {} if name == "serving_default" else {"signature_name": name}
    columns = {tensor.name: tensor.nested(rows) for tensor in inputs}
    if not inputs or not all(tensor.batches for tensor in inputs):
        return request | {"inputs": columns}
    if len(columns) == 1:
        return request | {"instances": next(iter(columns.values()))}
    return request | {
        "instances": [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    }


def _predict_signature(signatures: Mapping[str, Any]) -> str:
    """Choose the signature to call: serving_default, else the first that predicts."""
    names = sorted(signatures, key=lambda name: name != "serving_default")
    for name in names:
        if signatures[name].get("method_name", "").endswith("/predict"):
            return name
    raise LoadtestError(f"none of the model's signatures ({', '.join(names)}) predicts; give a URL and --body")


def _dims(shape: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(int(dim["size"]) for dim in shape.get("dim", ()))


def _infer(metadata: Any, rows: int) -> Any:
    """Word an inference request (Open Inference Protocol v2, "Inference Request JSON Object")."""
    inputs: Sequence[Input] = [
        Input(info["name"], _V2_KINDS.get(info["datatype"], ""), tuple(map(int, info["shape"])), info["datatype"])
        for info in metadata["inputs"]
    ]
    return {
        "inputs": [
            {
                "name": tensor.name,
                "shape": list(tensor.filled(rows)),
                "datatype": tensor.datatype,
                "data": tensor.flat(rows),
            }
            for tensor in inputs
        ]
    }


APIS: Mapping[str, Api] = {
    api.name: api
    for api in (
        Api("tensorflow-serving", "/v1/models/{model}:predict", "/v1/models/{model}/metadata", _predict),
        Api("open-inference", "/v2/models/{model}/infer", "/v2/models/{model}", _infer),
    )
}
"""The formats whose servers say what a model takes."""
DEFAULT = "tensorflow-serving"
"""The format of a server that does not say which ones it has."""
