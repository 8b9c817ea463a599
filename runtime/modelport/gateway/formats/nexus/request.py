"""A request's body → the picture as the model takes it, and what is asked for beside the predictions.

The document: "API Request Process" and "Additional Ingress/Egress Routines for API Requests".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelport.api.io import ImageInput
from modelport.gateway.codecs import base64
from modelport.gateway.codecs.arrays import parse_array
from modelport.gateway.codecs.images import Picture, decode_image
from modelport.gateway.codecs.json import loads
from modelport.gateway.codecs.number_list import is_list
from modelport.gateway.codecs.shapes import show_shape
from modelport.gateway.codecs.words import describe, item, one_of, quote
from modelport.gateway.errors import BadRequest
from modelport.gateway.formats.base import Call, Model
from modelport.gateway.formats.nexus.routines import Routine, parse_routines
from modelport.gateway.formats.pictures import picture_input
from modelport.gateway.preprocess import Placement, prepare_picture, reduction
from modelport.gateway.tasks.classification import scores_output
from modelport.gateway.tasks.detection import wanted_outputs
from modelport.gateway.tensors import Array, InferRequest

COCO = "coco"
DATA = "data"
KIND = "image_type"
URL = "url"

_ARRAY_RANK = 3
_URL_WRITTEN = (b'"url"', b"\\u")
"""A body without these nowhere says `url` in JSON, escaped or not; so those that hold a picture are not read twice."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What `encode` needs to know of the request."""

    original: tuple[int, int]
    """Width and height of the picture, upright."""
    size: tuple[int, int]
    """Width and height of the model's input."""
    placement: Placement
    routines: tuple[Routine, ...]
    coco: bool
    sent: bytes | Picture
    """The picture as it was sent: a file, or pixels."""


def decode_predict(call: Call, model: Model) -> InferRequest:
    """Read a request; raise BadRequest with the path."""
    coco = _wants_coco(call, model)
    body = _read_body(call, model)
    routines = parse_routines(body.get("routines"), model)
    tensor, image = picture_input(model)
    sent = _sent(body, call, model)
    if isinstance(sent, Picture):
        picture = sent
    else:
        factor = reduction(image, tensor)
        picture = decode_image(sent, DATA, pixels=model.spec.limits.pixels, frame=image.frame, factor=factor)
    prepared = prepare_picture(picture, image, tensor, DATA, elements=model.spec.limits.tensor_elements)
    detection = model.spec.io.detection
    return InferRequest(
        {tensor.name: prepared.array},
        outputs=(scores_output(model.meta),) if detection is None else wanted_outputs(detection),
        note=Asked(picture.size, _model_size(prepared.array, image), prepared.placement, routines, coco, sent),
    )


def find_urls(call: Call, model: Model) -> Sequence[tuple[str, str]]:
    """Return the path and the URL of the picture, if the body names one by URL."""
    if not any(written in call.body for written in _URL_WRITTEN):
        return ()
    body = _read_body(call, model)
    data = body.get(DATA)
    return ((DATA, data),) if body.get(KIND) == URL and isinstance(data, str) else ()


def _read_body(call: Call, model: Model) -> Mapping[str, Any]:
    depth = model.spec.limits.depth + _ARRAY_RANK
    body = loads(call.body, constants=False, depth=depth, number_lists=True)
    if not isinstance(body, dict):
        raise BadRequest(f"body: expected a JSON object, got {describe(body)}")
    return body


def _model_size(array: Array, image: ImageInput) -> tuple[int, int]:
    """Return the width and height of a prepared picture, whose grey may have no dimension for its channel."""
    channels_last = image.layout == "NHWC" and array.shape[-1] == (1 if image.color == "Gray" else 3)
    height, width = array.shape[-3:-1] if channels_last else array.shape[-2:]
    return width, height


def _wants_coco(call: Call, model: Model) -> bool:
    wanted = call.query.get("format")
    if wanted is None:
        return False
    if wanted != COCO:
        raise BadRequest(f"query format: expected {COCO!r} or none, got {quote(wanted)}")
    if model.spec.io.detection is None:
        raise BadRequest(
            "query format: 'coco' holds boxes and masks, and this model names the class of a whole picture"
        )
    return True


def _sent(body: Mapping[str, Any], call: Call, model: Model) -> bytes | Picture:
    """Return the picture's file, not decoded yet, or the pixels that the body holds."""
    kind = body.get(KIND)
    read = _READERS.get(kind) if isinstance(kind, str) else None
    if read is None:
        got = describe(kind) if KIND in body else "none"
        raise BadRequest(f"{KIND}: expected {one_of(tuple(_READERS))}, got {got}")
    if DATA not in body:
        raise BadRequest(f"{DATA}: the picture is missing")
    return read(body[DATA], call, model)


def _from_url(data: Any, call: Call, model: Model) -> bytes:
    if model.spec.access.image_urls is None:
        raise BadRequest(f"{KIND}: this model does not allow pictures by URL (spec.access.imageUrls)")
    if not isinstance(data, str):
        raise BadRequest(f"{DATA}: expected a string, the picture's URL, got {describe(data)}")
    return call.fetched[DATA]


def _from_base64(data: Any, _call: Call, _model: Model) -> bytes:
    if not isinstance(data, str):
        raise BadRequest(f"{DATA}: expected a string, the picture in base64, got {describe(data)}")
    return base64.decode(data, DATA)


def _from_array(data: Any, _call: Call, model: Model) -> Picture:
    """Read [height, width] or [height, width, 3] of whole numbers 0 to 255, which may be written 255.0."""
    if not is_list(data):
        raise BadRequest(f"{DATA}: expected the picture as nested lists, got {describe(data)}")
    pixels = model.spec.limits.pixels
    values = parse_array(data, "FP64", DATA, elements=min(model.spec.limits.tensor_elements, 3 * pixels))
    if values.ndim not in (2, 3) or values.shape[2:] not in ((), (3,)) or not values.size:
        got = show_shape(values.shape)
        raise BadRequest(f"{DATA}: expected shape [height, width, 3] or [height, width], got {got}")
    height, width = values.shape[:2]
    if height * width > pixels:
        raise BadRequest(f"{DATA}: expected at most {pixels} pixels (spec.limits.pixels), got {width} x {height}")
    wrong = np.argwhere((values < 0) | (values > 255) | (values != np.rint(values)))
    if len(wrong):
        place = item(DATA, *wrong[0].tolist())
        raise BadRequest(f"{place}: expected a whole number from 0 to 255, got {values[tuple(wrong[0])]}")
    return Picture.from_array(values.astype(np.uint8))


_READERS: Mapping[str, Callable[[Any, Call, Model], bytes | Picture]] = {
    URL: _from_url,
    "base64": _from_base64,
    "base_64": _from_base64,  # as the document's stress test writes it
    "array": _from_array,
}
