"""The OpenAPI 3.1 path item of one model. Errors are the gateway's to add."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from modelport.gateway.codecs.schemas import Schema
from modelport.gateway.formats.base import JSON, Model
from modelport.gateway.formats.examples import Example, describe_request, sample_picture
from modelport.gateway.formats.nexus.coco import IMAGE_ID
from modelport.gateway.formats.nexus.request import COCO, DATA, KIND, URL
from modelport.gateway.formats.nexus.routines import MOST, MOST_BINS


def path_item(model: Model) -> dict[str, Any]:
    """Return the path item of the model's one address."""
    detection = model.spec.io.detection
    answers = [_ANSWER_OF_CLASSES] if detection is None else [_ANSWER_OF_BOXES, _COCO]
    return {
        "post": {
            "operationId": "nexus",
            "summary": "Predictions for one picture, as a Nexus deployment gives them",
            "parameters": [] if detection is None else [_FORMAT],
            **describe_request(_request(model), model, _example),
            "responses": {
                "200": {"description": "The predictions", "content": {JSON: {"schema": _any_of(answers)}}},
            },
        }
    }


def _example(model: Model) -> Example:
    picture = sample_picture(model)
    body = {KIND: "base64", DATA: b64encode(picture.data).decode()}
    return Example(body, {"pointer": f"/{DATA}", "mediaType": picture.media_type})


def _request(model: Model) -> Schema:
    pictures = [
        {"image_type": {"enum": ["base64", "base_64"]}, "data": _BASE64},
        {"image_type": {"const": "array"}, "data": _any_of([_list_of(_list_of(_PIXEL)), _list_of(_list_of(_GREY))])},
    ]
    if model.spec.access.image_urls is not None:
        pictures.append({"image_type": {"const": URL}, "data": _URL})
    routines = {"type": ["array", "null"], "items": _routine(model.labels), "maxItems": MOST}
    return _any_of([_object({**picture, "routines": routines}, tuple(picture)) for picture in pictures])


def _routine(labels: Sequence[str]) -> Schema:
    names = {"class_name": _list_of({"enum": list(labels)} if labels else _TEXT)}
    kinds: Mapping[str, tuple[Mapping[str, Schema], Sequence[str]]] = {
        "Histogram": ({"bins": _BINS, "ranges": {**_list_of(_FRACTION), "maxItems": MOST_BINS}}, ()),
        "FilterIOU": ({"iou": _FRACTION}, ("iou",)),
        "FilterConfidence": ({"confidence": _FRACTION}, ("confidence",)),
        "FilterClass": (names, ("class_name",)),
        "ExcludeClass": (names, ("class_name",)),
        "ActiveLearning": ({}, ()),
    }
    return _any_of(
        [
            {**_object({"name": {"const": name}, **arguments}, ("name", *needed)), "additionalProperties": False}
            for name, (arguments, needed) in kinds.items()
        ]
    )


def _object(properties: Mapping[str, Schema], required: Sequence[str] | None = None) -> Schema:
    """Return the schema of an object; by default all its properties are required."""
    names = list(properties if required is None else required)
    return {"type": "object", "properties": dict(properties), "required": names}


def _any_of(schemas: Sequence[Schema]) -> Schema:
    return schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)}


def _list_of(items: Schema) -> Schema:
    return {"type": "array", "items": items, "minItems": 1}


_TEXT: Schema = {"type": "string"}
_INTEGER: Schema = {"type": "integer", "minimum": 0}
_NUMBER: Schema = {"type": "number"}
_FRACTION: Schema = {"type": "number", "minimum": 0, "maximum": 1}
_BINS: Schema = {"type": "integer", "minimum": 1, "maximum": MOST_BINS}
_BASE64: Schema = {"type": "string", "contentEncoding": "base64"}
_URL: Schema = {"type": "string", "format": "uri"}
_GREY: Schema = {"type": "integer", "minimum": 0, "maximum": 255}
_PIXEL: Schema = {"type": "array", "items": _GREY, "minItems": 3, "maxItems": 3}
_FORMAT: Schema = {
    "name": "format",
    "in": "query",
    "description": "Absent: the document's own answer",
    "schema": {"const": COCO},
}

_POINT: Schema = {"type": "array", "items": _FRACTION, "minItems": 2, "maxItems": 2}
_TAG = _object({"id": _INTEGER, "name": _TEXT})
_HISTOGRAM = _object(
    {
        "ranges": _list_of(_FRACTION),
        "counts": {"type": "object", "additionalProperties": _list_of(_INTEGER)},
    }
)
_DOUBT = _object(
    {
        "strategy": {"const": "entropy"},
        "score": _FRACTION,
        "threshold": {"type": ["number", "null"]},
        "flagged": {"type": "boolean"},
    }
)
_BLOCKS: Mapping[str, Schema] = {"histogram": _HISTOGRAM, "activeLearning": _DOUBT}
_BOX = _object(
    {
        "annotationId": _INTEGER,
        "bound": {"type": "array", "items": _POINT, "minItems": 4, "maxItems": 4},
        "boundType": {"enum": ["rectangle", "masks"]},
        "confidence": _FRACTION,
        "tag": _TAG,
        "contourType": {"const": "polygon"},
        "contour": _list_of(_POINT),
    },
    ("annotationId", "bound", "boundType", "confidence", "tag"),
)
_CLASS = _object({"confidence": _FRACTION, "tag": _TAG})
_ANSWER_OF_BOXES = _object({"predictions": {"type": "array", "items": _BOX}, **_BLOCKS}, ("predictions",))
_ANSWER_OF_CLASSES = _object({"predictions": {"type": "array", "items": _CLASS}, **_BLOCKS}, ("predictions",))
_COCO = _object(
    {
        "info": {"type": "object"},
        "licenses": {"type": "array"},
        "images": _list_of(
            _object({"id": {"const": IMAGE_ID}, "width": _INTEGER, "height": _INTEGER, "file_name": _TEXT})
        ),
        "categories": {"type": "array", "items": _object({"id": _INTEGER, "name": _TEXT, "supercategory": _TEXT})},
        "annotations": {
            "type": "array",
            "items": _object(
                {
                    "id": _INTEGER,
                    "image_id": {"const": IMAGE_ID},
                    "category_id": _INTEGER,
                    "bbox": {"type": "array", "items": _NUMBER, "minItems": 4, "maxItems": 4},
                    "area": _NUMBER,
                    "segmentation": _list_of(_list_of(_NUMBER)),
                    "iscrowd": {"const": 0},
                    "score": _FRACTION,
                }
            ),
        },
        **_BLOCKS,
    },
    ("info", "licenses", "images", "categories", "annotations"),
)
