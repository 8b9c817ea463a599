"""`azureml`: class scores of pictures, by Azure's computer vision package ("エンドポイントを http 要求で直接…")."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from modelport.client.files import File, encode_file, read_file
from modelport.client.formats.base import Answer, Body, Served, quoted, to_json


@dataclass(frozen=True, slots=True)
class Scores:
    """What the model answered."""

    scores: tuple[tuple[float, ...], ...]
    """One of each class for each picture, in the pictures' order; NaN where the score is not finite."""
    served: Served


@dataclass(frozen=True, slots=True)
class AzureMl:
    """The scoring of pictures by Azure's computer vision package."""

    api: ClassVar[str] = "azureml"

    images: Sequence[File]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """For every picture: `add_softmax`, `image_resize_dims`."""

    def address(self, model: str) -> str:
        """Return the path of the scoring service."""
        return f"/api/v1/service/{quoted(model)}/score"

    def encode(self) -> Body:
        """Word the request."""
        parameters = dict(self.parameters)
        pictures = (encode_file(read_file(image)) for image in self.images)
        return Body(to_json([{"image_in_base64": text, "parameters": parameters} for text in pictures]))

    def decode(self, answer: Answer) -> Scores:
        """Read a list of scores for each picture."""
        rows = read_scores(answer.json())
        if len(rows) != len(self.images):
            raise ValueError("not one list of scores for each picture")
        return Scores(rows, answer.served)


def read_scores(rows: Any) -> tuple[tuple[float, ...], ...]:
    """Read a list of lists of numbers; null is NaN. Raise TypeError or ValueError for anything else."""
    return tuple(tuple(math.nan if score is None else float(score) for score in row) for row in rows)
