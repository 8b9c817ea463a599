"""A picture to the tensor that `spec.io.inputs[].image` describes: colour, then size, then values, then layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from modelport.api.io import ImageInput
from modelport.api.limits import Limits
from modelport.gateway.codecs.images import FACTORS, Picture, Size
from modelport.gateway.errors import BadRequest, InternalError
from modelport.gateway.preprocess.placement import Placement, place
from modelport.gateway.tensors import ANY, DTYPES, Array, TensorSpec

LEAST_GAP: Final = 1.5
"""A JPEG is decoded smaller as long as it stays this many times larger than the model's picture in both directions."""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A picture as the model takes it."""

    array: Array
    """Of the tensor's dtype and rank; its batch, where there is one, is 1."""
    placement: Placement
    """The way from the model's pixels back to the picture."""


def prepare_picture(
    picture: Picture, spec: ImageInput, tensor: TensorSpec, path: str, *, elements: int = Limits().tensor_elements
) -> Prepared:
    """Make the model's tensor of a picture.

    Args:
        picture: as the caller sent it.
        spec: what the tensor means.
        tensor: what the model says of it. Its rank may lack the batch, and for grey the channel.
        path: of the picture in the request, for messages.
        elements: the most elements of the tensor, for models that take any size.

    Raises:
        BadRequest: the picture has another size than an Exact model takes, or makes too large a tensor.
        InternalError: spec and model contradict each other.
    """
    axes = _axes(spec, tensor)
    size = _model_size(spec, tensor, axes) or picture.size
    if spec.resize == "Exact" and picture.size != size:
        raise BadRequest(
            f"{path}: expected a picture of {_words(size)} pixels, got {_words(picture.size)}; "
            "resize Stretch, Letterbox or CenterCrop in the model's spec would take it"
        )
    table = _value_table(spec.scale, spec.mean, spec.std, tensor.dtype)
    if size[0] * size[1] * _channels(spec) > elements:
        raise BadRequest(f"{path}: a picture of {_words(size)} pixels makes a tensor of more than {elements} elements")
    placement = place(picture.size, size, spec.resize)
    pixels = _render(picture, placement, size, spec)
    return Prepared(_arrange(pixels, table, spec, axes), placement)


def model_size(spec: ImageInput, tensor: TensorSpec) -> Size | None:
    """Return the width and height that the model takes, None where it takes any; raise InternalError likewise."""
    return _model_size(spec, tensor, _axes(spec, tensor))


def reduction(spec: ImageInput, tensor: TensorSpec) -> Callable[[Size], int]:
    """Return how many times smaller a JPEG may be decoded for the model, by the size of the upright picture.

    The scaling that follows has to make the rest at least `LEAST_GAP` times smaller in both directions.

    Raises:
        InternalError: spec and model contradict each other.
    """
    wanted = model_size(spec, tensor)

    def factor(size: Size) -> int:
        if wanted is None or not spec.reduce_jpeg:
            return 1
        placement = place(size, wanted, spec.resize)
        source, target = placement.source, placement.target
        gap = min(source.width / target.width, source.height / target.height)
        return next((factor for factor in FACTORS if gap >= LEAST_GAP * factor), 1)

    return factor


def _axes(spec: ImageInput, tensor: TensorSpec) -> str:
    """Return the meaning of the tensor's dimensions, such as NCHW or, without a batch, CHW."""
    candidates = [spec.layout, spec.layout[1:]]
    if spec.color == "Gray":
        candidates += ["NHW", "HW"]
    fixed = {"N": (1, ANY), "C": (_channels(spec), ANY)}
    for axes in candidates:
        if len(axes) == len(tensor.shape) and all(
            dim in fixed.get(axis, (dim,)) for axis, dim in zip(axes, tensor.shape, strict=True)
        ):
            return axes
    raise InternalError(
        f"spec.io: input {tensor.name} is a picture in {spec.color} and {spec.layout}, "
        f"which does not fit the model's shape {list(tensor.shape)}"
    )


