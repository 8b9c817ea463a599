"""Predictions as a COCO annotation document, for `?format=coco`.

Pixels of the original picture, to two decimals. An annotation's `id` counts from 1, since COCO's own tools take 0 for
"no annotation".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from modelport.gateway.formats.nexus.answer import Answer
from modelport.gateway.tasks.predictions import Prediction, class_name

IMAGE_ID = 1
_DECIMALS = 2


def build_coco(answer: Answer, labels: Sequence[str], original: tuple[int, int]) -> dict[str, Any]:
    """Return the answer as COCO's JSON values; what routines added stands beside.

    Args:
        answer: with boxes.
        labels: of the model; all of them are categories, and so are classes beyond them that were seen.
        original: the picture's width and height in pixels.
    """
    width, height = original
    seen = {each.label for each in answer.predictions}
    return {
        "info": {},
        "licenses": [],
        "images": [{"id": IMAGE_ID, "width": width, "height": height, "file_name": ""}],
        "categories": [
            {"id": label, "name": class_name(label, labels), "supercategory": ""}
            for label in sorted({*range(len(labels)), *seen})
        ],
        "annotations": [_annotation(i, each, original) for i, each in enumerate(answer.predictions, start=1)],
        **answer.blocks,
    }


def _annotation(number: int, prediction: Prediction, original: tuple[int, int]) -> dict[str, Any]:
    x0, y0, x1, y1 = prediction.box or (0.0, 0.0, 1.0, 1.0)
    outline = prediction.contour or ((x0, y0), (x0, y1), (x1, y1), (x1, y0))
    points = np.asarray(outline) * original
    (left, top), (right, bottom) = np.array([(x0, y0), (x1, y1)]) * original
    return {
        "id": number,
        "image_id": IMAGE_ID,
        "category_id": prediction.label,
        "bbox": [round(float(each), _DECIMALS) for each in (left, top, right - left, bottom - top)],
        "area": round(_area(points), _DECIMALS),
        "segmentation": [points.round(_DECIMALS).reshape(-1).tolist()],
        "iscrowd": 0,
        "score": prediction.confidence,
    }


def _area(points: np.ndarray[Any, Any]) -> float:
    """Return the area of a polygon [n, 2] by the shoelace formula."""
    x, y = points.T
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2
