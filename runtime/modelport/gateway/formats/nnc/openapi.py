"""The OpenAPI 3.1 path item of one model: its own inputs and outputs. Errors are the gateway's to add."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from modelport.gateway.codecs.schemas import Schema, tensor_schema
from modelport.gateway.formats.base import JSON, Model
from modelport.gateway.formats.examples import Example, declared_input, describe_request, refuse_sequences
from modelport.gateway.formats.nnc.request import EXECUTOR, NOT_SERVERLESS, TYPES, VECTOR, vector_shape
from modelport.gateway.samples import NoSample, sample_file, sample_values
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
            **describe_request(request, model, _example),
            "responses": {"200": {"description": "The outputs", "content": {JSON: {"schema": answer}}}},
        }
    }


def _example(model: Model) -> Example:
    """Return a request, in which the first input that is a file may be replaced by another file."""
    refuse_sequences(model)
    inputs, file = [], None
    for index, spec in enumerate(model.meta.inputs.values()):
        declared = declared_input(model, spec.name)
        if declared.kind == "Tensor":
            values = sample_values(replace(spec, shape=vector_shape(spec, model.meta)), declared)
            inputs.append({"name": spec.name, "type": VECTOR, "data": values})
            continue
        sample = sample_file(declared, spec)
        if model.spec.execution.type == "Serverless" and sample.type in NOT_SERVERLESS:
            raise NoSample(NOT_SERVERLESS[sample.type])
        inputs.append({"name": spec.name, "type": sample.type, "data": b64encode(sample.data).decode()})
        place = f"/inputs/{index}"
        file = file or {"pointer": f"{place}/data", "mediaType": sample.media_type, "typePointer": f"{place}/type"}
    return Example({"executor": EXECUTOR, "inputs": inputs}, file)


def _input(spec: TensorSpec, model: Model) -> Schema:
    declared = declared_input(model, spec.name)
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
