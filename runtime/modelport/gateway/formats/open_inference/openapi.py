"""OpenAPI 3.1 path items of one model, with its own tensors, and of the server around it.

Errors, keys and tags are the gateway's to add (`gateway/openapi.py`); only what the protocol answers itself is here.
The server's paths are the same for every model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np

from modelport.gateway.codecs.raw import HEADER_LENGTH
from modelport.gateway.codecs.schemas import Schema, value_schema
from modelport.gateway.formats.base import JSON, Model
from modelport.gateway.formats.examples import Example, declared_input, describe_request
from modelport.gateway.formats.open_inference.fields import INT64
from modelport.gateway.formats.open_inference.reply import BINARY
from modelport.gateway.samples import sample_values
from modelport.gateway.tensors import ANY, TensorSpec


def path_items(model: Model) -> dict[str, Any]:
    """Return the path items of the server and of the model, by path."""
    base = f"/v2/models/{quote(model.name, safe='')}"
    version = {
        "name": "version",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
        "example": str(model.meta.version),
    }
    return (
        _SERVER
        | _model_items(model, base, "", [])
        | _model_items(model, f"{base}/versions/{{version}}", "OfVersion", [version])
    )


def _model_items(model: Model, base: str, suffix: str, parameters: list[Schema]) -> dict[str, Any]:
    def get(name: str, summary: str, answer: Schema) -> dict[str, Any]:
        return {"get": _operation(f"{name}{suffix}", summary, answer, parameters)}

    return {
        base: get("metadata", "What the model takes and gives", _metadata_answer(model)),
        f"{base}/ready": get("ready", "Whether the model answers", _object({"name": _TEXT, "ready": {"const": True}})),
        f"{base}/config": get("config", "Triton's configuration of the model", _ANY_OBJECT),
        f"{base}/stats": get(
            "stats", "Triton's statistics of the model", _object({"model_stats": _list_of(_ANY_OBJECT)})
        ),
        f"{base}/infer": {"post": _infer(model, suffix, parameters)},
    }


def _infer(model: Model, suffix: str, parameters: list[Schema]) -> dict[str, Any]:
    answer = _infer_answer(model)
    operation = _operation(f"infer{suffix}", "Tensors through the model", answer, [*parameters, _HEADER_PARAMETER])
    operation |= describe_request(_infer_request(model), model, _example)
    operation["requestBody"]["content"][BINARY] = {"schema": {}}
    operation["responses"]["200"]["content"][BINARY] = {"schema": {}}
    operation["responses"]["200"]["headers"] = {
        HEADER_LENGTH: {"description": _HEADER_MEANS, "schema": {"type": "integer"}}
    }
    return operation


def _example(model: Model) -> Example:
    """Return a request of one row; a sequence model gets a sequence of one request."""
    inputs = [_example_input(spec, model) for spec in model.meta.inputs.values()]
    parameters = {"sequence_id": 1, "sequence_start": True, "sequence_end": True}
    return Example({**({"parameters": parameters} if model.meta.sequence else {}), "inputs": inputs})


def _example_input(spec: TensorSpec, model: Model) -> Schema:
    values = np.array(sample_values(spec, declared_input(model, spec.name)), object)
    return {
        "name": spec.name,
        "shape": list(values.shape),
        "datatype": spec.dtype,
        "data": values.reshape(-1).tolist(),
    }


def _infer_request(model: Model) -> Schema:
    inputs = model.meta.inputs.values()
    needed = sum(not spec.optional for spec in inputs)
    parameters = {"type": "object", "additionalProperties": {"type": ["string", "boolean", "number"]}}
    parameters["properties"] = {
        "binary_data_output": _FLAG,
        "sequence_id": {"type": ["integer", "string"]},
        "sequence_start": _FLAG,
        "sequence_end": _FLAG,
        "priority": _SIZE,
        "timeout": _SIZE,
    }
    named = [
        _object({"name": {"const": name}, "parameters": _OUTPUT_PARAMETERS}, ["name"]) for name in model.meta.outputs
    ]
    return _object(
        {
            "id": _TEXT,
            "parameters": parameters,
            "inputs": _list_of(_one_of([_input(spec) for spec in inputs]), minItems=needed, maxItems=len(inputs)),
            "outputs": _list_of(_one_of(named), maxItems=len(named)),
        },
        ["inputs"],
    )


def _infer_answer(model: Model) -> Schema:
    return _object(
        {
            "id": _TEXT,
            "model_name": {"const": model.name},
            "model_version": _TEXT,
            "parameters": _ANY_OBJECT,
            "outputs": _list_of(_one_of([_output(spec) for spec in model.meta.outputs.values()])),
        },
        ["model_name", "model_version", "outputs"],
    )


def _input(spec: TensorSpec) -> Schema:
    shared: dict[str, Schema] = {
        "name": {"const": spec.name},
        "datatype": {"const": spec.dtype},
        "shape": _shape(spec),
    }
    data: Schema = {"type": "array", "items": {"anyOf": [value_schema(spec.dtype), {"type": "array"}]}}
    explicit = _object({**shared, "data": data}, [*shared, "data"])
    size = _object({"binary_data_size": _SIZE})
    return {"anyOf": [explicit, _object({**shared, "parameters": size})]}


def _output(spec: TensorSpec) -> Schema:
    """Return the schema of an output, which is BYTES where it was classified."""
    return _object(
        {
            "name": {"const": spec.name},
            "datatype": {"enum": list(dict.fromkeys((spec.dtype, "BYTES")))},
            "shape": _list_of(_SIZE),
            "data": {"type": "array"},
            "parameters": _object({"binary_data_size": _SIZE}),
        },
        ["name", "datatype", "shape"],
    )


def _shape(spec: TensorSpec) -> Schema:
    sizes = [_SIZE if size == ANY else {"const": size} for size in spec.shape]
    bounds = {"minItems": len(sizes), "maxItems": len(sizes)}
    return {"type": "array", **({"prefixItems": sizes} if sizes else {}), **bounds}


def _metadata_answer(model: Model) -> Schema:
    tensors = _list_of(_object({"name": _TEXT, "datatype": _TEXT, "shape": _list_of({"type": "integer"})}))
    return _object(
        {
            "name": {"const": model.name},
            "versions": _list_of(_TEXT),
            "platform": _TEXT,
            "inputs": tensors,
            "outputs": tensors,
        }
    )


def _operation(name: str, summary: str, answer: Schema, parameters: Sequence[Schema] = ()) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": f"open-inference-{name}",
        "summary": summary,
        "responses": {"200": {"description": "The answer", "content": {JSON: {"schema": answer}}}},
    }
    return described | ({"parameters": list(parameters)} if parameters else {})


def _object(properties: Mapping[str, Schema], required: Sequence[str] | None = None) -> Schema:
    """Return the schema of an object; by default all its properties are required."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties if required is None else required),
    }


