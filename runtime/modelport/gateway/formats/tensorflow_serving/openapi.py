"""OpenAPI 3.1 path items of one model: its own signatures, tensors, versions and labels, and every answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from modelport.gateway.codecs.schemas import Schema, tensor_schema, value_schema
from modelport.gateway.formats.base import JSON, Model
from modelport.gateway.formats.examples import describe_request
from modelport.gateway.formats.tensorflow_serving.samples import sample_features, sample_predict
from modelport.gateway.formats.tensorflow_serving.signatures import DEFAULT, VERBS, Signature, all_signatures
from modelport.gateway.tensors import TensorSpec

_ERRORS = (400, 401, 404, 405, 413, 415, 429, 500, 502, 503, 504)


def path_items(model: Model) -> dict[str, Any]:
    """Return the path items of the model, by path."""
    base = f"/v1/models/{quote(model.name, safe='')}"
    labels = model.spec.model.versions.labels
    version = _parameter("version", {"type": "integer"}, [model.meta.version])
    items = _items(model, base, "", [])
    items |= _items(model, f"{base}/versions/{{version}}", "OfVersion", [version])
    if labels:
        known = sorted(labels)
        label = _parameter("label", {"enum": known}, [each for each in known if labels[each] in model.versions])
        items |= _items(model, f"{base}/labels/{{label}}", "OfLabel", [label])
    return items


def _items(model: Model, path: str, suffix: str, parameters: list[Schema]) -> dict[str, Any]:
    def operation(verb: str, summary: str, answer: Schema) -> dict[str, Any]:
        return {
            "operationId": f"{model.name}-{verb}{suffix}",
            "tags": [model.name],
            "summary": summary,
            "parameters": parameters,
            "responses": _responses(answer),
        }

    items: dict[str, Any] = {
        path: {"get": operation("status", "The states of the versions", _STATUS)},
        f"{path}/metadata": {"get": operation("metadata", "The signatures and their tensors", _METADATA)},
    }
    for method, verb in VERBS.items():
        signatures = [each for each in all_signatures(model) if each.method == method]
        if signatures:
            request, answer, sample = _WORDINGS[verb]
            summary = f"{method} with the signature {' or '.join(each.name for each in signatures)}"
            shown = min(signatures, key=lambda each: each.name != DEFAULT)
            items[f"{path}:{verb}"] = {
                "post": operation(verb, summary, _any_of([answer(each) for each in signatures]))
                | describe_request(_any_of([request(each) for each in signatures]), model, partial(sample, shown))
            }
    return items


def _parameter(name: str, schema: Schema, examples: Sequence[Any]) -> Schema:
    example = {"example": examples[0]} if examples else {}
    return {"name": name, "in": "path", "required": True, "schema": schema, **example}


def _responses(answer: Schema) -> Schema:
    errors = {
        str(status): {"description": HTTPStatus(status).phrase, "content": {JSON: {"schema": _ERROR}}}
        for status in _ERRORS
    }
    return {"200": {"description": "The answer", "content": {JSON: {"schema": answer}}}, **errors}


def _object(properties: Mapping[str, Schema], required: Sequence[str] | None = None) -> Schema:
    """Return the schema of an object; by default all its properties are required."""
    names = list(properties if required is None else required)
    return {"type": "object", "properties": dict(properties), **({"required": names} if names else {})}


def _any_of(schemas: Sequence[Schema]) -> Schema:
    return schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)}


def _list_of(items: Schema, **bounds: int) -> Schema:
    return {"type": "array", "items": items, **bounds}


def _named(signature: Signature, properties: Mapping[str, Schema], required: Sequence[str]) -> Schema:
    """Return the schema of a request: the properties, and the signature's name, which only the default's may lack."""
    needed = [*required, *([] if signature.name == DEFAULT else ["signature_name"])]
    return _object({"signature_name": {"const": signature.name}, **properties}, needed)


def _predict_request(signature: Signature) -> Schema:
    inputs = signature.inputs
    required = [name for name, spec in inputs.items() if not spec.optional]
    columns: list[Schema] = [_object({name: _tensor(spec) for name, spec in inputs.items()}, required)]
    rows: list[Schema] = []
    if all(spec.shape for spec in inputs.values()):
        named = _object({name: _row(spec) for name, spec in inputs.items()}, required)
        rows.append(_list_of({**named, "additionalProperties": False}, minItems=1))
    if len(inputs) == 1:
        (only,) = inputs.values()
        columns.append(_tensor(only))
        if only.shape:
            rows.append({**_tensor(only), "minItems": 1})
    by_columns = _named(signature, {"inputs": _any_of(columns), "instances": _ABSENT}, ["inputs"])
    if not rows:
        return by_columns
    by_rows = _named(signature, {"instances": _any_of(rows), "inputs": _ABSENT}, ["instances"])
    return {"anyOf": [by_rows, by_columns]}


def _predict_answer(signature: Signature) -> Schema:
    outputs = signature.outputs
    columns = _object({name: _tensor(spec) for name, spec in outputs.items()})
    rows = _object({name: _row(spec) for name, spec in outputs.items()})
    if len(outputs) == 1:
        (only,) = outputs.values()
        columns, rows = _tensor(only), _row(only)
    return {"anyOf": [_object({"predictions": _list_of(rows)}), _object({"outputs": columns})]}


def _examples_request(signature: Signature) -> Schema:
    features = {name: _feature(spec) for name, spec in signature.inputs.items()}
    required = [name for name, spec in signature.inputs.items() if not spec.optional and name not in signature.defaults]
    examples = _list_of(_object(features, required), minItems=1)
    return _named(signature, {"examples": examples, "context": {"type": "object"}}, ["examples"])


def _regress_answer(_: Signature) -> Schema:
    return _object({"results": _list_of({"type": "number"})})


def _classify_answer(_: Signature) -> Schema:
    pair = {
        "type": "array",
        "prefixItems": [{"type": "string"}, {"type": "number"}],
        "minItems": 2,
        "maxItems": 2,
    }
    return _object({"results": _list_of(_list_of(pair))})


def _tensor(spec: TensorSpec) -> Schema:
    return tensor_schema(spec.dtype, spec.shape)


def _row(spec: TensorSpec) -> Schema:
    return tensor_schema(spec.dtype, spec.shape[1:])


def _feature(spec: TensorSpec) -> Schema:
    value = value_schema(spec.dtype)
    return {"anyOf": [value, _list_of(value)]}


_WORDINGS = {
    "predict": (_predict_request, _predict_answer, sample_predict),
    "classify": (_examples_request, _classify_answer, sample_features),
    "regress": (_examples_request, _regress_answer, sample_features),
}
"""The schemas of request and answer of each verb and a request, for one signature."""

_ABSENT: Schema = {"not": {}}
_TEXT: Schema = {"type": "string"}
_ERROR = _object({"error": _TEXT})
_VERSION_STATUS = _object(
    {
        "version": _TEXT,
        "state": {"enum": ["START", "LOADING", "AVAILABLE", "UNLOADING", "END"]},
        "status": _object({"error_code": _TEXT, "error_message": _TEXT}),
    }
)
_STATUS = _object({"model_version_status": _list_of(_VERSION_STATUS)})
_METADATA = _object(
    {
        "model_spec": _object({"name": _TEXT, "signature_name": _TEXT, "version": _TEXT}),
        "metadata": _object({"signature_def": _object({"signature_def": {"type": "object"}})}),
    }
)