def _model_size(spec: ImageInput, tensor: TensorSpec, axes: str) -> Size | None:
    """Return the width and height that the model takes; None where it takes any."""
    width, height = tensor.shape[axes.index("W")], tensor.shape[axes.index("H")]
    if spec.width is None or spec.height is None:
        return None if ANY in (width, height) else (width, height)
    if width not in (spec.width, ANY) or height not in (spec.height, ANY):
        raise InternalError(
            f"spec.io: input {tensor.name} is a picture of {_words((spec.width, spec.height))} pixels, "
            f"which does not fit the model's shape {list(tensor.shape)}"
        )
    return spec.width, spec.height


def _render(picture: Picture, placement: Placement, size: Size, spec: ImageInput) -> NDArray[np.uint8]:
    """Draw the model's picture: uint8, height x width x channels in the spec's order.

    Grey is made before scaling. Bilinear scaling widens its filter where it makes smaller, so nothing is skipped.
    """
    image, target = picture.image, placement.target
    if image.mode != _MODES[spec.color]:
        image = image.convert(_MODES[spec.color])
    box = picture.to_image(placement.source.corners)
    scaled = image.resize((int(target.width), int(target.height)), Image.Resampling.BILINEAR, box=box)
    if scaled.size != size:
        canvas = Image.new(scaled.mode, size, (spec.pad_color,) * _channels(spec))
        canvas.paste(scaled, (int(target.left), int(target.top)))
        scaled = canvas
    pixels = np.asarray(scaled).reshape(size[1], size[0], -1)
    return pixels[..., ::-1] if spec.color == "BGR" else pixels


@lru_cache(maxsize=256)
def _value_table(scale: float, mean: tuple[float, ...], std: tuple[float, ...], dtype: str) -> Array:
    """Compute (x * scale - mean) / std of 0 to 255 once, in double precision: [channels, 256], [1, 256] if all agree.

    Rounded once, to the model's dtype; integers to the nearest and into their range.
    """
    into = DTYPES[dtype]
    if into.kind in "bO":
        raise InternalError(f"spec.io: a picture cannot be a tensor of {dtype}")
    values = (np.arange(256) * scale - _column(mean, 0.0)) / _column(std, 1.0)
    if into.kind in "iu":
        limits = np.iinfo(into)
        values = np.clip(np.rint(values), limits.min, limits.max)
    with np.errstate(over="ignore"):
        return values.astype(into)


def _column(values: tuple[float, ...], default: float) -> NDArray[np.float64]:
    """Return [channels, 1], or [1, 1] where one value is for all of them."""
    return np.array(values or (default,), np.float64)[:, np.newaxis]


def _arrange(pixels: NDArray[np.uint8], table: Array, spec: ImageInput, axes: str) -> Array:
    """Look the pixels' values up and bring them into the model's order of dimensions."""
    height, width, channels = pixels.shape
    axis = 0 if spec.layout == "NCHW" else -1
    array = _look_up(np.ascontiguousarray(np.moveaxis(pixels, -1, axis)), table, axis)
    sizes = {"N": 1, "C": channels, "H": height, "W": width}
    return array.reshape([sizes[axis] for axis in axes])


def _look_up(pixels: NDArray[np.uint8], table: Array, axis: int) -> Array:
    """Return each pixel's value; `axis` holds the channels.

    `take` with clipping is numpy's fastest way: it converts no index, and no index of 8 bits is out of bounds.
    """
    if len(table) > 1:
        planes = zip(table, np.moveaxis(pixels, axis, 0), strict=True)
        return np.stack([values.take(plane, mode="clip") for values, plane in planes], axis)
    if table.dtype == np.uint8 and (table[0] == _AS_THEY_ARE).all():
        return pixels
    looked_up: Array = table[0].take(pixels, mode="clip")
    return looked_up


def _channels(spec: ImageInput) -> int:
    return len(_MODES[spec.color])


def _words(size: Size) -> str:
    return f"{size[0]} x {size[1]}"


_AS_THEY_ARE: Final = np.arange(256)
_MODES: Final[Mapping[str, str]] = {"RGB": "RGB", "BGR": "RGB", "Gray": "L"}
"""Pillow's mode, one letter for each channel; its L is grey by ITU-R 601."""