def _list_of(items: Schema, **bounds: int) -> Schema:
    return {"type": "array", "items": items, **bounds}


def _one_of(schemas: Sequence[Schema]) -> Schema:
    return schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)}


_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_SIZE: Schema = {"type": "integer", "minimum": 0, "maximum": INT64}
_ANY_OBJECT: Schema = {"type": "object"}
_OUTPUT_PARAMETERS = _object({"binary_data": _FLAG, "classification": _SIZE}, [])
_HEADER_MEANS = "The length in bytes of the JSON object; binary tensors follow it."
_HEADER_PARAMETER: Schema = {
    "name": HEADER_LENGTH,
    "in": "header",
    "description": f"{_HEADER_MEANS} Absent: all of the body is JSON. 0: all of it is the model's only input.",
    "schema": _SIZE,
}
_INDEX = _list_of(
    _object({"name": _TEXT, "version": _TEXT, "state": _TEXT, "reason": _TEXT}, ["name", "version", "state"])
)
_SERVER: dict[str, Any] = {
    "/v2": {
        "get": _operation(
            "server", "The server", _object({"name": _TEXT, "version": _TEXT, "extensions": _list_of(_TEXT)})
        )
    },
    "/v2/health/live": {"get": _operation("live", "Whether the server runs", _object({"live": {"const": True}}))},
    "/v2/health/ready": {
        "get": _operation("serverReady", "Whether every model answers", _object({"ready": {"const": True}}))
    },
    "/v2/models/stats": {
        "get": _operation("allStats", "Triton's statistics", _object({"model_stats": _list_of(_ANY_OBJECT)}))
    },
    "/v2/repository/index": {
        "post": _operation("index", "The models that the key opens", _INDEX)
        | {"requestBody": {"content": {JSON: {"schema": _object({"ready": _FLAG}, [])}}}}
    },
}
