"""What a detector gave for one picture → the boxes that count, by `spec.io.detection`.

Two kinds of models: those that give final boxes in several outputs, as SSD and Mask R-CNN do, and raw YOLO heads, one
output with many overlapping candidates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from modelport.api.io import Detection, DetectionOutputs, Yolo
from modelport.gateway.errors import InternalError
from modelport.gateway.tasks.boxes import to_corners
from modelport.gateway.tasks.outputs import misfit, numbers
from modelport.gateway.tasks.suppression import suppress
from modelport.gateway.tensors import Array

IOU_THRESHOLD = 0.5
"""Of raw heads, unless the spec says otherwise."""
RAW_CANDIDATES = 10_000
"""The best boxes of a raw head that are looked at; with a threshold of 0 it would be every anchor."""
RAW_KEPT = 1_000
"""The best boxes of a raw head that are returned."""

_FARTHEST = 1e9
"""Pixels or fractions from which a model's number is as good as infinite; its square still is a number."""

_FIELD = "spec.io.detection"


@dataclass(frozen=True, slots=True)
class Detections:
    """What was found in one picture, the most confident first."""

    boxes: Array
    """Corners in pixels of the model's input, float64 [n, 4]."""
    scores: Array
    """0 to 1, in the float type that the model gave them in, [n]."""
    classes: Array
    """Places in the labels, int64 [n]."""
    masks: Array | None = None
    """The model's masks, [n, height, width], each of the input's size or of its box."""

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, places: Array) -> Detections:
        """Return those at `places`, indexes or bools, in that order."""
        masks = None if self.masks is None else self.masks[places]
        return Detections(self.boxes[places], self.scores[places], self.classes[places], masks)


def wanted_outputs(detection: Detection) -> tuple[str, ...]:
    """Return the names of the outputs that are read, so that Triton is asked for no others."""
    names = [detection.yolo.output] if detection.yolo is not None else []
    if detection.outputs is not None:
        names += [name for name in detection.outputs.model_dump().values() if name is not None]
    return tuple(dict.fromkeys(names))


def read_detections(outputs: Mapping[str, Array], detection: Detection, size: tuple[int, int]) -> Detections:
    """Return what a model found in one picture.

    Left out are boxes below the score threshold, of a class below the first one (the background), beyond the count,
    without an area, or with a number that is not finite.

    Args:
        outputs: by name; dimensions of size 1 around their own are ignored.
        detection: the spec's.
        size: width and height of the model's input in pixels, to which fractions refer.

    Raises:
        InternalError: the outputs are not what the spec says of them.
    """
    with np.errstate(invalid="ignore", over="ignore"):  # a model may give anything; what is no number is left out
        found = _corners(_read(outputs, detection), detection, size)
        found = found.take(_counts(found, detection.score_threshold))
    found = found.take(np.argsort(-found.scores, kind="stable"))
    if detection.yolo is None:
        return found
    found = found.take(np.arange(min(len(found), RAW_CANDIDATES)))
    threshold = IOU_THRESHOLD if detection.iou_threshold is None else detection.iou_threshold
    return found.take(suppress(found.boxes, found.scores, found.classes, threshold, keep=RAW_KEPT))


def _read(outputs: Mapping[str, Array], detection: Detection) -> Detections:
    """Read boxes in the model's own format and unit, with its own class numbers."""
    if detection.yolo is not None:
        return _read_yolo(outputs, detection.yolo)
    if detection.outputs is not None:
        return _read_final(outputs, detection.outputs, detection.class_offset)
    raise InternalError(f"{_FIELD}: expected outputs or yolo, got neither")


def _corners(found: Detections, detection: Detection, size: tuple[int, int]) -> Detections:
    """Return the same as corners in pixels of the model's input, and places in the labels."""
    numbered = np.clip(found.boxes.astype(np.float64), -_FARTHEST, _FARTHEST)
    boxes = to_corners(numbered, "cxcywh" if detection.yolo is not None else detection.box_format)
    if detection.box_units == "Fractions":
        boxes *= np.tile(np.asarray(size, np.float64), 2)
    return Detections(boxes, found.scores, found.classes - detection.class_offset, found.masks)


def _counts(found: Detections, threshold: float) -> Array:
    """Tell which predictions count, bool [n]."""
    boxes = found.boxes
    sure = (found.scores >= threshold) & np.isfinite(found.scores) & (found.classes >= 0)
    return np.asarray(sure & np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > boxes[:, :2]).all(axis=1))


