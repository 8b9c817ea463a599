"""`tensorflow-serving`: rows or columns to `:predict` (RESTful API of TensorFlow Serving, "Predict API")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from modelport.client.errors import InvalidCall
from modelport.client.formats.base import Answer, Body, Served, quoted, to_json


@dataclass(frozen=True, slots=True)
class Values:
    """What the model answered."""

    values: Any
    """Of `instances`: a list with one entry for each row. Of `inputs`: the output, or all outputs by name."""
    served: Served


@dataclass(frozen=True, slots=True)
class TensorFlowServing:
    """A prediction by TensorFlow Serving's API.

    Exactly one of `instances` and `inputs` is given: lists, numbers, strings, numpy arrays or dicts of them by the
    inputs' names. `bytes` travel as `{"b64": …}`.
    """

    api: ClassVar[str] = "tensorflow-serving"

    instances: Any = None
    """Rows."""
    inputs: Any = None
    """Columns."""
    signature_name: str = ""
    version: int | None = None
    label: str = ""

    def address(self, model: str) -> str:
        """Return the path of `:predict`, of one version or label if the request names it."""
        if self.version is not None and self.label:
            raise InvalidCall("version and label: expected one of them at most")
        place = "" if self.version is None else f"/versions/{self.version}"
        if self.label:
            place = f"/labels/{quoted(self.label)}"
        return f"/v1/models/{quoted(model)}{place}:predict"

    def encode(self) -> Body:
        """Word the request."""
        if (self.instances is None) == (self.inputs is None):
            raise InvalidCall("instances and inputs: expected exactly one of them")
        asked = {"instances": self.instances} if self.inputs is None else {"inputs": self.inputs}
        return Body(to_json(({"signature_name": self.signature_name} if self.signature_name else {}) | asked))

    def decode(self, answer: Answer) -> Values:
        """Read `predictions` of rows, `outputs` of columns."""
        return Values(answer.json()["predictions" if self.inputs is None else "outputs"], answer.served)
