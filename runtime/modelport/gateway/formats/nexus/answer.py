"""Predictions in the document's words: the body of an answer.

The document: "API Request Output".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelport.gateway.tasks.predictions import Prediction, class_name
from modelport.gateway.tensors import Array


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer will say; routines turn one into another."""

    predictions: tuple[Prediction, ...]
    """The most confident first."""
    chances: Array | None = None
    """Probabilities of all classes, of a classification model."""
    blocks: Mapping[str, Any] = field(default_factory=dict)
    """What routines add beside the predictions."""
    flagged: float | None = None
    """The doubt, 0 to 1, for which the picture is worth a second look; None where it is not."""


def build_answer(answer: Answer, labels: Sequence[str]) -> dict[str, Any]:
    """Return the document's own answer as JSON values."""
    seen = {each.label for each in answer.predictions}
    tags = {label: {"id": label, "name": class_name(label, labels)} for label in seen}
    worded = [_prediction(index, each, tags[each.label]) for index, each in enumerate(answer.predictions)]
    return {"predictions": worded, **answer.blocks}


def _prediction(index: int, prediction: Prediction, tag: Mapping[str, Any]) -> dict[str, Any]:
    if prediction.box is None:
        return {"confidence": prediction.confidence, "tag": tag}
    x0, y0, x1, y1 = prediction.box
    worded = {
        "annotationId": index,
        "bound": ((x0, y0), (x0, y1), (x1, y1), (x1, y0)),
        "boundType": "rectangle" if prediction.contour is None else "masks",
        "confidence": prediction.confidence,
        "tag": tag,
    }
    if prediction.contour is not None:
        worded |= {"contourType": "polygon", "contour": prediction.contour}
    return worded
