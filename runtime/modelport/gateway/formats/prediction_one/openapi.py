"""The OpenAPI 3.1 path item of one model, with a row of its own columns as example. Errors are the gateway's to add."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelport.gateway.codecs import base64
from modelport.gateway.codecs.csv import MEDIA_TYPE, write_csv
from modelport.gateway.codecs.schemas import Schema
from modelport.gateway.errors import InternalError
from modelport.gateway.formats.base import JSON, Model
from modelport.gateway.formats.prediction_one.columns import table_inputs
from modelport.gateway.formats.prediction_one.reply import ANALYSIS
from modelport.gateway.formats.prediction_one.request import BOOLEAN, CSV, PREDICTION, STRING, TABLE, TYPES
from modelport.gateway.tasks.tabular import CONTRIBUTIONS
from modelport.gateway.tensors import DTYPES

EXAMPLE_CELLS: Mapping[str, str] = {"b": "true", "i": "1", "u": "1", "O": "a"}
"""By numpy's kind of the dtype; the floats are the rest."""

_CSV: Schema = {"type": "string", "contentEncoding": "base64", "contentMediaType": MEDIA_TYPE}
_DATA: Mapping[str, Schema] = {
    CSV: {**_CSV, "minLength": 1},
    BOOLEAN: {"type": "boolean"},
    STRING: {"type": "string", "minLength": 1},
}
_REQUEST: Schema = {
    "type": "object",
    "properties": {
        "inputs": {
            "type": "array",
            "items": {
                "anyOf": [
                    {
                        "type": "object",
                        "properties": {
                            "name": {"enum": [name for name, of in TYPES.items() if of == kind]},
                            "type": {"const": kind},
                            "data": data,
                        },
                        "required": ["name", "type", "data"],
                    }
                    for kind, data in _DATA.items()
                ]
            },
            "contains": {"type": "object", "properties": {"name": {"const": TABLE}}, "required": ["name"]},
            "minItems": 1,
            "maxItems": len(TYPES),
        }
    },
    "required": ["inputs"],
}


def path_item(model: Model) -> dict[str, Any]:
    """Return the path item of the model's one address."""
    media: dict[str, Any] = {"schema": _REQUEST}
    operation: dict[str, Any] = {
        "operationId": "predict-table",
        "summary": "A prediction for each row of a table",
        "requestBody": {"required": True, "content": {JSON: media}},
        "responses": {"200": {"description": "The predictions", "content": {JSON: {"schema": _answer(model)}}}},
    }
    try:
        media["example"] = {"inputs": [{"name": TABLE, "type": CSV, "data": base64.encode(example_csv(model))}]}
        operation["x-modelport-file"] = {"pointer": "/inputs/0/data", "mediaType": MEDIA_TYPE}
    except InternalError as error:
        operation["description"] = f"There is no example: {error}"
    return {"post": operation}


def example_csv(model: Model) -> bytes:
    """Return a table of one row that the model takes; raise InternalError where it takes no columns."""
    cells = {
        name: EXAMPLE_CELLS.get(DTYPES[each.spec.dtype].kind, "1.5")
        for each in table_inputs(model)
        for name in each.columns
    }
    return write_csv(list(cells), [[cell] for cell in cells.values()])


def _answer(model: Model) -> Schema:
    names = [PREDICTION, *([ANALYSIS] if CONTRIBUTIONS in model.meta.outputs else [])]
    output = {
        "type": "object",
        "properties": {"name": {"enum": names}, "type": {"const": CSV}, "data": _CSV},
        "required": ["name", "type", "data"],
    }
    outputs = {"type": "array", "items": output, "minItems": 1, "maxItems": len(names)}
    return {"type": "object", "properties": {"outputs": outputs}, "required": ["outputs"]}
