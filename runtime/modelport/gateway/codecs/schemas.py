"""JSON schemas of tensors written as nested lists, for the formats' OpenAPI descriptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modelport.gateway.codecs.arrays import B64
from modelport.gateway.tensors import ANY, DTYPES

Schema = Mapping[str, Any]

_STRING: Schema = {
    "anyOf": [
        {"type": "string"},
        {
            "type": "object",
            "properties": {B64: {"type": "string", "contentEncoding": "base64"}},
            "required": [B64],
            "additionalProperties": False,
        },
    ]
}


def value_schema(dtype: str) -> Schema:
    """Return the schema of one element of a Triton data type, as `parse_array` reads it."""
    numpy_dtype = DTYPES[dtype]
    match numpy_dtype.kind:
        case "b":
            return {"type": "boolean"}
        case "i" | "u":
            limits = np.iinfo(numpy_dtype)
            return {"type": "integer", "minimum": int(limits.min), "maximum": int(limits.max)}
        case "O":
            return _STRING
        case _:
            return {"type": "number"}


def tensor_schema(dtype: str, shape: Sequence[int]) -> Schema:
    """Return the schema of nested lists of a shape, in which `ANY` is any size; a bare value for rank 0."""
    schema = value_schema(dtype)
    for size in reversed(shape):
        schema = {"type": "array", "items": schema}
        if size != ANY:
            schema = {**schema, "minItems": size, "maxItems": size}
    return schema
