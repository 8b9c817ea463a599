"""The model's answer as an inference response (`inference_rest.md`, "Inference Response JSON Object").

Explicit data is flat and row-major, as Triton writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from modelport.gateway.codecs import json as codec
from modelport.gateway.codecs.numbers import array_to_json
from modelport.gateway.codecs.raw import HEADER_LENGTH, array_to_bytes
from modelport.gateway.codecs.strings import strings_to_json
from modelport.gateway.codecs.words import member
from modelport.gateway.formats.base import JSON, Model, Reply
from modelport.gateway.formats.open_inference.request import Asked
from modelport.gateway.tensors import DTYPES, Array, InferRequest, InferResult

BINARY = "application/octet-stream"
"""The content type of an answer that is not JSON alone."""

DATATYPES: Mapping[Any, str] = {dtype: name for name, dtype in DTYPES.items()}
"""The protocol's name of each numpy dtype."""

_BINARY_HINT = ': ask for it as binary, "parameters": {"binary_data": true}'


def encode_result(result: InferResult, request: InferRequest, model: Model, asked: Asked) -> Reply:
    """Word the answer; raise BadRequest for strings that JSON cannot hold.

    A classified output is BYTES whatever the model gives, so types are those of the arrays.
    """
    outputs: list[dict[str, Any]] = []
    contents: list[bytes | memoryview] = []
    for name, array in result.outputs.items():
        output: dict[str, Any] = {"name": name, "datatype": DATATYPES[array.dtype], "shape": array.shape}
        if asked.is_binary(name):
            contents.append(array_to_bytes(array))
            output["parameters"] = {"binary_data_size": len(contents[-1])}
        else:
            output["data"] = orjson.Fragment(_data(array, name))
        outputs.append(output)
    answer: dict[str, Any] = {"id": request.id} if request.id else {}
    answer |= {"model_name": model.name, "model_version": str(result.version)}
    if result.parameters:
        answer["parameters"] = dict(result.parameters)
    header = codec.dumps(answer | {"outputs": outputs})
    if not contents:
        return Reply(body=header, content_type=JSON)
    return Reply(body=b"".join((header, *contents)), content_type=BINARY, headers={HEADER_LENGTH: str(len(header))})


def _data(array: Array, name: str) -> bytes:
    flat = array.reshape(-1)
    if flat.dtype.kind == "O":
        return strings_to_json(flat, member("outputs", name), b64=False, hint=_BINARY_HINT)
    return array_to_json(flat, constants=True)
