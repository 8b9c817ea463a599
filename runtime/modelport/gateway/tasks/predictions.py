"""What is said of a picture: classes with a confidence, and where in the original picture they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from modelport.gateway.codecs.json import loads
from modelport.gateway.codecs.numbers import array_to_json
from modelport.gateway.tasks.detection import Detections
from modelport.gateway.tensors import Array

DECIMALS = 6
"""Of a coordinate: a hundredth of a pixel in a picture 10,000 pixels wide."""

ToOriginal = Callable[[Array], Array]
"""Points [..., 2] in pixels of the model's input → fractions of the original picture: `preprocess.Placement`'s."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """One class seen in a picture."""

    label: int
    """Place in the model's labels; it may lie beyond them."""
    confidence: float
    """0 to 1."""
    box: tuple[float, float, float, float] | None = None
    """Corners (xmin, ymin, xmax, ymax) as fractions of the original picture; None for a class of the whole picture."""
    contour: tuple[tuple[float, float], ...] | None = None
    """Outline of the object in the same fractions; None where the model gives no masks."""


def class_name(label: int, labels: Sequence[str]) -> str:
    """Return the name of a class; one beyond the labels is named by its number."""
    return labels[label] if label < len(labels) else str(label)


def decimals(values: Array) -> list[float]:
    """Return the shortest decimals that read back as these floats of their own type: 0.9, not 0.8999999761581421.

    Callers compare what they were told, and a confidence of 0.9 must pass a filter of 0.9.
    """
    shortest: list[float] = loads(array_to_json(values, constants=False), constants=False)
    return shortest


def best_class(chances: Array) -> Prediction:
    """Return the likeliest class of a picture, from the probabilities of all [classes]."""
    best = int(chances.argmax())
    (confidence,) = decimals(chances[best : best + 1])
    return Prediction(best, confidence)


def locate(
    found: Detections, size: tuple[int, int], to_original: ToOriginal, mask_threshold: float
) -> tuple[Prediction, ...]:
    """Bring what was found into the original picture; of what reaches over its edge the inner part.

    A box of which nothing lies in the picture is left out. An object with an empty mask has its box as outline.

    Args:
        found: in pixels of the model's input.
        size: of the model's input, width and height.
        to_original: see there.
        mask_threshold: value from which a mask's pixel belongs to the object.
    """
    boxes = _inside(to_original(found.boxes.reshape(-1, 2, 2)).reshape(-1, 4))
    seen = np.flatnonzero((boxes[:, 2:] > boxes[:, :2]).all(axis=1))
    boxes, scores, classes = boxes[seen], np.clip(found.scores[seen], 0, 1), found.classes[seen]
    predictions = []
    for place, box, score, label in zip(seen, boxes.tolist(), decimals(scores), classes.tolist(), strict=True):
        contour = None
        if found.masks is not None:
            # Loaded with the first mask: OpenCV takes 20 MB, and most models have none.
            from modelport.gateway.tasks.masks import object_outline

            points = object_outline(found.masks[place], found.boxes[place], size, mask_threshold)
            outline = _inside(to_original(points)) if len(points) else _rectangle(*box)
            contour = tuple((x, y) for x, y in outline.tolist())
        predictions.append(Prediction(label, score, tuple(box), contour))
    return tuple(predictions)


def _inside(points: Array) -> Array:
    return np.round(np.clip(points, 0, 1), DECIMALS)


def _rectangle(x0: float, y0: float, x1: float, y1: float) -> Array:
    return np.array([(x0, y0), (x0, y1), (x1, y1), (x1, y0)])
