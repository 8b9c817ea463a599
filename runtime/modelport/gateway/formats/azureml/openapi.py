"""The OpenAPI 3.1 path item of one model. Errors are the gateway's to add."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from modelport.gateway.codecs.schemas import Schema
from modelport.gateway.formats.azureml.request import LONGEST_SIDE, PARAMETERS, PICTURE, RESIZE, SOFTMAX
from modelport.gateway.formats.base import JSON, Model
from modelport.gateway.formats.examples import Example, describe_request, sample_picture

_SIDE: Schema = {"type": "integer", "minimum": 1, "maximum": LONGEST_SIDE}
_PARAMETERS: Schema = {
    "type": ["object", "null"],
    "properties": {
        RESIZE: {"type": ["array", "null"], "items": _SIDE, "minItems": 2, "maxItems": 2},
        **{name: {"type": "boolean"} for name in SOFTMAX},
    },
    "not": {"required": list(SOFTMAX)},
    "additionalProperties": False,
}
_PICTURE: Schema = {
    "type": "object",
    "properties": {PICTURE: {"type": "string", "contentEncoding": "base64"}, PARAMETERS: _PARAMETERS},
    "required": [PICTURE],
}


def path_item(model: Model) -> dict[str, Any]:
    """Return the path item of the model's one address."""
    pictures: Schema = {"type": "array", "items": _PICTURE}
    if not model.meta.max_batch_size:
        pictures = {**pictures, "minItems": 1, "maxItems": 1}
    scores: Schema = {"type": "array", "items": {"type": ["number", "null"]}}
    if model.labels:
        scores = {**scores, "minItems": len(model.labels), "maxItems": len(model.labels)}
    answer = {"type": "array", "items": scores}
    return {
        "post": {
            "operationId": "score",
            "summary": f"Scores of the classes{_named(model)} for each picture",
            **describe_request({"anyOf": [pictures, _PICTURE]}, model, _example),
            "responses": {"200": {"description": "The scores", "content": {JSON: {"schema": answer}}}},
        }
    }


def _example(model: Model) -> Example:
    picture = sample_picture(model)
    body = [{PICTURE: b64encode(picture.data).decode()}]
    return Example(body, {"pointer": f"/0/{PICTURE}", "mediaType": picture.media_type})


def _named(model: Model) -> str:
    shown = ", ".join(model.labels[:10])
    return f" {shown}{' …' if len(model.labels) > 10 else ''}" if model.labels else ""
