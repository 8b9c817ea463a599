"""Masks → outlines: polygons along the edges of a mask's pixels, which opencv follows."""

from __future__ import annotations

import cv2
import numpy as np

from modelport.gateway.tensors import Array

TOLERANCE = 0.75
"""Pixels by which an outline may leave the mask's edge: a slanting edge becomes a line, whose steps are 0.71 high."""

_SQUARE = np.ones((2, 2), np.uint8)


def outline(mask: Array) -> Array:
    """Return the outer contour of the largest part of a mask.

    A pixel is the square from its place to the next, so the outline of a single pixel at (x, y) goes around
    (x, y) … (x + 1, y + 1). Holes are filled.

    Args:
        mask: bool [height, width].

    Returns:
        Vertices (x, y) in the mask's pixels, float64 [n, 2]; none for an empty mask.
    """
    part = _largest_part(mask.astype(np.uint8))
    if part is None:
        return np.empty((0, 2))
    pixels, origin = part
    # A pixel sets its four corners, and the contour goes through the outermost of these.
    corners = cv2.dilate(cv2.copyMakeBorder(pixels, 0, 1, 0, 1, cv2.BORDER_CONSTANT, value=(0,)), _SQUARE)
    contours, _ = cv2.findContours(corners, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    exact = _without_short_cuts(contours[0][:, 0], corners)
    polygon = cv2.approxPolyDP(exact, TOLERANCE, closed=True)[:, 0]
    return (polygon if len(polygon) > 2 else exact).astype(np.float64) + origin


def _without_short_cuts(points: Array, corners: Array) -> Array:
    """Lead each slanting step of a contour [n, 2] around the notch that it cuts off, along the pixels' edges."""
    following = np.roll(points, -1, axis=0)
    across, down = np.stack([following[:, 0], points[:, 1]], axis=1), np.stack([points[:, 0], following[:, 1]], axis=1)
    inner = np.where(corners[across[:, 1], across[:, 0], np.newaxis] > 0, across, down)
    slanting = (points != following).all(axis=1)
    places = np.flatnonzero(slanting) + 1
    return np.insert(points, places, inner[slanting], axis=0)


def _largest_part(mask: Array) -> tuple[Array, Array] | None:
    """Cut the largest connected part out; return it and its place (x, y), or None for an empty mask."""
    x, y, width, height = cv2.boundingRect(mask)
    if not width:
        return None
    # Parts are told apart where there is anything: in a mask of the whole picture that is a small piece of it.
    _, parts, stats, _ = cv2.connectedComponentsWithStats(mask[y : y + height, x : x + width], connectivity=8)
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    left, top, width, height, _ = stats[largest].tolist()
    part = parts[top : top + height, left : left + width] == largest
    return part.astype(np.uint8), np.array([x + left, y + top], np.float64)


def object_outline(mask: Array, box: Array, size: tuple[int, int], threshold: float) -> Array:
    """Return the outline of an object in pixels of the model's input, float64 [n, 2]; none for an empty mask.

    Args:
        mask: the model's values [height, width], of the whole input where it has the input's size, else of the box.
        box: corners of the object in pixels of the input.
        size: the input's width and height.
        threshold: value from which a pixel belongs to the object.
    """
    if mask.shape == (size[1], size[0]):
        return outline(mask >= threshold)
    origin, extent = box[:2], box[2:] - box[:2]
    # Smoothed to about the input's resolution, for a coarse mask would give an outline of steps.
    drawn = np.clip(np.ceil(extent), mask.shape[::-1], np.maximum(size, mask.shape[::-1])).astype(int)
    fine = cv2.resize(mask.astype(np.float32), (int(drawn[0]), int(drawn[1])), interpolation=cv2.INTER_LINEAR)
    return np.asarray(outline(fine >= threshold) / drawn * extent + origin)
