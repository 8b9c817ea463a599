"""Which part of a picture lies where in the model's picture, and the way back for what the model found there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from modelport.api.io import ResizePolicy
from modelport.gateway.codecs.images import Corners, Size
from modelport.gateway.tensors import Array


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels, its origin at the upper left corner of the picture."""

    left: float
    top: float
    width: float
    height: float

    @classmethod
    def whole(cls, size: Size) -> Box:
        """The rectangle of a whole picture."""
        return cls(0, 0, *size)

    @property
    def corners(self) -> Corners:
        """Left, top, right and bottom."""
        return self.left, self.top, self.left + self.width, self.top + self.height


@dataclass(frozen=True, slots=True)
class Placement:
    """The rectangle `source` of the original lies, scaled, in the rectangle `target` of the model's picture."""

    size: Size
    """Of the upright original."""
    source: Box
    """In pixels of the original, not always whole ones."""
    target: Box
    """In whole pixels of the model's picture."""

    def to_original(self, xy: Array) -> NDArray[np.float64]:
        """Turn points in pixels of the model's picture into fractions of the original.

        Points in a border that Letterbox added come out below 0 or above 1.

        Args:
            xy: any shape that ends in 2, x before y; any kind of number.
        """
        source, target = self.source, self.target
        inside = (np.asarray(xy, np.float64) - (target.left, target.top)) / (target.width, target.height)
        return (inside * (source.width, source.height) + (source.left, source.top)) / self.size


def place(size: Size, model_size: Size, policy: ResizePolicy) -> Placement:
    """Lay a picture of `size` into one of `model_size`; with Exact both are the same."""
    return _POLICIES[policy](size, model_size)


def _stretch(size: Size, model_size: Size) -> Placement:
    return Placement(size, Box.whole(size), Box.whole(model_size))


def _letterbox(size: Size, model_size: Size) -> Placement:
    """The largest rectangle of the picture's proportions, in whole pixels and at least one, centred."""
    scale = min(model_size[0] / size[0], model_size[1] / size[1])
    width, height = (max(1, round(side * scale)) for side in size)
    return Placement(
        size, Box.whole(size), Box((model_size[0] - width) // 2, (model_size[1] - height) // 2, width, height)
    )


def _center_crop(size: Size, model_size: Size) -> Placement:
    """The largest rectangle of the model's proportions in the middle of the picture."""
    (width, height), (model_width, model_height) = size, model_size
    if width * model_height > height * model_width:
        part: tuple[float, float] = (height * model_width / model_height, height)
    else:
        part = (width, width * model_height / model_width)
    return Placement(size, Box((width - part[0]) / 2, (height - part[1]) / 2, *part), Box.whole(model_size))


_POLICIES: Final[Mapping[ResizePolicy, Callable[[Size, Size], Placement]]] = {
    "Exact": _stretch,
    "Stretch": _stretch,
    "Letterbox": _letterbox,
    "CenterCrop": _center_crop,
}
