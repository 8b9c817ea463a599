"""`prediction-one`: predictions for the rows of a table (Prediction One's external APIs)."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from modelport.client.errors import InvalidCall
from modelport.client.files import File, encode_file, read_file
from modelport.client.formats.base import Answer, Body, Served, quoted, to_json

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TablePredictions:
    """What the model answered."""

    rows: tuple[Mapping[str, str], ...]
    """Of each row of the table, by column: `row`, `prediction`, `probability_<label>` …; empty text where the model
    said nothing."""
    reasons: tuple[Mapping[str, str], ...]
    """What each column contributed to each row's prediction; nothing unless it was asked for."""
    csv: str
    """The predictions as they came, for `pandas.read_csv(io.StringIO(...))`."""
    served: Served


@dataclass(frozen=True, slots=True)
class PredictionOne:
    """A prediction by the external APIs of Prediction One."""

    api: ClassVar[str] = "prediction-one"

    table: File | Sequence[Row]
    """A CSV file with a header; or rows by column, those of the first row. None, or no entry, is a value that is
    missing."""
    reasons: bool = False
    """Ask what each column contributed."""
    inputs: bool = False
    """Repeat the table's columns in the answer."""
    probabilities: bool = True
    """Name the probability of each class."""
    row_numbers: bool = True
    heading: str = ""
    """Of the column with the prediction; the model's own unless it is given."""

    def address(self, model: str) -> str:
        """Return the path of the inference."""
        return f"/v1/external/models/{quoted(model)}/inference"

    def encode(self) -> Body:
        """Word the request."""
        inputs = [{"name": "pr", "type": "csv", "data": encode_file(_to_csv(self.table))}]
        flags = {"ar": self.reasons, "ad": self.inputs, "nc": not self.probabilities, "nr": not self.row_numbers}
        wishes = [{"name": name, "type": "boolean", "data": True} for name, wanted in flags.items() if wanted]
        if self.heading:
            wishes.append({"name": "pc", "type": "string", "data": self.heading})
        return Body(to_json({"inputs": [*inputs, *wishes]}))

    def decode(self, answer: Answer) -> TablePredictions:
        """Read the tables."""
        texts = {each["name"]: base64.b64decode(each["data"]).decode() for each in answer.json()["outputs"]}
        text, reasons = texts["prediction"], texts.get("prediction_analysis", "")
        return TablePredictions(_read_rows(text), _read_rows(reasons), text, answer.served)


def _to_csv(table: File | Sequence[Row]) -> bytes:
    if not isinstance(table, Sequence) or isinstance(table, str | bytes):
        return read_file(table)
    if not table or not table[0]:
        raise InvalidCall("table: expected one or more rows of one or more columns")
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(table[0]))
    writer.writeheader()
    try:
        writer.writerows(table)
    except ValueError as error:
        raise InvalidCall(f"table: expected no other columns than those of the first row: {error}") from error
    return text.getvalue().encode()


def _read_rows(text: str) -> tuple[Mapping[str, str], ...]:
    return tuple(csv.DictReader(io.StringIO(text, newline=""), strict=True))