def _read_final(outputs: Mapping[str, Array], names: DetectionOutputs, offset: int) -> Detections:
    """Read final boxes, as SSD and Mask R-CNN give them."""
    field = f"{_FIELD}.outputs"
    boxes = numbers(outputs, names.boxes, f"{field}.boxes")
    if boxes.ndim < 2 or boxes.shape[-1] != 4:
        raise misfit(f"{field}.boxes", "shape [boxes, 4]", boxes)
    boxes = boxes.reshape(-1, 4)
    if not len(boxes):
        return Detections(boxes, np.empty(0, np.float32), np.empty(0, np.int64))
    scores = numbers(outputs, names.scores, f"{field}.scores")
    if names.classes is None:
        scores, classes = _best_class(_rows(scores, len(boxes), f"{field}.scores"), offset)
    else:
        scores = _column(scores, len(boxes), f"{field}.scores")
        classes = _column(numbers(outputs, names.classes, f"{field}.classes"), len(boxes), f"{field}.classes")
    masks = None
    if names.masks is not None:
        masks = _masks(numbers(outputs, names.masks, f"{field}.masks"), len(boxes), f"{field}.masks")
    found = Detections(boxes, _as_floats(scores), _as_places(classes), masks)
    if names.count is None:
        return found
    count = _column(numbers(outputs, names.count, f"{field}.count"), 1, f"{field}.count")
    return found.take(np.arange(min(len(found), max(0, int(_as_places(count)[0])))))


def _read_yolo(outputs: Mapping[str, Array], yolo: Yolo) -> Detections:
    """Read a raw head. V5: [anchors, 5 + classes], boxes, objectness, classes; V8: [4 + classes, anchors]."""
    field = f"{_FIELD}.yolo.output"
    raw = numbers(outputs, yolo.output, field)
    layout = "[anchors, 5 + classes]" if yolo.layout == "V5" else "[4 + classes, anchors]"
    while raw.ndim > 2 and raw.shape[0] == 1:
        raw = raw[0]
    if raw.ndim == 2 and yolo.layout == "V8":
        raw = raw.T
    if raw.ndim != 2 or raw.shape[1] < 5:
        raise misfit(field, f"shape {layout} for {yolo.layout}", outputs[yolo.output])
    raw = _as_floats(raw)
    if yolo.layout == "V8":
        return Detections(raw[:, :4], *_best_class(raw[:, 4:], 0))
    if raw.shape[1] == 5:  # one class, of which the objectness says all
        return Detections(raw[:, :4], raw[:, 4], np.zeros(len(raw), np.int64))
    scores, classes = _best_class(raw[:, 5:], 0)
    return Detections(raw[:, :4], raw[:, 4] * scores, classes)


def _best_class(scores: Array, offset: int) -> tuple[Array, Array]:
    """Return the best score of each row and its column, not counting the first `offset` columns, the background."""
    if scores.shape[1] <= offset:
        raise misfit(f"{_FIELD}.classOffset", f"more than {offset} columns of scores", scores)
    best = scores[:, offset:].argmax(axis=1)
    return np.take_along_axis(scores, best[:, np.newaxis] + offset, axis=1)[:, 0], best + offset


def _rows(array: Array, count: int, field: str) -> Array:
    """Return [count, columns] of an array with dimensions of size 1 around; a single column needs no dimension."""
    columns = 1 if array.size == count or not array.ndim else array.shape[-1]
    if array.size != count * columns:
        raise misfit(field, f"shape [{count}, classes] beside {count} boxes", array)
    return array.reshape(count, columns)


def _column(array: Array, count: int, field: str) -> Array:
    """Return [count] of an array with dimensions of size 1 around."""
    if array.size != count:
        raise misfit(field, f"{count} numbers", array)
    return array.reshape(count)


def _masks(array: Array, count: int, field: str) -> Array:
    """Return [count, height, width] of an array with dimensions of size 1 around the count."""
    height, width = array.shape[-2:] if array.ndim > 2 else (0, 0)
    if not height * width or array.size != count * height * width:
        raise misfit(field, f"shape [{count}, height, width] beside {count} boxes", array)
    return array.reshape(count, height, width)


def _as_floats(array: Array) -> Array:
    return array if array.dtype.kind == "f" else array.astype(np.float32)


def _as_places(array: Array) -> Array:
    """Return the nearest integers, -1 for what is none; models give class numbers and counts as floats, too."""
    if array.dtype.kind != "f":
        return array.astype(np.int64)
    held = np.isfinite(array) & (np.abs(array) < 2**31)
    return np.rint(np.where(held, array, -1)).astype(np.int64)
