"""A request's inputs: a table in CSV, and what the answer should hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelport.gateway.codecs import base64
from modelport.gateway.codecs import json as codec
from modelport.gateway.codecs.csv import Table, parse_csv
from modelport.gateway.codecs.words import describe, member, quote
from modelport.gateway.errors import BadRequest
from modelport.gateway.formats.base import Model
from modelport.gateway.formats.entries import Entry, check_names, read_entries
from modelport.gateway.formats.prediction_one.columns import read_inputs
from modelport.gateway.tasks.tabular import CONTRIBUTIONS, prediction_output
from modelport.gateway.tensors import InferRequest

TABLE = "pr"
ADD_REASONS = "ar"
ADD_INPUTS = "ad"
NO_CLASSES = "nc"
NO_ROWS = "nr"
HEADING = "pc"

CSV = "csv"
BOOLEAN = "boolean"
STRING = "string"
TYPES: Mapping[str, str] = {
    TABLE: CSV,
    ADD_REASONS: BOOLEAN,
    ADD_INPUTS: BOOLEAN,
    NO_CLASSES: BOOLEAN,
    NO_ROWS: BOOLEAN,
    HEADING: STRING,
}
"""Names of the inputs and the type that each must say of itself. The table alone must be given."""

PREDICTION = "prediction"
"""What heads the prediction unless the request or `spec.io.tabular.target` says otherwise."""

_WORDS: Mapping[object, bool] = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as its answer needs it."""

    table: Table
    heading: str
    """Of the column with the prediction."""
    reasons: bool = False
    """Add what each column contributed."""
    inputs: bool = False
    """Repeat the table's own columns."""
    classes: bool = True
    """Add the probability of each class."""
    rows: bool = True
    """Add the rows' numbers."""


def decode_request(body: bytes, model: Model) -> InferRequest:
    """Read the body of an inference; raise BadRequest with the path."""
    asked = codec.loads(body, constants=False, depth=model.spec.limits.depth)
    if not isinstance(asked, dict):
        raise BadRequest(f"body: expected a JSON object, got {describe(asked)}")
    entries = read_entries(asked.get("inputs"))
    check_names(entries, TYPES, (TABLE,), "prediction-one")
    named = {entry.name: entry for entry in entries}
    for entry in entries:
        if entry.type != TYPES[entry.name]:
            path = member(entry.path, "type")
            raise BadRequest(f"{path}: expected {TYPES[entry.name]!r} for {quote(entry.name)}, got {quote(entry.type)}")
    note = Asked(
        table=_read_table(named[TABLE], model),
        heading=_read_heading(named.get(HEADING), model),
        reasons=_read_flag(named.get(ADD_REASONS)),
        inputs=_read_flag(named.get(ADD_INPUTS)),
        classes=not _read_flag(named.get(NO_CLASSES)),
        rows=not _read_flag(named.get(NO_ROWS)),
    )
    outputs = [prediction_output(model.meta)]
    if note.reasons:
        if CONTRIBUTIONS not in model.meta.outputs:
            path = member(named[ADD_REASONS].path, "data")
            raise BadRequest(f"{path}: the model gives no reasons: it has no output named {CONTRIBUTIONS!r}")
        outputs.append(CONTRIBUTIONS)
    return InferRequest(read_inputs(note.table, model), tuple(outputs), note=note)


def _read_table(entry: Entry, model: Model) -> Table:
    path = member(entry.path, "data")
    data = base64.decode(_text(entry.data, path, "base64 text of a csv file"), path)
    return parse_csv(data, path, cells=model.spec.limits.tensor_elements)


def _read_heading(entry: Entry | None, model: Model) -> str:
    if entry is not None:
        return _text(entry.data, member(entry.path, "data"), "the name of a column")
    tabular = model.spec.io.tabular
    return (tabular and tabular.target) or PREDICTION


def _read_flag(entry: Entry | None) -> bool:
    """Read true or false, in quotes too, as clients write who put every value into quotes."""
    if entry is None:
        return False
    given = entry.data.lower() if isinstance(entry.data, str) else entry.data
    if isinstance(given, bool):
        return given
    if not isinstance(given, str) or given not in _WORDS:
        raise BadRequest(f"{member(entry.path, 'data')}: expected true or false, got {describe(entry.data)}")
    return _WORDS[given]


def _text(value: Any, path: str, expected: str) -> str:
    if not isinstance(value, str) or not value:
        raise BadRequest(f"{path}: expected {expected}, got {describe(value)}")
    return value
