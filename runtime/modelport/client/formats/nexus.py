"""`nexus`: what is in a picture (Datature Nexus, "Using and Managing Your Deployed API")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from modelport.client.files import File, encode_file, is_url, read_file
from modelport.client.formats.base import Answer, Body, Served, quoted, to_json

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Prediction:
    """One thing in the picture, or the picture's class."""

    tag: str
    """Name of the class."""
    tag_id: int
    confidence: float
    bound: tuple[Point, ...] = ()
    """Corners (x, y) of the box, in fractions of the picture; none of a classification."""
    contour: tuple[Point, ...] = ()
    """Corners of the outline in fractions, of a segmentation."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """What the model answered."""

    predictions: tuple[Prediction, ...]
    """The most confident first; none of them where COCO was asked for."""
    answer: Mapping[str, Any]
    """The whole answer as JSON values: what routines added stands here, and the COCO document."""
    served: Served


@dataclass(frozen=True, slots=True)
class Nexus:
    """A prediction by the API of a Nexus deployment."""

    api: ClassVar[str] = "nexus"

    image: File | NDArray[np.uint8]
    """A file; an http address, which the server fetches if the model allows it; or pixels [height, width, 3] or
    [height, width], uint8."""
    routines: Sequence[Mapping[str, Any]] = ()
    """Such as `{"name": "FilterConfidence", "confidence": 0.5}`, in order."""
    coco: bool = False
    """Whether the answer is a COCO annotation document."""

    def address(self, model: str) -> str:
        """Return the deployment's path."""
        return f"/{quoted(model)}/predict" + ("?format=coco" if self.coco else "")

    def encode(self) -> Body:
        """Word the request."""
        kind, data = _worded(self.image)
        routines = {"routines": list(self.routines)} if self.routines else {}
        return Body(to_json({"image_type": kind, "data": data, **routines}))

    def decode(self, answer: Answer) -> Predictions:
        """Read the predictions."""
        value = answer.json()
        found = () if self.coco else tuple(_read(each) for each in value["predictions"])
        return Predictions(found, value, answer.served)


def _worded(image: File | NDArray[np.uint8]) -> tuple[str, Any]:
    if isinstance(image, np.ndarray):
        return "array", image
    return ("url", image) if is_url(image) else ("base64", encode_file(read_file(image)))


def _read(value: Mapping[str, Any]) -> Prediction:
    tag = value["tag"]
    outlines = (tuple((float(x), float(y)) for x, y in value.get(name, ())) for name in ("bound", "contour"))
    return Prediction(tag["name"], tag["id"], float(value["confidence"]), *outlines)
