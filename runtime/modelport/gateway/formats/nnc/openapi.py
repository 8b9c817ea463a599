"""The OpenAPI 3.1 path item of one model: its own inputs and outputs. Errors are the gateway's to add."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelport.api.io import Input
from modelport.gateway.codecs.schemas import Schema, tensor_schema
from modelport.gateway.formats.base import JSON, Model
from modelport.gateway.formats.nnc.request import EXECUTOR, NOT_SERVERLESS, TYPES, VECTOR, vector_shape
from modelport.gateway.tensors import TensorSpec

_BASE64: Schema = {"type": "string", "contentEncoding": "base64"}


def path_item(model: Model) -> dict[str, Any]:
    """Return the path item of the model's one address."""
    needed = sum(not spec.optional for spec in model.meta.inputs.values())
    inputs = _list_of([_input(spec, model) for spec in model.meta.inputs.values()], needed)
    request = _object({"executor": {"const": EXECUTOR}, "inputs": inputs}, ["inputs"])
    outputs = [_output(spec, model) for spec in model.meta.outputs.values()]
    answer = _object({"outputs": _list_of(outputs, len(outputs))})
    return {
        "post": {
            "operationId": "inference",
            "summary": "One inference, as Neural Network Console's API functions have it",
            "requestBody": {"required": True, "content": {JSON: {"schema": request}}},
            "responses": {"200": {"description": "The outputs", "content": {JSON: {"schema": answer}}}},
        }
    }


def _input(spec: TensorSpec, model: Model) -> Schema:
    declared = {each.name: each for each in model.spec.io.inputs}.get(spec.name) or Input(name=spec.name)
    types = [
        each for each in TYPES[declared.kind] if model.spec.execution.type == "Dedicated" or each not in NOT_SERVERLESS
    ]
    data = tensor_schema(spec.dtype, vector_shape(spec, model.meta)) if declared.kind == "Tensor" else _BASE64
    return _object({"name": {"const": spec.name}, "type": {"enum": types}, "data": data})


def _output(spec: TensorSpec, model: Model) -> Schema:
    shape = vector_shape(spec, model.meta)
    return _object(
        {
            "name": {"const": spec.name},
            "type": {"const": VECTOR},
            "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
            "data": {"type": "array"} if shape else {},
        }
    )


def _object(properties: Mapping[str, Schema], required: Sequence[str] | None = None) -> Schema:
    names = list(properties if required is None else required)
    return {"type": "object", "properties": dict(properties), "required": names}


def _list_of(items: Sequence[Schema], fewest: int) -> Schema:
    """Return the schema of a list of these, in any order; that none stands twice, no schema can say."""
    one = items[0] if len(items) == 1 else {"anyOf": list(items)}
    return {"type": "array", "items": one, "minItems": fewest, "maxItems": len(items)}
