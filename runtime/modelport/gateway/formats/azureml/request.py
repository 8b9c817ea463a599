"""A request's pictures, each with parameters of its own, as the rows of one batch.

The document: `score_image_list_with_http`, whose body is a list of `{"image_in_base64": …, "parameters": {…}}`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelport.api.io import ImageInput
from modelport.gateway.codecs import base64
from modelport.gateway.codecs import json as codec
from modelport.gateway.codecs.images import Picture, Size, decode_image
from modelport.gateway.codecs.shapes import show_shape
from modelport.gateway.codecs.words import describe, item, member, one_of
from modelport.gateway.errors import BadRequest
from modelport.gateway.formats.base import Model
from modelport.gateway.formats.pictures import picture_input
from modelport.gateway.preprocess import prepare_picture, reduction
from modelport.gateway.tasks.classification import scores_output
from modelport.gateway.tensors import DTYPES, Array, InferRequest, TensorSpec

PICTURE = "image_in_base64"
PARAMETERS = "parameters"
SOFTMAX = ("add_softmax", "ADD_SOFTMAX")
"""The parameter by its value and by the name of the client's constant."""
RESIZE = "image_resize_dims"
KNOWN = (*SOFTMAX, RESIZE)
LONGEST_SIDE = 16384
"""Pixels to which a side may be resized, as in `spec.io.inputs[].image`."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a caller may ask for a picture."""

    softmax: bool = False
    """The scores through softmax."""
    resize: tuple[int, int] | None = None
    """Width and height to which the picture is stretched before the model's own preprocessing."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What `encode` needs to know of the request."""

    output: str
    """The output that holds the scores."""
    softmax: tuple[bool, ...]
    """For each picture."""


def decode_pictures(body: bytes, model: Model) -> InferRequest:
    """Read the body: a list of pictures, or one picture; raise BadRequest with the path.

    An empty list is a request without rows, which needs no model to be answered.
    """
    limits = model.spec.limits
    entries = _entries(codec.loads(body, constants=False, depth=limits.depth))
    if not model.meta.max_batch_size and len(entries) != 1:
        raise BadRequest(f"body: the model takes one picture at a time, got {len(entries)}")
    tensor, image = picture_input(model)
    output, factor = scores_output(model.meta), reduction(image, tensor)
    rows, softmax = [], []
    for path, entry in entries.items():
        place = member(path, PICTURE)
        picture, parameters = _read_entry(entry, path, image, limits.pixels, factor)
        rows.append(prepare_picture(picture, image, tensor, place, elements=limits.tensor_elements).array)
        softmax.append(parameters.softmax)
        _check_rows(rows, place, len(entries), limits.tensor_elements)
    array = np.concatenate(rows) if rows else _no_rows(tensor)
    return InferRequest({tensor.name: array}, outputs=(output,), note=Asked(output, tuple(softmax)))


def _entries(asked: Any) -> Mapping[str, Any]:
    """Return the pictures' objects by their path."""
    match asked:
        case dict():
            return {"": asked}
        case list():
            return {item("", index): entry for index, entry in enumerate(asked)}
        case _:
            raise BadRequest(f"body: expected a list of objects, got {describe(asked)}")


def _read_entry(
    entry: Any, path: str, image: ImageInput, pixels: int, factor: Callable[[Size], int]
) -> tuple[Picture, Parameters]:
    if not isinstance(entry, dict):
        raise BadRequest(f"{path}: expected an object, got {describe(entry)}")
    text, place = entry.get(PICTURE), member(path, PICTURE)
    if not isinstance(text, str):
        raise BadRequest(f"{place}: expected a picture in base64, got {describe(text)}")
    parameters = _read_parameters(entry.get(PARAMETERS), member(path, PARAMETERS), pixels)
    data, frame = base64.decode(text, place), image.frame
    if parameters.resize is None:
        return decode_image(data, place, pixels=pixels, frame=frame, factor=factor), parameters
    return decode_image(data, place, pixels=pixels, frame=frame).stretched(parameters.resize), parameters


def _read_parameters(value: Any, path: str, pixels: int) -> Parameters:
    if value is None:
        return Parameters()
    if not isinstance(value, dict):
        raise BadRequest(f"{path}: expected an object, got {describe(value)}")
    for name in value:
        if name not in KNOWN:
            raise BadRequest(f"{member(path, name)}: no such parameter, there are {one_of(KNOWN)}")
    return Parameters(_read_softmax(value, path), _read_resize(value.get(RESIZE), member(path, RESIZE), pixels))


def _read_softmax(parameters: Mapping[str, Any], path: str) -> bool:
    given = [name for name in SOFTMAX if name in parameters]
    if len(given) > 1:
        raise BadRequest(f"{path}: {' and '.join(SOFTMAX)} are the same parameter, give one of them")
    for name in given:
        if not isinstance(parameters[name], bool):
            raise BadRequest(f"{member(path, name)}: expected true or false, got {describe(parameters[name])}")
    return any(parameters[name] for name in given)


def _read_resize(value: Any, path: str, pixels: int) -> tuple[int, int] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2:
        length = f" of {len(value)}" if isinstance(value, list) else ""
        raise BadRequest(f"{path}: expected a list of width and height, got {describe(value)}{length}")
    for index, side in enumerate(value):
        if type(side) is not int or not 1 <= side <= LONGEST_SIDE:
            raise BadRequest(f"{item(path, index)}: expected pixels from 1 to {LONGEST_SIDE}, got {describe(side)}")
    width, height = value
    if width * height > pixels:
        raise BadRequest(f"{path}: a picture of {width} x {height} pixels, more than {pixels} in all")
    return width, height


def _check_rows(rows: list[Array], path: str, expected: int, elements: int) -> None:
    """Raise BadRequest unless the last row has the first one's shape, and as many as expected make no huge tensor."""
    first, last = rows[0].shape[1:], rows[-1].shape[1:]
    if last != first:
        raise BadRequest(f"{path}: expected a tensor of shape {show_shape(first)} as of [0], got {show_shape(last)}")
    if rows[-1].size * expected > elements:
        raise BadRequest(f"body: {expected} pictures make a tensor of more than {elements} elements")


def _no_rows(tensor: TensorSpec) -> Array:
    return np.empty((0, *(max(size, 0) for size in tensor.shape[1:])), DTYPES[tensor.dtype])
