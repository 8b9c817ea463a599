"""Boxes: float arrays [n, 4], in the order that a model gives them or as corners (xmin, ymin, xmax, ymax)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from modelport.api.io import BoxFormat
from modelport.gateway.tensors import Array


def to_corners(boxes: Array, box_format: BoxFormat) -> Array:
    """Return boxes of any format as corners, in the same unit; [n, 4] float64."""
    return np.stack(_CORNERS[box_format](*boxes.astype(np.float64).T), axis=1)


_CORNERS: Mapping[str, Callable[[Array, Array, Array, Array], tuple[Array, ...]]] = {
    "xyxy": lambda x0, y0, x1, y1: (x0, y0, x1, y1),
    "yxyx": lambda y0, x0, y1, x1: (x0, y0, x1, y1),
    "xywh": lambda x, y, w, h: (x, y, x + w, y + h),
    "cxcywh": lambda x, y, w, h: (x - w / 2, y - h / 2, x + w / 2, y + h / 2),
}


def area(boxes: Array) -> Array:
    """Return the areas of corners [..., 4]; 0 where a corner is on the wrong side."""
    sides = np.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    return np.asarray(sides[..., 0] * sides[..., 1])


def overlap(box: Array, boxes: Array) -> Array:
    """Return intersection over union of corners [4] with each of [n, 4]; 0 where both have no area.

    Stretching an axis changes nothing, so pixels and fractions give the same.
    """
    shared = area(np.concatenate([np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])], axis=1))
    union = area(box) + area(boxes) - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(union), where=union > 0))
